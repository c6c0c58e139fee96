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
	CopiesAsked atomic.Int64 // requests to a phone for its own copy
	CopiesTaken atomic.Int64 // copies that mended a collection
	Wedged      atomic.Int64 // times that nothing of the ladder helped
}
