package wa

import (
	"context"
	"errors"
	"time"

	"wuts/wa/engine"
)

// Logout unlinks a device and erases its keys, whether or not WhatsApp confirms it; that is what it
// reports. It goes on when the context has ended.
func (b *Bridge) Logout(ctx context.Context, key DeviceKey) (bool, error) {
	s, err := b.session(ctx, key)
	if err != nil {
		return false, err
	}
	leaving, err := ask(ctx, s, s.leave)
	if err != nil {
		return false, err
	}
	timeout := b.config.Timing.Unlink
	if deadline, ok := ctx.Deadline(); ok {
		timeout = min(timeout, time.Until(deadline)*3/4)
	}
	confirmed := make(chan bool, 1)
	b.spawn.Go("logout", func() {
		unlinked := false
		defer s.mailbox.post(func() {
			s.left(leaving)
			confirmed <- unlinked
		})
		unlinked = s.unlink(leaving, timeout)
	})
	select {
	case unlinked := <-confirmed:
		return unlinked, nil
	case <-ctx.Done():
		return false, errors.Join(engine.ErrUnknownOutcome, ctx.Err())
	case <-s.ctx.Done():
		return false, errors.Join(engine.ErrUnknownOutcome, ErrStopped)
	}
}

// leave takes the link out of the session, so that nothing else touches it.
func (s *session) leave() (*link, error) {
	if s.link != nil && !s.link.isPaired {
		s.endPairing(pairingFailed, reasonCancelled)
	}
	if s.link == nil || s.isLeaving {
		return nil, ErrDeviceNotLinked
	}
	l := s.link
	s.isLeaving = true
	s.isWanted = false
	s.cancelRetry()
	s.link = nil
	if l.settled != nil {
		close(l.settled)
		l.settled = nil
	}
	s.state, s.reason = StatusDisconnected, reasonLoggingOut
	s.publish()
	return l, nil
}

// unlink asks the server to forget the device, and erases its keys.
func (s *session) unlink(l *link, timeout time.Duration) bool {
	confirmed := false
	if l.isUp.Load() && l.client.IsConnected() {
		ctx, cancel := context.WithTimeout(l.ctx, timeout)
		defer cancel()
		// Once the server has agreed whatsmeow erases the keys, and only that ends in this error.
		confirmed = errors.Is(l.client.Logout(ctx), errErased)
	}
	s.erase(l, reasonRequested)
	return confirmed
}

func (s *session) left(l *link) {
	s.isLeaving = false
	s.link = l
	s.letGo()
	s.keep(condition{state: StatusLoggedOut, reason: reasonRequested})
	s.setStatus(StatusLoggedOut, reasonRequested)
}
