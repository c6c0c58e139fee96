package sim

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.mau.fi/util/random"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// ErrCall is returned for a call that nobody could make, ErrUnknownCall for one that there is not, or that
// is over.
var (
	ErrCall        = errors.New("unusable call")
	ErrUnknownCall = errors.New("no such call, or it is over")
)

// The states of a call.
const (
	callRinging  = "ringing"
	callRejected = "rejected"
	callAccepted = "accepted"
	callEnded    = "ended"
)

const callsKept = 10_000 // of each account

// CallSpec describes a call of somebody to the account.
type CallSpec struct {
	From    types.JID     // as the stanza is to have it: by phone number or LID, with a device or without
	Creator types.JID     // likewise; From if empty
	Group   types.JID     // whose call it is; empty: the caller's own
	Notice  bool          // an offer_notice in place of the offer
	Video   bool          // else audio
	Paired  bool          // the offer tells the caller's other JID
	Missed  bool          // who is offline learns of the call even if it is over by then
	Ring    time.Duration // until the caller gives up; never if zero
	Devices []uint16      // that ring; all if empty
}

// Call is a call with what the devices did about it.
type Call struct {
	ID        string    `json:"call_id"`
	From      types.JID `json:"from"`
	Creator   types.JID `json:"creator"`
	GroupJID  string    `json:"group_jid,omitempty"`
	Media     string    `json:"media"`
	State     string    `json:"state"`
	Reason    string    `json:"reason,omitempty"` // why it ended
	OfferedAt time.Time `json:"offered_at"`
	Acks      []uint16  `json:"acks"` // the devices that have acknowledged the offer
	Rejects   []Reject  `json:"rejects"`

	spec   CallSpec
	offers map[uint16]string // the ids of the stanzas, by device
}

// Reject is a device's refusal of a call, as it came.
type Reject struct {
	Device    uint16    `json:"device"`
	CallID    string    `json:"call_id"`
	Creator   types.JID `json:"creator"`
	LatencyMS int64     `json:"latency_ms"` // since the offer
	Acked     bool      `json:"acked"`      // the server has acknowledged it
}

// Ring lets somebody call the account, and returns the call's id.
func (a *Account) Ring(spec CallSpec) (string, error) {
	contact, err := a.server.contactOf(spec.From.ToNonAD())
	if err != nil {
		return "", err
	}
	made := newCall(spec)
	a.update(func(b *batch) {
		if err = a.checkGroup(spec.Group); err != nil {
			err = fmt.Errorf("%w: %w", ErrCall, err)
			return
		}
		b.ring(made, contact)
	})
	if err == nil && spec.Ring > 0 {
		a.server.after(spec.Ring, func() { _ = a.EndCall(made.ID, "timeout") }) // it may be over by then
	}
	return made.ID, err
}

func newCall(spec CallSpec) *Call {
	made := &Call{
		ID: strings.ToUpper(hex.EncodeToString(random.Bytes(16))), From: spec.From, Creator: spec.Creator,
		Media: "audio", State: callRinging, OfferedAt: time.Now(), Acks: []uint16{}, Rejects: []Reject{},
		spec: spec, offers: map[uint16]string{},
	}
	if spec.Creator.IsEmpty() {
		made.Creator = spec.From
	}
	if spec.Video {
		made.Media = "video"
	}
	if !spec.Group.IsEmpty() {
		made.GroupJID = spec.Group.String()
	}
	return made
}

func (b *batch) ring(made *Call, caller Contact) {
	if len(b.account.calls) == callsKept {
		b.account.calls = b.account.calls[1:]
	}
	b.account.calls = append(b.account.calls, made)
	for _, d := range b.account.sorted() {
		if len(made.spec.Devices) == 0 || slices.Contains(made.spec.Devices, d.ID) {
			made.offers[d.ID] = b.signal(d, made.From, made.offer(caller))
		}
	}
}

// signal sends a device a stanza of a call and returns the stanza's id. Clients take one child only.
func (b *batch) signal(d *device, from types.JID, child waBinary.Node) string {
	id := newID()
	b.deliver(d, queued{ID: id, Node: waBinary.Node{
		Tag: "call",
		Attrs: waBinary.Attrs{
			"from": from, "id": id, "t": time.Now().Unix(), "platform": "android", "version": "2.26.20",
			"notify": "Caller",
		},
		Content: []waBinary.Node{child},
	}})
	return id
}

// child builds a part of a stanza about the call.
func (c *Call) child(tag string) waBinary.Node {
	attrs := waBinary.Attrs{"call-id": c.ID, "call-creator": c.Creator}
	if !c.spec.Group.IsEmpty() {
		attrs["group-jid"] = c.spec.Group
	}
	return waBinary.Node{Tag: tag, Attrs: attrs}
}

// offer builds what makes a device ring.
func (c *Call) offer(caller Contact) waBinary.Node {
	node := c.child("offer")
	if c.spec.Paired {
		node.Attrs["caller_pn"], node.Attrs["caller_lid"] = caller.PN, caller.LID
		if c.Creator.Server == types.HiddenUserServer {
			delete(node.Attrs, "caller_lid")
		} else {
			delete(node.Attrs, "caller_pn")
		}
	}
	if c.spec.Notice {
		node.Tag, node.Attrs["media"], node.Attrs["type"] = "offer_notice", c.Media, "group"
		return node
	}
	parts := []waBinary.Node{{Tag: "audio", Attrs: waBinary.Attrs{"enc": "opus", "rate": "16000"}}}
	if c.spec.Video {
		parts = append(parts, waBinary.Node{Tag: "video", Attrs: waBinary.Attrs{"dec": "vp8"}})
	}
	node.Content = parts
	return node
}

// EndCall lets the caller give up, for a reason that may be empty.
func (a *Account) EndCall(id, reason string) error {
	return a.conclude(id, func(b *batch, c *Call) {
		b.terminate(c, reason, 0)
		c.State, c.Reason = callEnded, reason
	})
}

// AnswerCall lets the phone take a call: the devices stop ringing.
func (a *Account) AnswerCall(id string) error {
	return a.conclude(id, func(b *batch, c *Call) { b.concludeElsewhere(c, "accept", callAccepted) })
}

// DeclineCall lets the phone refuse a call: the devices stop ringing.
func (a *Account) DeclineCall(id string) error {
	return a.conclude(id, func(b *batch, c *Call) { b.concludeElsewhere(c, "reject", callRejected) })
}

func (b *batch) concludeElsewhere(c *Call, tag, state string) {
	for _, d := range b.rung(c, 0) {
		b.signal(d, b.account.pn, c.child(tag))
	}
	c.State, c.Reason = state, state+"_elsewhere"
	b.terminate(c, c.Reason, 0)
}

// SignalCall sends the devices that ring another stanza about a call, such as a preaccept.
func (a *Account) SignalCall(id, tag string) error {
	return a.conclude(id, func(b *batch, c *Call) {
		for _, d := range b.rung(c, 0) {
			b.signal(d, c.From, c.child(tag))
		}
	})
}

// conclude changes a call that has not ended.
func (a *Account) conclude(id string, change func(*batch, *Call)) error {
	err := ErrUnknownCall
	a.update(func(b *batch) {
		if c := a.call(id); c != nil && c.State != callEnded && c.State != callAccepted {
			change(b, c)
			err = nil
		}
	})
	return err
}

func (a *Account) call(id string) *Call {
	at := slices.IndexFunc(a.calls, func(c *Call) bool { return c.ID == id })
	if at < 0 {
		return nil
	}
	return a.calls[at]
}

// rung returns the devices that a call has rung, but for one of them.
func (b *batch) rung(c *Call, but uint16) []*device {
	return slices.DeleteFunc(b.account.sorted(), func(d *device) bool {
		_, isRung := c.offers[d.ID]
		return !isRung || d.ID == but
	})
}

// terminate tells the devices that a call is over. Who is offline never learns of it, unless it is to be
// known as missed.
func (b *batch) terminate(c *Call, reason string, but uint16) {
	for _, d := range b.rung(c, but) {
		if d.stream == nil && !c.spec.Missed {
			b.changed = d.acknowledge(c.offers[d.ID]) || b.changed
			continue
		}
		node := c.child("terminate")
		if reason != "" {
			node.Attrs["reason"] = reason
		}
		b.signal(d, c.From, node)
	}
}

// Calls returns the calls since the start, the oldest first.
func (a *Account) Calls() []Call {
	a.mu.Lock()
	defer a.mu.Unlock()
	calls := make([]Call, len(a.calls))
	for i, c := range a.calls {
		calls[i] = *c
		calls[i].Acks, calls[i].Rejects = slices.Clone(c.Acks), slices.Clone(c.Rejects)
	}
	return calls
}
