package wa

import "time"

// backoff gives the waits between attempts to connect: doubling up to a cap, each shortened at random
// by up to a half, so that many sessions don't come back at the same instant.
type backoff struct {
	base, cap time.Duration
	random    func() float64 // in [0, 1)
	failures  int
}

func (b *backoff) next() time.Duration {
	wait := b.cap
	if b.failures < 32 {
		wait = min(b.cap, b.base<<b.failures)
	}
	b.failures++
	return wait - time.Duration(b.random()*float64(wait)/2)
}

func (b *backoff) reset() {
	b.failures = 0
}
