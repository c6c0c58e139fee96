package wa

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
)

// Event is something that happened to a device. At is Unix milliseconds. With a SpoolID it survives the
// process.
type Event struct {
	SpoolID  int64           `json:"spool_id,omitempty"`
	TenantID string          `json:"tenant_id"`
	DeviceID string          `json:"device_id"`
	Type     string          `json:"type"`
	At       int64           `json:"at"`
	Data     json.RawMessage `json:"data"`
}

// Batch is a number of events in order. Its number is what acknowledges it.
type Batch struct {
	Number uint64  `json:"batch"`
	Events []Event `json:"events"`
}

const batchLimit = 500

// queue hands events over in batches. A batch is repeated until it is acknowledged.
//
// reader lets one caller of next in at a time and is held while it waits. mu guards all else and is
// never held while waiting.
type queue struct {
	limit   int
	release func([]Event) // frees the spool rows of an acknowledged batch

	reader sync.Mutex

	mu      sync.Mutex
	pending []Event
	batch   Batch // the last one handed out; without events once it is acknowledged
	arrived chan struct{}
	room    chan struct{}
	closed  bool
}

func newQueue(limit int, release func([]Event)) *queue {
	return &queue{
		limit:   limit,
		release: release,
		batch:   Batch{Events: []Event{}},
		arrived: make(chan struct{}, 1),
		room:    make(chan struct{}),
	}
}

// put appends an event, and waits for room until the context ends. With more to come at once the reader
// is not woken yet: what belongs together is better read together.
func (q *queue) put(ctx context.Context, event Event, more bool) error {
	for {
		room, err := q.offer(event, more)
		if room == nil {
			return err
		}
		select {
		case <-room:
		case <-ctx.Done():
			return errQueueFull
		}
	}
}

// offer appends an event, or returns what is closed when there is room to try again.
func (q *queue) offer(event Event, more bool) (<-chan struct{}, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil, ErrStopped
	}
	if len(q.pending)+len(q.batch.Events) >= q.limit {
		q.wake()
		return q.room, nil
	}
	q.pending = append(q.pending, event)
	if !more || len(q.pending) >= batchLimit {
		q.wake()
	}
	return nil, nil
}

// force appends events beyond the limit: the few that a session makes of itself must not wait.
func (q *queue) force(events ...Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.append(events...)
	}
}

func (q *queue) append(events ...Event) {
	q.pending = append(q.pending, events...)
	if len(q.pending) > 0 {
		q.wake()
	}
}

func (q *queue) wake() {
	select {
	case q.arrived <- struct{}{}:
	default:
	}
}

// next acknowledges the batch of that number and waits for the following one until the context ends.
func (q *queue) next(ctx context.Context, ack uint64) (Batch, error) {
	if !q.reader.TryLock() {
		return Batch{}, fmt.Errorf("%w: somebody else is waiting for events", ErrInvalidArgument)
	}
	defer q.reader.Unlock()
	if err := q.acknowledge(ack); err != nil {
		return Batch{}, err
	}
	for {
		batch, err := q.take()
		if err != nil || len(batch.Events) > 0 {
			return batch, err
		}
		select {
		case <-q.arrived:
		case <-ctx.Done():
			return batch, nil
		}
	}
}

func (q *queue) acknowledge(ack uint64) error {
	q.mu.Lock()
	batch := q.batch
	q.mu.Unlock()
	switch {
	case ack > batch.Number:
		return fmt.Errorf("%w: batch %d was never handed out", ErrInvalidArgument, ack)
	case ack < batch.Number || len(batch.Events) == 0:
		return nil
	}
	q.release(batch.Events)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.batch.Events = []Event{}
	close(q.room)
	q.room = make(chan struct{})
	return nil
}

// take returns the batch that waits for its acknowledgement, or makes one of what is pending.
func (q *queue) take() (Batch, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return Batch{}, ErrStopped
	}
	if len(q.batch.Events) == 0 && len(q.pending) > 0 {
		size := min(batchLimit, len(q.pending))
		q.batch = Batch{Number: q.batch.Number + 1, Events: q.pending[:size:size]}
		q.pending = append([]Event(nil), q.pending[size:]...)
	}
	return q.batch, nil
}

// length is how many events wait for the reader or for his acknowledgement.
func (q *queue) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.pending) + len(q.batch.Events)
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	q.closed = true
	close(q.room)
	q.room = make(chan struct{})
	q.wake()
}
