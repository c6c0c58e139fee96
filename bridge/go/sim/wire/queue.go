package wire

import (
	"context"
	"sync"
	"time"
)

// Queue hands items over in the order in which they came, each not before its time is due. An
// item never overtakes the one ahead of it, so a delayed connection keeps its order, and items
// wait next to each other rather than one after the other.
//
// The lock guards the fields; nothing blocks while it is held.
type Queue[T any] struct {
	mu     sync.Mutex
	items  []timed[T]
	wake   chan struct{}
	limit  int
	closed bool // nothing comes in any more
}

type timed[T any] struct {
	item T
	due  time.Time
}

// NewQueue makes a queue that refuses more than limit waiting items.
func NewQueue[T any](limit int) *Queue[T] {
	return &Queue[T]{wake: make(chan struct{}, 1), limit: limit}
}

// Push appends an item and says whether the queue took it: a full or closed one does not.
func (q *Queue[T]) Push(item T, due time.Time) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || len(q.items) >= q.limit {
		return false
	}
	if last := len(q.items) - 1; last >= 0 && due.Before(q.items[last].due) {
		due = q.items[last].due
	}
	q.items = append(q.items, timed[T]{item, due})
	q.signal()
	return true
}

// Pop waits for the next item; it returns false when the context ends, or when the queue is closed
// and has nothing left.
// Only one goroutine pops.
func (q *Queue[T]) Pop(ctx context.Context) (item T, ok bool) {
	for {
		item, wait, state := q.next()
		if state != popWait {
			return item, state == popReady
		}
		if !q.rest(ctx, wait) {
			return item, false
		}
	}
}

type popState int

const (
	popReady popState = iota
	popWait
	popClosed
)

// next takes the head if it is due; otherwise it says how long to wait, zero meaning for a push.
func (q *Queue[T]) next() (item T, wait time.Duration, state popState) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) == 0 && q.closed {
		return item, 0, popClosed
	}
	if len(q.items) == 0 {
		return item, 0, popWait
	}
	if wait = time.Until(q.items[0].due); wait > 0 {
		return item, wait, popWait
	}
	item = q.items[0].item
	q.items = q.items[1:]
	return item, 0, popReady
}

func (q *Queue[T]) rest(ctx context.Context, wait time.Duration) bool {
	var due <-chan time.Time
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-q.wake:
	case <-due:
	case <-ctx.Done():
		return false
	}
	return true
}

// Close lets nothing more in; what is in comes out when it is due.
func (q *Queue[T]) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.signal()
}

func (q *Queue[T]) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}
