package sim

import (
	"slices"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
)

// batch is one change of an account. What it sends leaves after the change is written to the
// state file, so that a client never knows more than a restarted simulator.
type batch struct {
	account *Account
	changed bool // something that is kept across restarts
	stale   bool // likewise, but it may be written later: who loses it is told something twice
	out     []func()
}

// update runs a change under the account's lock.
func (a *Account) update(change func(*batch)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	b := &batch{account: a}
	change(b)
	switch {
	case b.changed:
		a.save()
	case b.stale:
		a.saveSoon()
	}
	for _, send := range b.out {
		send()
	}
	a.server.watch.wake()
}

// reply answers the stanza that the stream is handling.
func (b *batch) reply(to *stream, node waBinary.Node) {
	b.out = append(b.out, func() { to.reply(node) })
}

// send sends a stanza to a connection, whatever the device at its end does with it.
func (b *batch) send(to *stream, node waBinary.Node) {
	b.out = append(b.out, func() { to.send(&node) })
}

// end sends a last stanza and closes the connection a while later: a client that sees the end of
// the connection first takes it for an accident.
func (b *batch) end(stream *stream, node waBinary.Node) {
	b.send(stream, node)
	b.out = append(b.out, func() { stream.closeAfter(closeDelay) })
}

const closeDelay = 300 * time.Millisecond

// deliver hands a stanza to a device now or when it comes back, until it is acknowledged.
func (b *batch) deliver(to *device, item queued) {
	if item.Coalesce != "" {
		to.Unacked = slices.DeleteFunc(to.Unacked, func(q queued) bool {
			return q.Coalesce == item.Coalesce
		})
	}
	if len(to.Unacked) >= maxUnacked {
		to.Unacked = to.Unacked[1:]
	}
	to.Unacked = append(to.Unacked, item)
	b.changed = true
	if to.stream != nil && to.active {
		b.send(to.stream, item.Node)
	}
}
