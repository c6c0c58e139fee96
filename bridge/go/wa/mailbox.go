package wa

import (
	"context"
	"sync"
)

// mailbox holds what a session's loop is still to do. Posting never blocks, so that whatsmeow's
// handlers and timers may post.
//
// mu guards waiting; nothing blocks under it.
type mailbox struct {
	mu      sync.Mutex
	waiting []func()
	wake    chan struct{}
}

func newMailbox() *mailbox {
	return &mailbox{wake: make(chan struct{}, 1)}
}

func (m *mailbox) post(task func()) {
	m.mu.Lock()
	m.waiting = append(m.waiting, task)
	m.mu.Unlock()
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// serve runs what is posted, in order, until the context ends.
func (m *mailbox) serve(ctx context.Context, run func(func())) {
	for {
		select {
		case <-m.wake:
		case <-ctx.Done():
			return
		}
		m.mu.Lock()
		tasks := m.waiting
		m.waiting = nil
		m.mu.Unlock()
		for _, task := range tasks {
			run(task)
		}
	}
}

// ask runs f in the session's loop and returns its answer, or the reason why there is none.
func ask[T any](ctx context.Context, s *session, f func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	answers := make(chan answer, 1)
	s.mailbox.post(func() {
		given := answer{err: ErrPanicked}
		defer func() { answers <- given }()
		if s.ctx.Err() != nil {
			given.err = s.ended()
			return
		}
		given.value, given.err = f()
	})
	var none T
	select {
	case given := <-answers:
		return given.value, given.err
	case <-s.ctx.Done():
		return none, s.ended()
	case <-ctx.Done():
		return none, ctx.Err()
	}
}
