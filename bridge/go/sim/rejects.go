package sim

import (
	"fmt"
	"slices"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"wuts/sim/wire"
)

// call takes what a companion says about a call, which is that it refuses it.
func (s *stream) call(node *waBinary.Node) {
	s.withDevice(func(b *batch, d *device) {
		b.reply(s, ackFor(node))
		child := wire.FirstChild(*node)
		c := b.account.call(wire.Attr(child, "call-id"))
		if complaint := faultOfReject(node, child, c); complaint != "" {
			s.violate(violationContent, "reject of a call: "+complaint)
			return
		}
		if c != nil {
			b.reject(s, d, c)
		}
	})
}

// faultOfReject says what is wrong with a refusal, or nothing. The server knows no more of a call from
// before its start than that it is named.
func faultOfReject(node *waBinary.Node, child waBinary.Node, c *Call) string {
	to, _ := node.Attrs["to"].(types.JID)
	creator, _ := child.Attrs["call-creator"].(types.JID)
	switch {
	case child.Tag != "reject" || len(node.GetChildren()) != 1:
		return fmt.Sprintf("there is no reject alone in it, but %d of %s", len(node.GetChildren()), child.Tag)
	case wire.Attr(*node, "id") == "":
		return "it has no id"
	case wire.Attr(child, "call-id") == "":
		return "it names no call"
	case wire.Attr(child, "count") != "0":
		return "its count is not 0"
	case len(child.GetChildren()) != 0:
		return "it has children of its own"
	case to.IsEmpty() || creator.IsEmpty():
		return "it names nobody"
	case c != nil && to != c.From:
		return fmt.Sprintf("it goes to %s, the call is from %s", to, c.From)
	case c != nil && creator != c.Creator:
		return fmt.Sprintf("it names %s as the creator, that is %s", creator, c.Creator)
	}
	return ""
}

// reject notes a device's refusal, and makes the others stop ringing.
func (b *batch) reject(s *stream, d *device, c *Call) {
	c.Rejects = append(c.Rejects, Reject{
		Device: d.ID, CallID: c.ID, Creator: c.Creator, Acked: !s.mute,
		LatencyMS: time.Since(c.OfferedAt).Milliseconds(),
	})
	if c.State != callRinging {
		return
	}
	c.State = callRejected
	b.terminate(c, "rejected_elsewhere", d.ID)
}

// noteOfferAck notes that a device has acknowledged the offer of a call.
func (b *batch) noteOfferAck(d *device, id string) {
	for _, c := range b.account.calls {
		if c.offers[d.ID] == id && !slices.Contains(c.Acks, d.ID) {
			c.Acks = append(c.Acks, d.ID)
		}
	}
}
