package engine

import "sync/atomic"

// Counters count what the engines of a process have done. They only rise.
type Counters struct {
	Patches     atomic.Int64 // accepted by the server
	Mutations   atomic.Int64 // in those patches
	Conflicts   atomic.Int64 // patches that came too late and were made anew
	Refusals    atomic.Int64 // patches that the server refused for themselves
	LostAnswers atomic.Int64 // patches whose outcome had to be looked up
	FullSyncs   atomic.Int64 // collections fetched anew
	Wedged      atomic.Int64 // times that nothing of the ladder helped
}
