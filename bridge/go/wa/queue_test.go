package wa

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"
)

const patience = 20 * time.Second

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func numbered(number int64) Event {
	return Event{SpoolID: number, TenantID: "t", DeviceID: "d", Type: "x", Data: json.RawMessage(`{}`)}
}

func keepAll([]Event) {}

func mustNext(t *testing.T, q *queue, ack uint64) Batch {
	t.Helper()
	batch, err := q.next(within(t), ack)
	if err != nil {
		t.Fatal(err)
	}
	return batch
}

// A batch is repeated unchanged until it is acknowledged, whatever has come since.
func TestBatchIsRepeated(t *testing.T) {
	q := newQueue(10, keepAll)
	q.force(numbered(1), numbered(2))
	first := mustNext(t, q, 0)
	q.force(numbered(3))
	if again := mustNext(t, q, 0); !reflect.DeepEqual(first, again) || len(first.Events) != 2 {
		t.Errorf("first %+v, then %+v", first, again)
	}
	second := mustNext(t, q, first.Number)
	if second.Number != first.Number+1 || len(second.Events) != 1 || second.Events[0].SpoolID != 3 {
		t.Errorf("the second batch is %+v", second)
	}
}

// Without an event the answer is the last batch's number and an empty list, never null.
func TestNoEvents(t *testing.T) {
	q := newQueue(10, keepAll)
	q.force(numbered(1))
	first := mustNext(t, q, 0)
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	batch, err := q.next(ended, first.Number)
	if err != nil || batch.Number != first.Number || batch.Events == nil || len(batch.Events) != 0 {
		t.Errorf("got %+v, %v", batch, err)
	}
}

// A number that was never handed out is refused, and an older one changes nothing.
func TestAcknowledgingOtherBatches(t *testing.T) {
	q := newQueue(10, keepAll)
	q.force(numbered(1))
	first := mustNext(t, q, 0)
	if _, err := q.next(within(t), first.Number+1); !errors.Is(err, ErrInvalidArgument) {
		t.Errorf("a batch to come is acknowledged: %v", err)
	}
	q.force(numbered(2))
	second := mustNext(t, q, first.Number)
	if again := mustNext(t, q, first.Number); !reflect.DeepEqual(second, again) {
		t.Errorf("first %+v, then %+v", second, again)
	}
}

// The reader sleeps until the last of several events that belong together, or until a batch is full.
func TestWhatBelongsTogetherIsReadTogether(t *testing.T) {
	q := newQueue(2*batchLimit, keepAll)
	for number := range int64(2) {
		if err := q.put(within(t), numbered(number+1), number == 0); err != nil {
			t.Fatal(err)
		}
		if woken := len(q.arrived) == 1; woken != (number == 1) {
			t.Errorf("after event %d the reader is woken: %t", number+1, woken)
		}
	}
	batch := mustNext(t, q, 0)
	<-q.arrived
	for number := range int64(batchLimit) {
		if len(batch.Events) != 2 || len(q.arrived) != 0 {
			t.Fatalf("the batch has %d events; woken before event %d", len(batch.Events), number)
		}
		if err := q.put(within(t), numbered(number), true); err != nil {
			t.Fatal(err)
		}
	}
	if len(q.arrived) != 1 {
		t.Error("the reader sleeps although a batch is full")
	}
}

// A full queue makes the writer wait until a batch is acknowledged, and drops nothing.
func TestFullQueueBlocks(t *testing.T) {
	q := newQueue(2, keepAll)
	q.force(numbered(1), numbered(2))
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := q.put(ended, numbered(3), false); !errors.Is(err, errQueueFull) {
		t.Errorf("got %v", err)
	}
	written := make(chan error, 1)
	go func() { written <- q.put(within(t), numbered(3), false) }()
	first := mustNext(t, q, 0)
	second := mustNext(t, q, first.Number)
	if err := <-written; err != nil || len(second.Events) != 1 || second.Events[0].SpoolID != 3 {
		t.Errorf("got %+v, %v", second, err)
	}
}

// What a session says of itself is taken even if the queue is full.
func TestForcedEventsDoNotWait(t *testing.T) {
	q := newQueue(1, keepAll)
	q.force(numbered(1), numbered(2), numbered(3))
	if batch := mustNext(t, q, 0); len(batch.Events) != 3 {
		t.Errorf("got %+v", batch)
	}
}

// Only one caller may wait for events.
func TestOneReader(t *testing.T) {
	q := newQueue(1, keepAll)
	q.reader.Lock()
	defer q.reader.Unlock()
	if _, err := q.next(within(t), 0); !errors.Is(err, ErrInvalidArgument) {
		t.Errorf("got %v", err)
	}
}

// Closing wakes the reader and the writers, and ends everything.
func TestClosedQueue(t *testing.T) {
	q := newQueue(1, keepAll)
	read := make(chan error, 1)
	go func() {
		_, err := q.next(within(t), 0)
		read <- err
	}()
	q.close()
	q.close()
	if err := <-read; !errors.Is(err, ErrStopped) {
		t.Errorf("the reader got %v", err)
	}
	if err := q.put(within(t), numbered(1), false); !errors.Is(err, ErrStopped) {
		t.Errorf("the writer got %v", err)
	}
}
