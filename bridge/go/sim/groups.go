package sim

import (
	"fmt"
	"slices"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// ErrGroup is returned for a group that there is already, or that there is not.
var ErrGroup = fmt.Errorf("%w: no such group, or it exists", ErrMessage)

// listGroups answers which groups the account is in.
func listGroups(r request) {
	r.stream.withDevice(func(b *batch, _ *device) {
		var groups []waBinary.Node
		for _, group := range b.account.groups {
			groups = append(groups, group.node())
		}
		b.reply(r.stream, r.result(waBinary.Node{Tag: "groups", Content: groups}))
	})
}

func (g Group) node() waBinary.Node {
	now := time.Now().Unix()
	attrs := waBinary.Attrs{"id": g.JID.User, "subject": g.Subject, "s_t": now, "creation": now}
	if g.Size > 0 {
		attrs["size"] = g.Size
	}
	return waBinary.Node{Tag: "group", Attrs: attrs}
}

// CreateGroup puts the account into a new group.
func (a *Account) CreateGroup(group Group) error {
	return a.changeGroup(group.JID, false, func(b *batch, _ int) waBinary.Node {
		a.groups = append(a.groups, group)
		return waBinary.Node{
			Tag: "create", Attrs: waBinary.Attrs{"type": "new"}, Content: []waBinary.Node{group.node()},
		}
	})
}

// RenameGroup gives a group another subject.
func (a *Account) RenameGroup(jid types.JID, subject string) error {
	return a.changeGroup(jid, true, func(b *batch, at int) waBinary.Node {
		a.groups[at].Subject = subject
		return waBinary.Node{Tag: "subject", Attrs: waBinary.Attrs{
			"subject": subject, "s_t": time.Now().Unix(), "s_o": a.pn,
		}}
	})
}

// LeaveGroup takes the account out of a group.
func (a *Account) LeaveGroup(jid types.JID) error {
	return a.changeGroup(jid, true, func(b *batch, at int) waBinary.Node {
		a.groups = slices.Delete(a.groups, at, at+1)
		return waBinary.Node{Tag: "remove", Content: []waBinary.Node{{
			Tag: "participant", Attrs: waBinary.Attrs{"jid": a.pn},
		}}}
	})
}

// changeGroup changes a group that is known or not, as said, and tells every device what became of it.
func (a *Account) changeGroup(
	jid types.JID, isKnown bool, change func(b *batch, at int) waBinary.Node,
) error {
	if jid.Server != types.GroupServer || jid.User == "" {
		return ErrGroup
	}
	err := ErrGroup
	a.update(func(b *batch) {
		at := slices.IndexFunc(a.groups, func(group Group) bool { return group.JID == jid })
		if (at >= 0) != isKnown {
			return
		}
		b.notifyGroup(jid, change(b, at))
		b.changed, err = true, nil
	})
	return err
}

// notifyGroup tells every device of a change of a group.
func (b *batch) notifyGroup(jid types.JID, child waBinary.Node) {
	for _, d := range b.account.sorted() {
		id := newID()
		b.deliver(d, queued{ID: id, Node: waBinary.Node{
			Tag: "notification",
			Attrs: waBinary.Attrs{
				"from": jid, "type": "w:gp2", "id": id, "t": time.Now().Unix(), "participant": b.account.pn,
			},
			Content: []waBinary.Node{child},
		}})
	}
}
