package wa

import (
	"context"
	"sync"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"wuts/wa/engine"
)

const (
	groupListTime  = 30 * time.Second
	groupListTries = 3
)

// groupWatch counts the changes of groups, so that a list that was asked for before a change is not
// reported after it. mu guards the count and is held while either is spooled.
type groupWatch struct {
	mu      sync.Mutex
	changes int
}

type groupData struct {
	JID              string `json:"jid"`
	Subject          string `json:"subject,omitempty"`
	ParticipantCount int    `json:"participant_count,omitempty"`
	Left             bool   `json:"left,omitempty"`
}

// listGroups asks for the groups that the account is in, without their participants, and reports them.
func (f *feed) listGroups() {
	for range groupListTries {
		before := f.groups.count()
		ctx, cancel := context.WithTimeout(f.link.ctx, groupListTime)
		answer, err := engine.JoinedGroups(ctx, f.link.client, groupListTime)
		cancel()
		if err != nil {
			f.link.session.log.Warn("groups_not_listed")
			return // the next login asks again
		}
		if f.reportGroups(before, readGroups(answer)) {
			return
		}
	}
}

func (g *groupWatch) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.changes
}

// reportGroups spools a list, unless something has changed since it was asked for.
func (f *feed) reportGroups(before int, groups []groupData) bool {
	if !f.awaitRoom() {
		return true // the next login asks again
	}
	f.groups.mu.Lock()
	defer f.groups.mu.Unlock()
	if f.groups.changes != before {
		return false
	}
	f.keep(note{"group.list", map[string]any{"groups": groups}})
	return true
}

func readGroups(answer *waBinary.Node) []groupData {
	list := []groupData{}
	groups := answer.GetChildByTag("groups")
	for _, child := range groups.GetChildrenByTag("group") {
		attributes := child.AttrGetter()
		jid := types.NewJID(attributes.String("id"), types.GroupServer)
		count := attributes.OptionalInt("size")
		if count == 0 {
			count = len(child.GetChildrenByTag("participant"))
		}
		if attributes.OK() && jid.User != "" {
			list = append(list, groupData{
				JID: jid.String(), Subject: attributes.OptionalString("subject"), ParticipantCount: count,
			})
		}
	}
	return list
}

// joined reports a group that the account was put into.
func (f *feed) joined(event *events.JoinedGroup) bool {
	count := event.ParticipantCount
	if count == 0 {
		count = len(event.Participants)
	}
	return f.groupChanged(groupData{
		JID: event.JID.String(), Subject: event.Name, ParticipantCount: count,
	})
}

// regrouped reports what changed in a group, as far as a list of chats shows it.
func (f *feed) regrouped(event *events.GroupInfo) bool {
	change := groupData{JID: event.JID.String()}
	if event.Name != nil {
		change.Subject = event.Name.Name
	}
	change.Left = event.Delete != nil
	own := f.link.device.GetLID()
	for _, left := range event.Leave {
		if left.User == f.jid.User || (!own.IsEmpty() && left.User == own.User) {
			change.Left = true
		}
	}
	if change == (groupData{JID: change.JID}) {
		return f.tellPairs()
	}
	return f.groupChanged(change)
}

func (f *feed) groupChanged(change groupData) bool {
	if !f.tellPairs() || !f.awaitRoom() {
		return false
	}
	f.groups.mu.Lock()
	defer f.groups.mu.Unlock()
	f.groups.changes++
	return f.keep(note{"group.change", change})
}
