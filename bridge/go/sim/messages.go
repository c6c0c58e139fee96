package sim

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"wuts/sim/endpoint"
	"wuts/sim/wire"
)

// handle applies one stanza of the client.
func (s *stream) handle(next arrival) {
	node := next.node
	kind := wire.Attr(*node, "type")
	if node.Tag == "iq" && (kind == "result" || kind == "error") {
		if s.pairing != nil {
			s.pairing.answered(node)
		}
		return
	}
	if s.account == nil && (node.Tag != "iq" || !slices.Contains(beforeLogin, wire.Attr(*node, "xmlns"))) {
		if node.Tag != "ib" && node.Tag != "ack" {
			s.violate(violationStanza, node.Tag+" before login")
		}
		return
	}
	switch node.Tag {
	case "iq":
		s.request(next)
	case "message":
		s.message(node)
	case "receipt":
		s.receipt(node)
	case "ack":
		s.acknowledged(node)
	case "call":
		s.call(node)
	case "presence":
		s.presence(node)
	case "chatstate":
		s.typing(node)
	case "ib":
	default:
		s.violate(violationStanza, node.Tag)
	}
}

// beforeLogin are the namespaces of what a device that is not linked may ask: whether the server is there,
// and to be linked.
var beforeLogin = []string{"w:p", "md"}

// withDevice runs a change for this connection's device, unless it was unlinked meanwhile.
func (s *stream) withDevice(change func(b *batch, d *device)) {
	s.account.update(func(b *batch) {
		if d := s.account.devices[s.device]; d != nil && d.stream == s {
			change(b, d)
		}
	})
}

func (s *stream) acknowledged(node *waBinary.Node) {
	s.withDevice(func(b *batch, d *device) {
		d.note(&d.acks, node)
		if wire.Attr(*node, "class") == "call" {
			b.noteOfferAck(d, wire.Attr(*node, "id"))
		}
		b.stale = d.acknowledge(wire.Attr(*node, "id")) || b.stale
	})
}

// message takes a companion's message to its own phone, or to others.
func (s *stream) message(node *waBinary.Node) {
	to, _ := node.Attrs["to"].(types.JID)
	s.withDevice(func(b *batch, d *device) {
		if wire.Attr(*node, "category") != "peer" || !s.account.isOwn(to) {
			s.relay(b, d, node, to)
			return
		}
		b.reply(s, ackFor(node))
		if err := b.open(d, node); err != nil {
			s.violate(violationUndecryptable, err.Error())
		}
	})
}

// ackFor builds the server's acknowledgement of a stanza.
func ackFor(node *waBinary.Node) waBinary.Node {
	attrs := waBinary.Attrs{
		"class": node.Tag, "id": node.Attrs["id"], "from": node.Attrs["to"], "t": time.Now().Unix(),
	}
	switch node.Tag {
	case "message":
	case "call":
		attrs["type"] = wire.FirstChild(*node).Tag
	default:
		attrs["type"] = node.Attrs["type"]
	}
	return waBinary.Node{Tag: "ack", Attrs: attrs}
}

// open decrypts a message at the phone and lets it act on it.
func (b *batch) open(d *device, node *waBinary.Node) error {
	enc := node.GetChildByTag("enc")
	address := b.account.signalAddress(d.ID)
	b.changed = true
	plain, err := b.account.phone.Decrypt(
		context.Background(), address, wire.Attr(enc, "type"), wire.Content(enc))
	if err != nil {
		b.account.phone.Forget(address)
		return fmt.Errorf("peer message: %w", err)
	}
	return b.hear(d, wire.Attr(*node, "id"), plain)
}

// receipt takes a stanza off the queue, or sends a message again that could not be read.
func (s *stream) receipt(node *waBinary.Node) {
	id := wire.Attr(*node, "id")
	s.withDevice(func(b *batch, d *device) {
		d.note(&d.receipts, node)
		b.reply(s, ackFor(node))
		if wire.Attr(*node, "type") == "retry" {
			if author := b.authorOf(node); author != nil {
				b.passOn(d, author, node)
			} else if err := b.again(d, node); err != nil {
				s.violate(violationContent, "retry receipt: "+err.Error())
			}
			return
		}
		b.stale = d.acknowledge(id) || b.stale
	})
}

// again encrypts a message anew, in a session made from the keys that came with the receipt.
func (b *batch) again(d *device, receipt *waBinary.Node) error {
	m := d.recall(wire.Attr(*receipt, "id"))
	if m == nil {
		b.account.server.log.Info("retry_of_unknown_message", "device", d.ID)
		return nil
	}
	m.tries++
	address := b.account.signalAddress(d.ID)
	writer := b.writer(*m)
	writer.Forget(address)
	if keys, ok := receipt.GetOptionalChildByTag("keys"); ok {
		bundle, err := readRetryKeys(receipt, keys)
		if err != nil {
			return err
		}
		if err = writer.Open(context.Background(), address, bundle); err != nil {
			return err
		}
	}
	b.encrypt(d, *m)
	return nil
}

func readRetryKeys(receipt *waBinary.Node, keys waBinary.Node) (endpoint.Bundle, error) {
	registration := wire.Content(receipt.GetChildByTag("registration"))
	identity := wire.Content(keys.GetChildByTag("identity"))
	signed, err := readSignedPreKey(keys.GetChildByTag("skey"))
	if err != nil {
		return endpoint.Bundle{}, err
	}
	if len(registration) != 4 || len(identity) != 32 {
		return endpoint.Bundle{}, errPreKey
	}
	bundle := endpoint.Bundle{
		RegistrationID: binary.BigEndian.Uint32(registration),
		Identity:       [32]byte(identity), Signed: signed,
	}
	if node, ok := keys.GetOptionalChildByTag("key"); ok {
		oneTime, err := readPreKey(node)
		if err != nil {
			return endpoint.Bundle{}, err
		}
		bundle.OneTime = &oneTime
	}
	return bundle, nil
}
