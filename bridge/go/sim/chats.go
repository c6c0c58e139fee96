package sim

import (
	"fmt"
	"strconv"
	"time"

	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/proto/waWeb"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

const (
	maxCrowd         = 100_000
	firstCrowdPhone  = 15557000000
	firstCrowdLID    = 200070000000000
	defaultChunkSize = 500
)

// Canary is part of every text that a simulated person writes, so that a test can look for it where no
// text may be.
const Canary = "canary-of-the-simulator"

// Chats describes conversations of the history: a crowd that is made up, and a list.
type Chats struct {
	Count int    `json:"count,omitempty"` // people of the crowd; their order and settings follow from it
	LIDs  int    `json:"lids,omitempty"`  // how many of them the phone knows by LID
	First uint64 `json:"first,omitempty"` // where the numbers of the crowd begin; set by the simulator
	List  []Chat `json:"list,omitempty"`
	// ChunkSize is how many chats one message of history has; 500 if it is 0.
	ChunkSize int `json:"chunk_size,omitempty"`
	// Media puts the chunks on the media host; else they are in the messages themselves.
	Media bool `json:"media,omitempty"`
}

// Chat is a conversation of the history. What is nil is not in it.
type Chat struct {
	JID           string  `json:"jid"`
	LID           string  `json:"lid,omitempty"`
	PN            string  `json:"pn,omitempty"`
	Name          string  `json:"name,omitempty"`
	Archived      *bool   `json:"archived,omitempty"`
	Pinned        *bool   `json:"pinned,omitempty"`
	MutedUntil    *int64  `json:"muted_until,omitempty"` // Unix milliseconds, -1 for ever
	UnreadCount   *uint32 `json:"unread_count,omitempty"`
	LastMessageAt int64   `json:"last_message_at,omitempty"` // Unix milliseconds
	Text          string  `json:"text,omitempty"`            // of its one message; none if empty
}

// person returns both JIDs of one of the crowd.
func (c Chats) person(i int) (pn, lid types.JID) {
	offset := c.First + uint64(i)
	return types.NewJID(strconv.FormatUint(firstCrowdPhone+offset, 10), types.DefaultUserServer),
		types.NewJID(strconv.FormatUint(firstCrowdLID+offset, 10), types.HiddenUserServer)
}

// all returns the crowd and the list. Of the crowd, the first are known by LID, each tenth is archived,
// each fifteenth muted for ever and each seventh unread.
func (c Chats) all() []Chat {
	chats := make([]Chat, 0, c.Count+len(c.List))
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range c.Count {
		pn, lid := c.person(i)
		unread := uint32(0)
		if i%7 == 0 {
			unread = 3
		}
		chat := Chat{
			JID: pn.String(), Name: fmt.Sprintf("Crowd %05d", i), Archived: proto.Bool(i%10 == 0),
			UnreadCount: &unread, LastMessageAt: begin.Add(time.Duration(i) * time.Minute).UnixMilli(),
			Text: Canary,
		}
		if i < c.LIDs {
			chat.JID, chat.PN = lid.String(), pn.String()
		}
		if i%15 == 0 {
			chat.MutedUntil = proto.Int64(-1)
		}
		chats = append(chats, chat)
	}
	return append(chats, c.List...)
}

// conversation writes a chat as phones do: times in seconds, the end of a mute in milliseconds.
func (c Chat) conversation() *waHistorySync.Conversation {
	made := &waHistorySync.Conversation{
		ID: &c.JID, Archived: c.Archived, UnreadCount: c.UnreadCount,
		EndOfHistoryTransfer: proto.Bool(true),
	}
	for field, text := range map[**string]string{
		&made.Name: c.Name, &made.LidJID: c.LID, &made.PnJID: c.PN,
	} {
		if text != "" {
			*field = &text
		}
	}
	if c.Pinned != nil && *c.Pinned {
		made.Pinned = proto.Uint32(1)
	} else if c.Pinned != nil {
		made.Pinned = proto.Uint32(0)
	}
	if c.MutedUntil != nil {
		made.MuteEndTime = proto.Uint64(uint64(*c.MutedUntil))
	}
	if c.LastMessageAt > 0 {
		seconds := uint64(c.LastMessageAt / 1000)
		made.LastMsgTimestamp, made.ConversationTimestamp = &seconds, &seconds
	}
	if c.Text != "" {
		made.Messages = []*waHistorySync.HistorySyncMsg{{Message: &waWeb.WebMessageInfo{
			Key: &waCommon.MessageKey{
				RemoteJID: &c.JID, FromMe: proto.Bool(false), ID: proto.String(newID()),
			},
			Message:          &waE2E.Message{Conversation: proto.String(c.Text)},
			MessageTimestamp: made.LastMsgTimestamp,
		}}}
	}
	return made
}
