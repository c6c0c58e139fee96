package wa

import (
	"testing"
	"time"
)

// The waits double up to the cap, and start anew after a reset.
func TestBackoffDoubles(t *testing.T) {
	b := backoff{base: time.Second, cap: 5 * time.Second, random: func() float64 { return 0 }}
	for i, want := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 5 * time.Second, 5 * time.Second} {
		if got := b.next(); got != want {
			t.Errorf("wait %d is %s, not %s", i, got, want)
		}
	}
	b.reset()
	if got := b.next(); got != time.Second {
		t.Errorf("the first wait after a reset is %s", got)
	}
}

// Chance takes away at most half of a wait, also after so many failures that doubling would overflow.
func TestBackoffJitters(t *testing.T) {
	b := backoff{base: time.Second, cap: time.Minute, random: func() float64 { return 0.999 }}
	for range 200 {
		if got := b.next(); got < time.Second/2 || got > time.Minute {
			t.Fatalf("a wait is %s", got)
		}
	}
	if got := b.next(); got < 30*time.Second || got > 31*time.Second {
		t.Errorf("the last wait is %s", got)
	}
}
