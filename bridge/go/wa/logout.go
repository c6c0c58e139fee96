package wa

import (
	"context"
	"errors"
	"time"

	"wuts/wa/engine"
)

var requestedLogout = condition{state: StatusLoggedOut, reason: reasonRequested}

// Logout unlinks a device and erases its keys, whether or not WhatsApp confirms it; that is what it
// reports. It goes on when the context has ended. A device whose keys could not be erased keeps them.
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
	select {
	case parted := <-s.part(leaving, timeout):
		return parted.isConfirmed, parted.err
	case <-ctx.Done():
		return false, errors.Join(engine.ErrUnknownOutcome, ctx.Err())
	case <-s.ctx.Done():
		return false, errors.Join(engine.ErrUnknownOutcome, s.ended())
	}
}

// parting is how a logout ended: whether WhatsApp confirmed it, and why keys could not be erased.
type parting struct {
	isConfirmed bool
	err         error
}

// part unlinks off the loop. What it returns gets the outcome when the session has taken note of it.
func (s *session) part(l *link, timeout time.Duration) <-chan parting {
	parted := make(chan parting, 1)
	s.spawn.Go("logout", func() {
		outcome := parting{err: ErrPanicked}
		defer s.mailbox.post(func() {
			s.left(l, outcome.err)
			parted <- outcome
		})
		outcome = s.unlink(l, timeout)
	})
	return parted
}

// leave takes the link out of the session, so that nothing else touches it. One that is still being paired
// is left alone: there is nothing to log out of.
func (s *session) leave() (*link, error) {
	if s.link == nil || !s.link.isPaired || s.leaving != nil {
		return nil, ErrDeviceNotLinked
	}
	l := s.link
	s.leaving = l
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
func (s *session) unlink(l *link, timeout time.Duration) parting {
	isConfirmed := false
	if l.isUp.Load() && l.client.IsConnected() {
		ctx, cancel := context.WithTimeout(l.ctx, timeout)
		defer cancel()
		// Once the server has agreed whatsmeow erases the keys, and only that ends in this error.
		isConfirmed = errors.Is(l.client.Logout(ctx), errErased)
	}
	return parting{isConfirmed: isConfirmed, err: s.erase(l, requestedLogout)}
}

// left takes note of the end of a logout. Who still has his keys is taken offline, and may try again.
func (s *session) left(l *link, err error) {
	s.leaving = nil
	s.link = l
	if err != nil {
		s.setStatus(StatusDisconnected, reasonRequested)
		s.reconcile()
		return
	}
	s.letGo()
	s.keep(requestedLogout)
	s.setCondition(requestedLogout)
}
