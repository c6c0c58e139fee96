package wa

import (
	"math/rand/v2"
	"sync"
	"time"
)

// versionGate knows whether the server refuses the version that all devices of the process say they are.
// While it does, one device at a time tries again, the canary, instead of all of them.
//
// mu guards the fields below it; nothing blocks under it.
type versionGate struct {
	every, order time.Duration

	mu         sync.Mutex
	isClosed   bool
	nextCanary time.Time
	nextOrder  time.Time
}

func newVersionGate(timing Timing) *versionGate {
	return &versionGate{every: timing.Canary, order: timing.CanaryOrder}
}

// refuse closes the gate: a device was just told that its version is too old.
func (g *versionGate) refuse() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.isClosed = true
	g.nextCanary = time.Now().Add(g.every)
}

// accept opens the gate, and tells whether it was closed.
func (g *versionGate) accept() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	wasClosed := g.isClosed
	g.isClosed = false
	return wasClosed
}

func (g *versionGate) isShut() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.isClosed
}

// takeTurn tells whether a device may be the canary now. Those that somebody asked for have turns of
// their own, which are more frequent.
func (g *versionGate) takeTurn(isOrdered bool) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	next := &g.nextCanary
	if isOrdered {
		next = &g.nextOrder
	}
	now := time.Now()
	if g.isClosed && now.Before(*next) {
		return false
	}
	g.nextOrder = now.Add(g.order)
	g.nextCanary = now.Add(g.every)
	return true
}

// outdated notes that the server refuses this version. The device stays wanted: it comes back when a
// canary got through, which it may become itself.
func (s *session) outdated(l *link) {
	if s.link != l {
		return
	}
	if !l.isPaired {
		// A pairing may be told so for other reasons, too: it says nothing of linked devices.
		s.endPairing(pairingFailed, StatusOutdated)
		return
	}
	s.gate.refuse()
	l.isUp.Store(false)
	l.mustReopen = l.isOpen
	s.keep(condition{state: StatusOutdated, reason: reasonOutdated})
	s.awaitVersion()
	s.reconcile()
}

// awaitVersion rests until the device may be the canary, or another one got through.
func (s *session) awaitVersion() {
	s.isCanary = false
	s.cancelRetry()
	s.setStatus(StatusOutdated, reasonOutdated)
	var timer *time.Timer
	timer = s.after(s.timing.Canary+rand.N(s.timing.Canary/10+1), func() {
		if s.retry != timer {
			return
		}
		s.retry = nil
		if s.gate.takeTurn(false) {
			s.tryVersion()
		} else {
			s.awaitVersion()
		}
	})
	s.retry = timer
}

func (s *session) tryVersion() {
	s.cancelRetry()
	s.isCanary = true
	s.setStatus(StatusConnecting, reasonOutdated)
	s.reconcile()
}

// versionAccepted lets a device that waits for it come back, some time within the given one.
func (s *session) versionAccepted(within time.Duration) {
	if s.state != StatusOutdated || !s.isWanted {
		return
	}
	s.backoff.reset()
	s.keep(condition{state: StatusNew})
	s.setStatus(StatusConnecting, reasonOutdated)
	s.scheduleRetryIn(s.backoff.next() + rand.N(within+1))
}

// comeBackPause is how far apart devices come back, on average, when their version is accepted again.
const comeBackPause = 20 * time.Millisecond

// announceVersion tells every device that the version is accepted.
func (b *Bridge) announceVersion() {
	var all []*session
	for _, tenant := range b.allTenants() {
		all = append(all, tenant.allSessions()...)
	}
	within := time.Duration(len(all)) * comeBackPause
	for _, s := range all {
		s.mailbox.post(func() { s.versionAccepted(within) })
	}
}
