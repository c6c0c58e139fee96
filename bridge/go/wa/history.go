package wa

import (
	"context"
	"errors"
	"strings"
	"time"

	"go.mau.fi/util/dbutil"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

const (
	// historiesAtOnce bounds how many blobs of history are read at the same time, for all devices together.
	historiesAtOnce = 2
	// maxHistoryTries is how often a blob is tried before it is given up.
	maxHistoryTries = 5
)

// historyTable holds what the phone has announced of its history and what is not read yet. It goes with
// the keys.
const historyTable = `
CREATE TABLE wuts_history (
	notice_id INTEGER PRIMARY KEY AUTOINCREMENT,
	our_jid   TEXT NOT NULL REFERENCES whatsmeow_device(jid) ON DELETE CASCADE ON UPDATE CASCADE,
	notice    BLOB NOT NULL
);
CREATE INDEX wuts_history_our_jid ON wuts_history (our_jid);`

type historyNotice struct {
	id     int64
	notice *waE2E.HistorySyncNotification
}

// keepNotice writes a notice down. It joins the context's transaction.
func (f *feed) keepNotice(ctx context.Context, notice *waE2E.HistorySyncNotification) error {
	text, err := proto.Marshal(notice)
	if err != nil {
		return err
	}
	_, err = f.link.session.tenant.store.db.Exec(ctx,
		"INSERT INTO wuts_history (our_jid, notice) VALUES ($1, $2)", f.jid, text)
	return err
}

// notices lists what waits, oldest first.
func (f *feed) notices(ctx context.Context) ([]historyNotice, error) {
	rows, err := f.link.session.tenant.store.db.Query(ctx,
		"SELECT notice_id, notice FROM wuts_history WHERE our_jid=$1 ORDER BY notice_id", f.jid)
	return dbutil.NewRowIterWithError(rows, func(row dbutil.Scannable) (historyNotice, error) {
		var text []byte
		found := historyNotice{notice: &waE2E.HistorySyncNotification{}}
		if err := row.Scan(&found.id, &text); err != nil {
			return found, err
		}
		return found, proto.Unmarshal(text, found.notice)
	}, err).AsList()
}

func (f *feed) dropNotice(ctx context.Context, id int64) error {
	_, err := f.link.session.tenant.store.db.Exec(ctx, "DELETE FROM wuts_history WHERE notice_id=$1", id)
	return err
}

func (f *feed) wakeHistory() {
	select {
	case f.historyDue <- struct{}{}:
	default:
	}
}

// runHistory reads blobs of history, one after the other, whenever there are any and a connection.
func (f *feed) runHistory() {
	for {
		select {
		case <-f.historyDue:
		case <-f.link.ctx.Done():
			return
		}
		waiting, err := f.notices(f.link.ctx)
		if err != nil && f.link.ctx.Err() == nil {
			f.link.session.log.Error("history_not_listed")
		}
		for _, found := range waiting {
			if !f.readHistory(found) {
				break // the next connection tries again
			}
		}
	}
}

// readHistory takes its turn, reads one blob and forgets its notice. A blob that can't be had is given up
// in the end, which is a gap that is reported. Reports false if there is no use in going on now.
func (f *feed) readHistory(found historyNotice) bool {
	slots := f.link.session.histories
	for try := 1; ; try++ {
		select {
		case slots <- struct{}{}:
		case <-f.link.ctx.Done():
			return false
		}
		err := f.takeHistory(found.notice)
		<-slots
		if err == nil {
			return f.dropNotice(f.link.ctx, found.id) == nil
		}
		if f.link.ctx.Err() != nil || errors.Is(err, errNotKept) || !f.link.isUp.Load() {
			return false
		}
		if try == maxHistoryTries {
			f.link.session.log.Error("history_given_up", "kind", historyKind(found.notice.GetSyncType()))
			return f.spool(note{"events.gap", map[string]any{"reason": "history_lost"}}) &&
				f.dropNotice(f.link.ctx, found.id) == nil
		}
		if !f.pause(f.link.session.timing.RetryBase << try) {
			return false
		}
	}
}

func (f *feed) pause(wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-f.link.ctx.Done():
		return false
	}
}

// errNotKept says that events could not be spooled; the session connects anew.
var errNotKept = errors.New("the events of a history were not kept")

// takeHistory downloads a blob, unless it is in the notice itself, and reports what is in it.
func (f *feed) takeHistory(notice *waE2E.HistorySyncNotification) error {
	history, err := f.link.client.DownloadHistorySync(f.link.ctx, notice, true)
	if err != nil {
		return err
	}
	for _, conversation := range history.GetConversations() {
		conversation.Messages = nil
	}
	f.learnFrom(history)
	notes := append(chatNotes(history), nameNotes(history)...)
	notes = append(notes, note{"history.end", map[string]any{"kind": historyKind(notice.GetSyncType())}})
	if !f.tellPairs() || !f.spool(notes...) {
		return errNotKept
	}
	return nil
}

func historyKind(kind interface{ String() string }) string {
	return strings.ToLower(kind.String())
}

// learnFrom notes the pairs that stand beside a history's chats and contacts; those of its own list come
// by way of whatsmeow's table.
func (f *feed) learnFrom(history *waHistorySync.HistorySync) {
	for _, conversation := range history.GetConversations() {
		jid, _ := types.ParseJID(conversation.GetID())
		lid, _ := types.ParseJID(conversation.GetLidJID())
		pn, _ := types.ParseJID(conversation.GetPnJID())
		f.learn(lid, jid)
		f.learn(jid, pn)
	}
	for _, contact := range history.GetInlineContacts() {
		lid, _ := types.ParseJID(contact.GetLidJID())
		pn, _ := types.ParseJID(contact.GetPnJID())
		f.learn(lid, pn)
	}
}

type historyChatsData struct {
	Progress uint32     `json:"progress,omitempty"`
	Chats    []chatData `json:"chats"`
}

type chatData struct {
	JID           string `json:"jid"`
	LID           string `json:"lid,omitempty"`
	PN            string `json:"pn,omitempty"`
	Name          string `json:"name,omitempty"`
	Archived      *bool  `json:"archived,omitempty"`
	Pinned        *bool  `json:"pinned,omitempty"`
	MutedUntil    *int64 `json:"muted_until,omitempty"`
	Read          *bool  `json:"read,omitempty"`
	LastMessageAt int64  `json:"last_message_at,omitempty"`
}

// chatNotes makes events of a history's chats.
func chatNotes(history *waHistorySync.HistorySync) []note {
	var chats []chatData
	for _, conversation := range history.GetConversations() {
		if jid, err := types.ParseJID(conversation.GetID()); err == nil && isChat(jid) {
			chats = append(chats, readChat(jid, conversation))
		}
	}
	var notes []note
	for len(chats) > 0 {
		size := min(maxPerEvent, len(chats))
		notes = append(notes, note{"history.chats", historyChatsData{history.GetProgress(), chats[:size]}})
		chats = chats[size:]
	}
	return notes
}

func readChat(jid types.JID, from *waHistorySync.Conversation) chatData {
	chat := chatData{
		JID: jid.ToNonAD().String(), LID: from.GetLidJID(), PN: from.GetPnJID(),
		Name: from.GetName(), Archived: from.Archived,
	}
	if chat.Name == "" {
		chat.Name = from.GetDisplayName()
	}
	if from.Pinned != nil {
		chat.Pinned = proto.Bool(from.GetPinned() > 0)
	}
	if from.MuteEndTime != nil {
		chat.MutedUntil = proto.Int64(milliseconds(from.GetMuteEndTime()))
	}
	if from.UnreadCount != nil || from.MarkedAsUnread != nil {
		chat.Read = proto.Bool(from.GetUnreadCount() == 0 && !from.GetMarkedAsUnread())
	}
	last := from.GetLastMsgTimestamp()
	if last == 0 {
		last = from.GetConversationTimestamp()
	}
	chat.LastMessageAt = milliseconds(last)
	return chat
}

// milliseconds makes Unix milliseconds of a time that phones write in seconds, or in milliseconds, which
// is seen by its size. -1, for ever, stays.
func milliseconds(value uint64) int64 {
	const firstMilliseconds = 100_000_000_000
	signed := int64(value)
	if signed < 0 {
		return -1
	}
	if signed >= firstMilliseconds {
		return signed
	}
	return signed * 1000
}

// nameNotes makes events of the names that a history tells of people.
func nameNotes(history *waHistorySync.HistorySync) []note {
	var notes []note
	tell := func(id string, name contactNameData) {
		jid, err := types.ParseJID(id)
		if err != nil || !isChat(jid) || jid.Server == types.GroupServer {
			return
		}
		name.JID = jid.ToNonAD().String()
		notes = append(notes, note{"contact.name", name})
	}
	for _, user := range history.GetPushnames() {
		if name := user.GetPushname(); name != "" && name != "-" {
			tell(user.GetID(), contactNameData{PushName: name})
		}
	}
	for _, contact := range history.GetInlineContacts() {
		id := contact.GetPnJID()
		if id == "" {
			id = contact.GetLidJID()
		}
		if name := contact.GetFullName(); name != "" {
			tell(id, contactNameData{Name: name})
		}
	}
	return notes
}
