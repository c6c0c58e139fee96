package sim

import (
	"context"
	"sync"
)

// watch wakes everybody who waits for something about the simulator to become true.
type watch struct {
	mu      sync.Mutex
	changed chan struct{}
}

func (w *watch) wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.changed)
	w.changed = make(chan struct{})
}

func (w *watch) next() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changed
}

// Wait returns nil as soon as the condition holds, or the context's error. The condition is asked
// again after every change of an account, a device or a connection.
func (s *Server) Wait(ctx context.Context, condition func() bool) error {
	for {
		changed := s.watch.next()
		if condition() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
