package sim

import (
	"strconv"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"wuts/sim/wire"
)

// Timer is how long a device wants the messages of a chat to last: as the other person read it, or as the
// server took it for a group. None if it is 0.
type Timer struct {
	Chat    types.JID `json:"chat"`
	PN      types.JID `json:"pn,omitzero"` // of the other person
	Seconds uint32    `json:"seconds"`
	Device  uint16    `json:"device"`
	At      time.Time `json:"at"`
}

// setGroupTimer takes a group's timer and tells every device, as the server does.
func setGroupTimer(r request) {
	group, _ := r.node.Attrs["to"].(types.JID)
	child := wire.FirstChild(*r.node)
	seconds, err := uint64(0), error(nil)
	if child.Tag == "ephemeral" {
		seconds, err = strconv.ParseUint(wire.Attr(child, "expiration"), 10, 32)
	}
	if err != nil || child.Tag == "ephemeral" && seconds == 0 {
		r.reject(violationContent, "timer of a group")
		return
	}
	r.stream.withDevice(func(b *batch, d *device) {
		if b.account.checkGroup(group) != nil {
			b.reply(r.stream, r.failure(404, "item-not-found"))
			return
		}
		b.account.timers = append(b.account.timers, Timer{
			Chat: group, Seconds: uint32(seconds), Device: d.ID, At: time.Now().UTC(),
		})
		b.reply(r.stream, r.result())
		b.notifyGroup(group, waBinary.Node{Tag: child.Tag, Attrs: child.Attrs})
	})
}

// Timers returns the timers that devices set since the start, the oldest first.
func (a *Account) Timers() []Timer {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]Timer{}, a.timers...)
}
