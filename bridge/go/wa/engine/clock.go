package engine

import (
	"time"

	"go.mau.fi/whatsmeow/appstate"
)

// endOfTime bounds which times of other devices are believed: what lies beyond is a defect of theirs,
// and following it would leave no time that is newer.
var endOfTime = time.Date(2100, time.January, 1, 0, 0, 0, 0, time.UTC)

// stamp is the time for a new mutation: now, but after that of every mutation known, because of two of
// one index the newer counts, and clocks are set back.
func (c *collection) stamp(now time.Time) time.Time {
	if now.After(c.record.newestAt) {
		return now
	}
	return c.record.newestAt.Add(time.Millisecond)
}

// notice keeps the newest time among the mutations.
func (c *collection) notice(mutations []appstate.Mutation) {
	for _, mutation := range mutations {
		at := fromMillis(mutation.Action.GetTimestamp())
		if at.After(c.record.newestAt) && at.Before(endOfTime) {
			c.record.newestAt = at
		}
	}
}

// hasPassed tells whether a time is over since a moment. A moment that lies in the future is of a clock
// that was set back since: then nothing is known, and it counts as over.
func hasPassed(now, since time.Time, length time.Duration) bool {
	elapsed := now.Sub(since)
	return elapsed < 0 || elapsed >= length
}
