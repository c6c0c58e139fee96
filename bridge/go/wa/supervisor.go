package wa

import (
	"context"
	"errors"
	"time"

	"go.mau.fi/whatsmeow"
)

// The supervisor brings a session's socket to where it should be: reconcile compares what is wanted
// with what is, and starts the one operation that comes next. All of it runs in the session's loop.

// connect makes the device wanted and tries at once, whatever the back-off says.
func (s *session) connect() DeviceStatus {
	if s.link == nil || !s.link.isPaired || s.leaving != nil {
		return s.publish()
	}
	s.cancelRetry()
	if !s.isWanted {
		s.isWanted = true
		s.backoff.reset()
		if refusal(s.state) != nil {
			s.keep(condition{state: StatusNew})
		}
		s.setStatus(StatusConnecting, "")
	} else if s.state == StatusDisconnected {
		s.setStatus(StatusConnecting, s.reason)
	}
	if s.gate.isShut() && !s.isCanary && !s.link.isUp.Load() {
		return s.connectOutdated()
	}
	s.reconcile()
	return s.publish()
}

// connectOutdated tries for all devices whether the server takes this version again, unless somebody did
// just now.
func (s *session) connectOutdated() DeviceStatus {
	if s.gate.takeTurn(true) {
		s.tryVersion()
	} else {
		s.awaitVersion()
	}
	return s.publish()
}

// disconnect makes the device unwanted. What it returns is closed when the socket is.
func (s *session) disconnect() <-chan struct{} {
	s.endPairing(pairingFailed, reasonCancelled)
	s.isWanted, s.isCanary = false, false
	s.cancelRetry()
	if s.link == nil {
		settled := make(chan struct{})
		close(settled)
		return settled
	}
	if refusal(s.state) == nil {
		s.setStatus(StatusDisconnected, reasonRequested)
	}
	if s.link.settled == nil {
		s.link.settled = make(chan struct{})
	}
	settled := s.link.settled
	s.reconcile()
	return settled
}

func (s *session) reconcile() {
	l := s.link
	if l == nil || l.isBusy {
		return
	}
	switch {
	case l.isOpen && (!s.isWanted || l.mustReopen):
		l.isUp.Store(false)
		s.operate(l, "disconnect", func() { l.client.Disconnect() }, func() {
			l.isOpen, l.mustReopen = false, false
		})
	case !l.isOpen && s.isWanted && s.retry == nil && l.isPaired && !s.isCanary && s.gate.isShut():
		s.awaitVersion()
	case !l.isOpen && s.isWanted && s.retry == nil:
		var err error
		l.isOpen, l.mustReopen = true, false
		l.dials++
		ctx := l.nextExchange()
		s.operate(l, "connect", func() { err = l.client.ConnectContext(ctx) }, func() { s.dialled(l, err) })
	case !l.isOpen && l.settled != nil:
		close(l.settled)
		l.settled = nil
	}
}

// operate runs something slow off the loop, then done in it, then looks at what comes next.
func (s *session) operate(l *link, name string, run, done func()) {
	l.isBusy = true
	s.spawn.Go(name, func() {
		defer s.mailbox.post(func() {
			l.isBusy = false
			if s.link == l {
				done()
				s.reconcile()
			}
		})
		run()
	})
}

func (s *session) dialled(l *link, err error) {
	if err == nil {
		s.watchLogin(l)
		return
	}
	if errors.Is(err, whatsmeow.ErrAlreadyConnected) {
		// A late event about an older socket made this one count as closed.
		l.mustReopen = true
		return
	}
	l.isOpen = false
	if !l.isPaired {
		s.endPairing(pairingFailed, reasonConnect)
		return
	}
	if s.isWanted {
		s.setStatus(StatusConnecting, reasonConnect)
		s.scheduleRetry()
	}
}

// watchLogin gives up on a socket that opened and never became a session of WhatsApp, or, while there is
// a pairing, never brought codes.
func (s *session) watchLogin(l *link) {
	dial := l.dials
	s.after(s.timing.Login, func() {
		isIdle := !l.isUp.Load()
		if !l.isPaired {
			isIdle = s.pairing.lacksCode()
		}
		if s.link == l && l.dials == dial && isIdle {
			s.reopen(l, reasonLogin)
		}
	})
}

// lost notes that the server or the network closed the socket.
func (s *session) lost(l *link, reason string) {
	if s.link != l || !l.isOpen {
		return
	}
	l.isUp.Store(false)
	l.isOpen = false
	s.rest(l, reason)
	s.reconcile()
}

// reopen closes a socket that is of no use any more, and connects again as after its loss.
func (s *session) reopen(l *link, reason string) {
	if s.link != l || !l.isOpen {
		return
	}
	l.isUp.Store(false)
	l.mustReopen = true
	s.rest(l, reason)
	s.reconcile()
}

// rest waits for the back-off after a connection. A pairing goes on at once, as often as it may.
func (s *session) rest(l *link, reason string) {
	if !l.isPaired {
		s.renewCodes()
		return
	}
	if !s.isWanted || s.state == StatusOutdated {
		return
	}
	if !l.connectedAt.IsZero() && time.Since(l.connectedAt) >= s.timing.Stable {
		s.backoff.reset()
	}
	l.connectedAt = time.Time{}
	if s.state == StatusConnected {
		s.setStatus(StatusDisconnected, reason)
	} else {
		s.setStatus(StatusConnecting, reason)
	}
	s.scheduleRetry()
}

func (s *session) scheduleRetry() {
	s.scheduleRetryIn(s.backoff.next())
}

func (s *session) scheduleRetryIn(wait time.Duration) {
	s.cancelRetry()
	var timer *time.Timer
	timer = s.after(wait, func() {
		if s.retry != timer {
			return
		}
		s.retry = nil
		s.counters.reconnects.Add(1)
		s.setStatus(StatusConnecting, s.reason)
		s.reconcile()
	})
	s.retry = timer
}

func (s *session) cancelRetry() {
	if s.retry != nil {
		s.retry.Stop()
		s.retry = nil
	}
}

// halt stops the supervisor because of what the server said. Only a request starts it again.
func (s *session) halt(l *link, found condition) {
	if s.link != l {
		return
	}
	if !l.isPaired {
		s.endPairing(pairingFailed, found.state)
		return
	}
	l.isUp.Store(false)
	s.isWanted, s.isCanary = false, false
	s.cancelRetry()
	s.keep(found)
	s.setCondition(found)
	s.reconcile()
}

// keep writes down what the server said of the device, for the next process.
func (s *session) keep(found condition) {
	ctx, cancel := context.WithTimeout(s.ctx, 10*time.Second)
	defer cancel()
	if err := s.tenant.store.remember(ctx, s.deviceID, found); err != nil {
		s.log.Error("status_not_kept", "status", found.state)
	}
}

// loggedOut erases what is left of a device that the account has unlinked, or that was banned for good.
func (s *session) loggedOut(l *link, found condition) {
	if s.link != l {
		return
	}
	if !l.isPaired {
		s.endPairing(pairingFailed, found.reason)
		return
	}
	s.isWanted, s.isCanary = false, false
	s.cancelRetry()
	if l.engine.WroteWithin(suspiciousAfter) {
		s.log.Warn("logout_follows_write", "reason", found.reason)
		s.counters.logoutsAfterWrite.Add(1)
	}
	_ = s.erase(l, found) // keys that are left are erased by the next process, or with the device
	s.keep(found)
	s.letGo()
	s.setCondition(found)
}

// suspiciousAfter is how soon after a patch a logout that nobody here asked for may be its consequence.
const suspiciousAfter = 30 * time.Second

// letGo parts with the link.
func (s *session) letGo() {
	l := s.link
	s.link = nil
	if s.pairing != nil && (s.pairing.state == pairingLinking || s.pairing.state == pairingLinked) {
		s.pairing = nil
	}
	if l == nil {
		return
	}
	if l.settled != nil {
		close(l.settled)
		l.settled = nil
	}
	l.close()
}

// erase deletes the link's keys and keeps how the device is then.
func (s *session) erase(l *link, left condition) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), 10*time.Second)
	defer cancel()
	err := s.tenant.store.erase(ctx, s.deviceID, l.jid, left)
	if err != nil {
		s.log.Error("keys_not_erased")
	}
	return err
}
