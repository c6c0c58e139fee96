package sim

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/libsignal/signalerror"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"wuts/sim/endpoint"
	"wuts/sim/faults"
	"wuts/sim/wire"
)

const (
	textsKept  = 20_000 // of each account
	maxRetries = 4      // of somebody who can't read a message
)

// Text is what a companion wrote to somebody, as it was read there.
type Text struct {
	ID       string    `json:"id"`
	To       types.JID `json:"to"` // as it was addressed
	PN       types.JID `json:"pn"` // the same person's
	Text     string    `json:"text"`
	Device   uint16    `json:"device"`
	Arrivals int       `json:"arrivals"`           // how often a message of this id came; who reads it sees one
	Retried  bool      `json:"retried,omitempty"`  // it was readable only when it came again
	OnPhone  bool      `json:"on_phone,omitempty"` // the own phone has got its copy
	At       time.Time `json:"at"`
}

// parcel is one copy of a companion's message.
type parcel struct {
	from    *device
	message *waBinary.Node
	to      types.JID
	enc     waBinary.Node
}

// relay hands each copy of a companion's message to whom it is for.
func (s *stream) relay(b *batch, d *device, node *waBinary.Node, to types.JID) {
	reply := ackFor(node)
	parcels := parcelsOf(d, node, to)
	switch {
	case to.Server != types.DefaultUserServer && to.Server != types.HiddenUserServer:
		s.violate(violationUnsupported, "message to "+to.Server)
		reply.Attrs["error"] = "501"
		parcels = nil
	case !s.server.knows(to):
		s.violate(violationContent, "message to somebody who does not exist")
		reply.Attrs["error"] = "404"
		parcels = nil
	case !b.reaches(parcels, to):
		s.violate(violationContent, "message without a copy that its recipient can read")
	}
	b.reply(s, reply)
	isOwn := func(p parcel) bool { return b.account.isOwn(p.to) }
	others := slices.DeleteFunc(slices.Clone(parcels), isOwn)
	copies := slices.DeleteFunc(parcels, func(p parcel) bool { return !isOwn(p) })
	for _, p := range append(others, copies...) {
		if err := b.hand(p); err != nil {
			s.violate(violationUndecryptable, err.Error())
		}
	}
}

// parcelsOf splits a message into its copies. One that is sent again has a single one.
func parcelsOf(d *device, node *waBinary.Node, to types.JID) []parcel {
	if enc, ok := node.GetOptionalChildByTag("enc"); ok {
		return []parcel{{d, node, to, enc}}
	}
	participants := node.GetChildByTag("participants")
	var parcels []parcel
	for _, child := range participants.GetChildrenByTag("to") {
		jid, _ := child.Attrs["jid"].(types.JID)
		parcels = append(parcels, parcel{d, node, jid, child.GetChildByTag("enc")})
	}
	return parcels
}

// reaches says whether one of the copies is for the recipient.
func (b *batch) reaches(parcels []parcel, to types.JID) bool {
	for _, p := range parcels {
		if p.to.User == to.User || b.account.isOwn(to) && b.account.isOwn(p.to) {
			return true
		}
	}
	return false
}

func (a *Account) isOwn(jid types.JID) bool { return jid.User == a.pn.User || jid.User == a.lid.User }

// hand gives a copy to the own phone, to another companion, or to somebody else. Everybody else has one
// device, with keys of their own for this account. A companion that does not exist any more gets nothing.
func (b *batch) hand(p parcel) error {
	switch {
	case b.account.isOwn(p.to) && p.to.Device == 0:
		return b.readOnPhone(p)
	case b.account.isOwn(p.to):
		if sibling := b.account.devices[p.to.Device]; sibling != nil {
			b.forward(sibling, p)
		}
		return nil
	case p.to.Device != 0:
		return fmt.Errorf("copy for %s, who has one device", p.to)
	}
	return b.readAt(p)
}

// forward sends another companion its copy as it is.
func (b *batch) forward(sibling *device, p parcel) {
	attrs := waBinary.Attrs{
		"from": b.account.lidOf(p.from.ID), "recipient": p.message.Attrs["to"], "id": p.message.Attrs["id"],
		"t": time.Now().Unix(), "type": p.message.Attrs["type"], "notify": b.account.name,
	}
	if recipient, ok := p.message.Attrs["recipient"]; ok {
		attrs["recipient"] = recipient // it is sent again, and addressed to the companion
	}
	content := []waBinary.Node{p.enc}
	if identity, ok := p.message.GetOptionalChildByTag("device-identity"); ok {
		content = append(content, identity)
	}
	id := wire.Attr(*p.message, "id")
	b.deliver(sibling, queued{ID: id, Node: waBinary.Node{Tag: "message", Attrs: attrs, Content: content}})
}

// authorOf returns the companion whose message another one could not read, or nil if it is the phone's or
// somebody else's.
func (b *batch) authorOf(receipt *waBinary.Node) *device {
	to, _ := receipt.Attrs["to"].(types.JID)
	if !b.account.isOwn(to) || to.Device == 0 {
		return nil
	}
	return b.account.devices[to.Device]
}

// passOn hands a companion's receipt to the author of the message.
func (b *batch) passOn(reader, author *device, receipt *waBinary.Node) {
	node := *receipt
	node.Attrs = maps.Clone(receipt.Attrs)
	delete(node.Attrs, "to")
	node.Attrs["from"], node.Attrs["t"] = b.account.lidOf(reader.ID), time.Now().Unix()
	id := wire.Attr(node, "id")
	b.deliver(author, queued{ID: id, Coalesce: "retry/" + id, Node: node})
}

func (b *batch) readOnPhone(p parcel) error {
	plain, err := b.decrypt(b.account.phone, p)
	if err != nil {
		b.account.phone.Forget(b.account.signalAddress(p.from.ID))
		return fmt.Errorf("copy for the own phone: %w", err)
	}
	if text := b.account.text(wire.Attr(*p.message, "id")); text != nil && plain != nil {
		text.OnPhone = true
	}
	return nil
}

// decrypt reads a copy. One that was read before gives nothing.
func (b *batch) decrypt(reader *endpoint.Endpoint, p parcel) ([]byte, error) {
	b.changed = true
	plain, err := reader.Decrypt(
		context.Background(), b.account.signalAddress(p.from.ID), wire.Attr(p.enc, "type"), wire.Content(p.enc))
	if errors.Is(err, signalerror.ErrOldCounter) {
		return nil, nil
	}
	return plain, err
}

// readAt lets somebody read what a companion wrote, or ask for it again.
func (b *batch) readAt(p parcel) error {
	contact, err := b.account.server.contactOf(p.to.ToNonAD())
	if err != nil {
		return err
	}
	reader := b.account.person(contact)
	if b.account.disturbance(faults.OnRead, p.from.ID, "") != nil {
		return b.askAgain(p, reader)
	}
	plain, err := b.decrypt(reader, p)
	if err != nil {
		return errors.Join(fmt.Errorf("at %s: %w", p.to, err), b.askAgain(p, reader))
	}
	if plain == nil {
		b.account.arriveAgain(wire.Attr(*p.message, "id"))
		return nil
	}
	received := &waE2E.Message{}
	if err = proto.Unmarshal(plain, received); err != nil {
		return err
	}
	b.account.keep(p, contact, received)
	return nil
}

// keep notes what somebody has read.
func (a *Account) keep(p parcel, contact Contact, received *waE2E.Message) {
	id := wire.Attr(*p.message, "id")
	setting := received.GetProtocolMessage()
	if setting.GetType() == waE2E.ProtocolMessage_EPHEMERAL_SETTING {
		a.timers = append(a.timers, Timer{
			Chat: p.to.ToNonAD(), PN: contact.PN, Seconds: setting.GetEphemeralExpiration(),
			Device: p.from.ID, At: time.Now().UTC(),
		})
		return
	}
	if a.arriveAgain(id) {
		return
	}
	if len(a.texts) == textsKept {
		a.texts = a.texts[1:]
	}
	text := received.GetConversation()
	if text == "" {
		text = received.GetExtendedTextMessage().GetText()
	}
	a.texts = append(a.texts, &Text{
		ID: id, To: p.to.ToNonAD(), PN: contact.PN, Text: text, Device: p.from.ID, Arrivals: 1,
		Retried: a.retries[id] > 0, At: time.Now().UTC(),
	})
	delete(a.retries, id)
}

// arriveAgain counts a message whose id was read before, and says whether there is one.
func (a *Account) arriveAgain(id string) bool {
	known := a.text(id)
	if known == nil {
		return false
	}
	known.Arrivals++
	return true
}

func (a *Account) text(id string) *Text {
	for i := len(a.texts) - 1; i >= 0; i-- {
		if a.texts[i].ID == id {
			return a.texts[i]
		}
	}
	return nil
}

// Texts returns what companions wrote to others since the start, the oldest first.
func (a *Account) Texts() []Text {
	a.mu.Lock()
	defer a.mu.Unlock()
	texts := make([]Text, len(a.texts))
	for i, text := range a.texts {
		texts[i] = *text
	}
	return texts
}

// askAgain lets somebody ask a companion for a message that they could not read, in a new session.
func (b *batch) askAgain(p parcel, reader *endpoint.Endpoint) error {
	id := wire.Attr(*p.message, "id")
	b.account.retries[id]++
	if b.account.retries[id] > maxRetries {
		delete(b.account.retries, id)
		return fmt.Errorf("%s gave up asking for a message", p.to)
	}
	reader.Forget(b.account.signalAddress(p.from.ID))
	bundle := reader.Bundle()
	b.deliver(p.from, queued{ID: id, Coalesce: "retry/" + id, Node: waBinary.Node{
		Tag:   "receipt",
		Attrs: waBinary.Attrs{"from": p.to, "type": "retry", "id": id, "t": time.Now().Unix()},
		Content: []waBinary.Node{
			{Tag: "retry", Attrs: waBinary.Attrs{
				"count": b.account.retries[id], "id": id, "t": time.Now().Unix(), "v": "1",
			}},
			{Tag: "registration", Content: binary.BigEndian.AppendUint32(nil, bundle.RegistrationID)},
			{Tag: "keys", Content: append(
				[]waBinary.Node{{Tag: "type", Content: []byte{ecc.DjbType}}}, keyNodes(bundle)...)},
		},
	}})
	return nil
}
