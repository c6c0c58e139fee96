package wire_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"wuts/sim/wire"
)

// Delayed items wait next to each other: what came together leaves together.
func TestDelayIsPipelined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := wire.NewQueue[int](10)
		begun := time.Now()
		for i := range 5 {
			q.Push(i, begun.Add(50*time.Millisecond))
		}
		for i := range 5 {
			if item, ok := q.Pop(t.Context()); !ok || item != i {
				t.Fatalf("item %d, %v", item, ok)
			}
		}
		if took := time.Since(begun); took != 50*time.Millisecond {
			t.Errorf("took %v", took)
		}
	})
}

// An item with a shorter delay does not overtake the one before it.
func TestOrderIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := wire.NewQueue[string](10)
		now := time.Now()
		q.Push("slow", now.Add(time.Second))
		q.Push("fast", now)
		first, _ := q.Pop(t.Context())
		second, _ := q.Pop(t.Context())
		if first != "slow" || second != "fast" {
			t.Errorf("%s before %s", first, second)
		}
	})
}

// A push wakes the one who waits.
func TestPopWaitsForPush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := wire.NewQueue[int](1)
		got := make(chan int)
		go func() {
			item, _ := q.Pop(t.Context())
			got <- item
		}()
		synctest.Wait()
		q.Push(7, time.Now())
		if item := <-got; item != 7 {
			t.Errorf("item %d", item)
		}
	})
}

// A closed queue takes nothing, and hands out what it has before it ends.
func TestClose(t *testing.T) {
	q := wire.NewQueue[int](10)
	q.Push(1, time.Now())
	q.Close()
	if q.Push(2, time.Now()) {
		t.Error("a closed queue took an item")
	}
	if item, ok := q.Pop(context.Background()); !ok || item != 1 {
		t.Errorf("item %d, %v", item, ok)
	}
	if _, ok := q.Pop(context.Background()); ok {
		t.Error("an item came out of an empty queue")
	}
}

// A full queue refuses, and a cancelled context ends the wait.
func TestBounds(t *testing.T) {
	q := wire.NewQueue[int](1)
	if !q.Push(1, time.Now().Add(time.Hour)) || q.Push(2, time.Now()) {
		t.Error("the limit is not one")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, ok := q.Pop(ctx); ok {
		t.Error("an item came an hour early")
	}
}
