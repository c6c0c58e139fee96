package sim

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"wuts/sim/endpoint"
)

// ErrMessage is returned for a message that nobody could have written.
var ErrMessage = errors.New("unusable message")

// origin is who wrote a message, and what its stanza says of that.
type origin struct {
	endpoint *endpoint.Endpoint
	attrs    waBinary.Attrs
}

// Inbound describes a message of somebody to the account, or to one of its groups.
type Inbound struct {
	From types.JID // by phone number or LID, as the stanza is to have it
	Chat types.JID // a group; empty: the chat with the sender
	Text string    // Canary if empty
	Kind string    // text (the default), reaction or revoke
	Name string    // what the sender calls themselves
	At   time.Time // now if zero
	// Paired makes the stanza tell the sender's other JID.
	Paired bool
}

// Receive delivers a message to every device, and lets the phone do what it does by it. It returns the
// message's id.
func (a *Account) Receive(wanted Inbound) (string, error) {
	contact, err := a.server.contactOf(wanted.From)
	if err != nil {
		return "", err
	}
	if wanted.At.IsZero() {
		wanted.At = time.Now()
	}
	plain, err := proto.Marshal(wanted.content())
	if err != nil {
		return "", err
	}
	id := newID()
	a.update(func(b *batch) {
		if err = a.checkGroup(wanted.Chat); err != nil {
			return
		}
		sender := origin{endpoint: a.person(contact), attrs: wanted.attrs(contact)}
		for _, d := range a.sorted() {
			m := message{id: id, plain: plain, origin: &sender}
			d.remember(m)
			b.encrypt(d, m)
		}
		if wanted.Kind == "" || wanted.Kind == "text" {
			a.unarchiveSilently(wanted, contact)
		}
	})
	return id, err
}

func (a *Account) checkGroup(chat types.JID) error {
	if chat.IsEmpty() {
		return nil
	}
	for _, group := range a.groups {
		if group.JID == chat {
			return nil
		}
	}
	return fmt.Errorf("%w: %s is not a group of the account", ErrMessage, chat)
}

// person returns the keys with which somebody writes to this account.
func (a *Account) person(contact Contact) *endpoint.Endpoint {
	known := a.people[contact.PN.User]
	if known == nil {
		known = endpoint.New()
		a.people[contact.PN.User] = known
	}
	return known
}

func (w Inbound) content() *waE2E.Message {
	text := w.Text
	if text == "" {
		text = Canary
	}
	key := &waCommon.MessageKey{
		RemoteJID: proto.String(w.From.String()), FromMe: proto.Bool(false), ID: proto.String(newID()),
	}
	switch w.Kind {
	case "reaction":
		return &waE2E.Message{ReactionMessage: &waE2E.ReactionMessage{Key: key, Text: &text}}
	case "revoke":
		return &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{
			Type: waE2E.ProtocolMessage_REVOKE.Enum(), Key: key,
		}}
	}
	return &waE2E.Message{Conversation: &text}
}

// attrs writes the stanza's attributes; clients learn the other JID from them.
func (w Inbound) attrs(contact Contact) waBinary.Attrs {
	attrs := waBinary.Attrs{"t": w.At.Unix(), "type": "text"}
	if w.Name != "" {
		attrs["notify"] = w.Name
	}
	isLID := w.From.Server == types.HiddenUserServer
	sender, prefix := "from", "sender_"
	if !w.Chat.IsEmpty() {
		attrs["from"], attrs["addressing_mode"] = w.Chat, "pn"
		sender, prefix = "participant", "participant_"
		if isLID {
			attrs["addressing_mode"] = "lid"
		}
	}
	attrs[sender] = w.From
	switch {
	case w.Paired && isLID:
		attrs[prefix+"pn"] = contact.PN
	case w.Paired:
		attrs[prefix+"lid"] = contact.LID
	}
	return attrs
}

// Send lets the phone write to a chat, and copies it to every device. It returns the message's id.
func (a *Account) Send(chat types.JID, text string) (string, error) {
	if text == "" {
		text = Canary
	}
	plain, err := proto.Marshal(&waE2E.Message{DeviceSentMessage: &waE2E.DeviceSentMessage{
		DestinationJID: proto.String(chat.String()),
		Message:        &waE2E.Message{Conversation: &text},
	}})
	if err != nil {
		return "", err
	}
	id := newID()
	a.update(func(b *batch) {
		attrs := waBinary.Attrs{
			"from": a.pn, "recipient": chat, "t": time.Now().Unix(), "type": "text", "notify": a.name,
		}
		if chat.Server == types.GroupServer {
			delete(attrs, "recipient")
			attrs["from"], attrs["participant"] = chat, a.pn
		}
		sender := origin{endpoint: a.phone, attrs: attrs}
		for _, d := range a.sorted() {
			m := message{id: id, plain: plain, origin: &sender}
			d.remember(m)
			b.encrypt(d, m)
		}
	})
	return id, err
}

// unarchiveSilently takes a chat out of the archive as the phone sees it, if it is set to; no patch says
// so.
func (a *Account) unarchiveSilently(received Inbound, contact Contact) {
	if !a.unarchive {
		return
	}
	chat := received.Chat
	if chat.IsEmpty() {
		chat = a.address(contact)
	}
	if _, current, err := a.book.Hash("regular_low"); err == nil {
		a.unarchived[chat.String()] = current
	}
}

// IsArchived says whether a chat is in the archive as the phone sees it: by the app state, unless a later
// message took it out.
func (a *Account) IsArchived(chat types.JID) (bool, error) {
	view, err := a.book.View("regular_low")
	if err != nil {
		return false, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, entry := range view.Entries {
		if len(entry.Index) == 2 && entry.Index[0] == "archive" && entry.Index[1] == chat.String() {
			var value struct {
				Action struct{ Archived bool } `json:"archiveChatAction"`
			}
			err = json.Unmarshal(entry.Value, &value)
			return value.Action.Archived && entry.Version > a.unarchived[chat.String()], err
		}
	}
	return false, nil
}

// TellPairs sends every device the pairs of phone numbers and LIDs of all contacts, as a phone does that
// begins to address users by LID.
func (a *Account) TellPairs() {
	a.update(func(b *batch) {
		for _, d := range a.sorted() {
			b.tell(d, pairMessage(a.lidMappings()))
		}
	})
}
