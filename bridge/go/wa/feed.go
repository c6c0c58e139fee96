package wa

import (
	"context"
	"hash/maphash"
	"sync"
	"sync/atomic"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
)

// maxPerEvent bounds how many chats or pairs one event carries.
const maxPerEvent = 500

// feed makes spooled events of what a linked device learns of chats, people and groups. What a message
// says goes no further than here.
type feed struct {
	link       *link
	jid        types.JID // the device's own, as its keys are saved under
	told       told
	pairs      pairs
	groups     groupWatch
	settings   settings
	historyDue chan struct{}
	isHeldUp   atomic.Bool // the event queue stayed full
}

// note is an event that is still to be spooled.
type note struct {
	kind string
	data any
}

// newFeed takes over the stores of a device that whatsmeow has just made.
func newFeed(l *link) *feed {
	f := &feed{link: l, jid: *l.device.ID, historyDue: make(chan struct{}, 1)}
	l.device.LIDs = ownPairs{l.device.LIDs, f}
	l.device.Sessions = tracedSessions{l.device.Sessions}
	l.device.EventBuffer = leanBuffer{EventBuffer: l.device.EventBuffer, feed: f}
	l.client.EnableDecryptedEventBuffer = true // leanBuffer makes it one that keeps nothing people wrote
	if migrated := true; l.device.LIDMigrationTimestamp > 0 {
		f.settings.lidMigrated.Store(&migrated)
	}
	return f
}

// connected takes up what needs a connection.
func (f *feed) connected() {
	f.wakeHistory()
	f.link.session.spawn.Go("groups", func() {
		f.tellPairs()
		f.listGroups()
	})
}

// spool writes events down, all or none, and queues them. It waits for room in the queue. Reports false
// if they are not kept: what they were made of must not be acknowledged, so that it comes again.
func (f *feed) spool(notes ...note) bool {
	return len(notes) == 0 || f.awaitRoom() && f.keep(notes...)
}

// keep is spool without the wait.
func (f *feed) keep(notes ...note) bool {
	s := f.link.session
	if err := s.tenant.recordAll(f.jid, s.deviceID, notes); err != nil {
		if f.link.ctx.Err() == nil {
			s.log.Error("event_not_spooled", "type", notes[0].kind)
			s.mailbox.post(func() { s.reopen(f.link, reasonStorage) })
		}
		return false
	}
	return true
}

// awaitRoom waits until the event queue has room. While none comes the session connects anew, and
// WhatsApp repeats what was not acknowledged: nothing is lost, so there is no gap to report.
func (f *feed) awaitRoom() bool {
	s := f.link.session
	wait := s.timing.QueueFull
	if f.isHeldUp.Load() {
		wait = 0
	}
	ctx, cancel := context.WithTimeout(f.link.ctx, wait)
	defer cancel()
	if s.tenant.queue.awaitRoom(ctx) == nil {
		f.isHeldUp.Store(false)
		return true
	}
	if f.link.ctx.Err() == nil && !f.isHeldUp.Swap(true) {
		s.mailbox.post(func() { s.reopen(f.link, reasonQueueFull) })
	}
	return false
}

// maxTold bounds what is remembered of each device; beyond it the memory begins anew.
const maxTold = 20_000

// told remembers by hash what was reported in this process. Forgetting only makes an event come twice.
//
// mu guards the rest; nothing blocks under it.
type told struct {
	mu     sync.Mutex
	seed   maphash.Seed
	hashes map[uint64]struct{}
}

func (t *told) has(parts ...string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.hashes == nil {
		return false
	}
	_, known := t.hashes[t.hash(parts)]
	return known
}

func (t *told) add(parts ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.hashes == nil || len(t.hashes) >= maxTold {
		t.seed, t.hashes = maphash.MakeSeed(), map[uint64]struct{}{}
	}
	t.hashes[t.hash(parts)] = struct{}{}
}

func (t *told) hash(parts []string) uint64 {
	var sum maphash.Hash
	sum.SetSeed(t.seed)
	for _, part := range parts {
		_, _ = sum.WriteString(part)
		_ = sum.WriteByte(0)
	}
	return sum.Sum64()
}

// pairs are users' two JIDs that are still to be reported. mu guards them; nothing blocks under it.
type pairs struct {
	mu      sync.Mutex
	waiting []pairData
}

type pairData struct {
	PN  string `json:"pn"`
	LID string `json:"lid"`
}

// ownPairs is whatsmeow's table of pairs, which a tenant's devices share. What goes in by it is what this
// device's own events said.
type ownPairs struct {
	store.LIDStore
	feed *feed
}

func (p ownPairs) PutLIDMapping(ctx context.Context, lid, pn types.JID) error {
	p.feed.learn(lid, pn)
	return p.LIDStore.PutLIDMapping(ctx, lid, pn)
}

func (p ownPairs) PutManyLIDMappings(ctx context.Context, mappings []store.LIDMapping) error {
	for _, mapping := range mappings {
		p.feed.learn(mapping.LID, mapping.PN)
	}
	return p.LIDStore.PutManyLIDMappings(ctx, mappings)
}

// learn notes a pair for the next tellPairs, unless it was reported already.
func (f *feed) learn(lid, pn types.JID) {
	if lid.Server != types.HiddenUserServer || pn.Server != types.DefaultUserServer {
		return
	}
	pair := pairData{PN: pn.ToNonAD().String(), LID: lid.ToNonAD().String()}
	f.pairs.mu.Lock()
	defer f.pairs.mu.Unlock()
	if f.told.has(pair.LID, pair.PN) {
		return
	}
	f.told.add(pair.LID, pair.PN)
	f.pairs.waiting = append(f.pairs.waiting, pair)
}

// tellPairs reports the pairs that were learnt since the last time.
func (f *feed) tellPairs() bool {
	f.pairs.mu.Lock()
	waiting := f.pairs.waiting
	f.pairs.waiting = nil
	f.pairs.mu.Unlock()
	var notes []note
	for rest := waiting; len(rest) > 0; rest = rest[min(maxPerEvent, len(rest)):] {
		notes = append(notes, note{"lid.pairs", map[string]any{"pairs": rest[:min(maxPerEvent, len(rest))]}})
	}
	if f.spool(notes...) {
		return true
	}
	f.pairs.mu.Lock()
	defer f.pairs.mu.Unlock()
	f.pairs.waiting = append(waiting, f.pairs.waiting...)
	return false
}
