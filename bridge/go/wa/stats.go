package wa

import (
	"runtime"
	"sync/atomic"

	"wuts/wa/engine"
)

// counters count what the sessions of a bridge have done. They only rise.
type counters struct {
	engine            engine.Counters
	reconnects        atomic.Int64 // tries to come back after a connection was lost or refused
	logoutsAfterWrite atomic.Int64 // that nobody here asked for, soon after a patch
}

// Stats is what a bridge holds now, and what it has done since it was opened.
type Stats struct {
	Devices           map[string]int `json:"devices"` // how many are in each status; each status is there
	Stores            int            `json:"stores"`
	Goroutines        int            `json:"goroutines"` // of the whole process
	QueuedEvents      int            `json:"queued_events"`
	Reconnects        int64          `json:"reconnects"`
	Patches           int64          `json:"patches"`
	Mutations         int64          `json:"mutations"`
	Conflicts         int64          `json:"conflicts"`
	Refusals          int64          `json:"refusals"`
	LostAnswers       int64          `json:"lost_answers"`
	FullSyncs         int64          `json:"full_syncs"`
	CopiesAsked       int64          `json:"copies_asked"`
	CopiesTaken       int64          `json:"copies_taken"`
	Wedged            int64          `json:"wedged"`
	LogoutsAfterWrite int64          `json:"logouts_after_write"`
}

// Stats counts. It takes no device's turn, so that it answers whatever the devices do.
func (b *Bridge) Stats() (Stats, error) {
	if b.ctx.Err() != nil {
		return Stats{}, ErrStopped
	}
	tenants := b.allTenants()
	done := &b.counters
	stats := Stats{
		Devices: map[string]int{}, Stores: len(tenants), Goroutines: runtime.NumGoroutine(),
		QueuedEvents: b.queue.length(), Reconnects: done.reconnects.Load(),
		Patches: done.engine.Patches.Load(), Mutations: done.engine.Mutations.Load(),
		Conflicts: done.engine.Conflicts.Load(), Refusals: done.engine.Refusals.Load(),
		LostAnswers: done.engine.LostAnswers.Load(), FullSyncs: done.engine.FullSyncs.Load(),
		CopiesAsked: done.engine.CopiesAsked.Load(), CopiesTaken: done.engine.CopiesTaken.Load(),
		Wedged: done.engine.Wedged.Load(), LogoutsAfterWrite: done.logoutsAfterWrite.Load(),
	}
	for _, status := range allStatuses {
		stats.Devices[status] = 0
	}
	for _, tenant := range tenants {
		for _, session := range tenant.allSessions() {
			seen, _ := session.look()
			stats.Devices[seen.status.Status]++
		}
	}
	return stats, nil
}

func (b *Bridge) allTenants() []*tenant {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make([]*tenant, 0, len(b.tenants))
	for _, tenant := range b.tenants {
		all = append(all, tenant)
	}
	return all
}
