package wa

import (
	"context"
	"time"

	"go.mau.fi/whatsmeow/types"
)

// recordAll spools events, all or none, and queues them then. It refuses those of a device whose keys are
// not these any more.
func (t *tenant) recordAll(jid types.JID, deviceID string, notes []note) error {
	events := make([]Event, len(notes))
	for i, note := range notes {
		event, err := t.newEvent(deviceID, note.kind, note.data)
		if err != nil {
			return err
		}
		events[i] = event
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	t.order.Lock()
	defer t.order.Unlock()
	err := t.store.db.DoTxn(ctx, nil, func(ctx context.Context) error {
		if err := t.store.checkOwner(ctx, deviceID, jid); err != nil {
			return err
		}
		for i := range events {
			var err error
			if events[i].SpoolID, err = t.store.spool(ctx, events[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		t.queue.force(events...)
	}
	return err
}

// awaitRoom waits until the queue has room, at most until the context ends.
func (q *queue) awaitRoom(ctx context.Context) error {
	for {
		room, err := q.look()
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

// look returns nothing if the queue has room, or what is closed when there may be some.
func (q *queue) look() (<-chan struct{}, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return nil, ErrStopped
	case len(q.pending)+len(q.batch.Events) >= q.limit:
		return q.room, nil
	}
	return nil, nil
}
