package engine

import (
	"context"
	"slices"
	"strings"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/proto/waServerSync"
	"go.mau.fi/whatsmeow/proto/waSyncAction"
)

// Change is one entry of a collection that was set or removed, by whomever.
type Change struct {
	Collection appstate.WAPatchName
	Version    uint64
	Remove     bool
	Index      []string
	Value      *waSyncAction.SyncActionValue // of a removal: what the remover wrote, often nil
	Timestamp  time.Time                     // when the author made it; zero if it didn't say
	Full       bool                          // part of a full sync: what is, not what happened
	Own        bool                          // made by this device
	Last       bool                          // no further change of this version follows
}

// batch is what one commit has to report.
type batch struct {
	scratch   *scratch
	mutations []appstate.Mutation
	own       []uint64 // versions that are this device's own patches
}

// emit reports the mutations of a commit in their order, to OnChange and to whatsmeow, while the
// caller has the turn. A version that leaves nothing to report is reported as a status.
func (e *Engine) emit(ctx context.Context, c *collection, b batch) {
	ctx = context.WithoutCancel(ctx)
	full := b.scratch.isFull()
	mutations := e.reportable(ctx, c.name, b)
	reported := uint64(0)
	for i, mutation := range mutations {
		change := toChange(c.name, mutation)
		change.Full = full
		change.Own = slices.Contains(b.own, mutation.PatchVersion)
		if full {
			change.Version = b.scratch.state.Version
		}
		change.Last = i == len(mutations)-1 ||
			!full && mutations[i+1].PatchVersion != mutation.PatchVersion
		reported = change.Version
		e.shield("app_state_change_handler_panicked", func() { e.options.OnChange(change) })
		e.shield("app_state_dispatch_panicked", func() {
			e.options.Wire.Dispatch(ctx, c.name, mutation, full)
		})
	}
	e.publish(c, full || reported != b.scratch.state.Version)
}

func toChange(name appstate.WAPatchName, m appstate.Mutation) Change {
	return Change{
		Collection: name,
		Version:    m.PatchVersion,
		Remove:     m.Operation == waServerSync.SyncdMutation_REMOVE,
		Index:      m.Index,
		Value:      m.Action,
		Timestamp:  fromMillis(m.Action.GetTimestamp()),
	}
}

// reportable leaves out what says nothing true about the collection as committed: the removal of an
// index that is still there, and, of a whole collection, everything but one mutation per index.
func (e *Engine) reportable(
	ctx context.Context, name appstate.WAPatchName, b batch,
) []appstate.Mutation {
	mutations := b.mutations
	if b.scratch.isFull() {
		mutations = newest(b)
	}
	return slices.DeleteFunc(slices.Clone(mutations), func(m appstate.Mutation) bool {
		return m.Operation == waServerSync.SyncdMutation_REMOVE &&
			e.isLiveElsewhere(ctx, b.scratch, name, m)
	})
}

// newest keeps one mutation per index: of the live records, which are several after a key rotation,
// the one with the newest timestamp, else the last removal.
func newest(b batch) []appstate.Mutation {
	chosen := make(map[string]int)
	for i, mutation := range b.mutations {
		key := strings.Join(mutation.Index, "\x00")
		if j, ok := chosen[key]; !ok || b.supersedes(mutation, b.mutations[j]) {
			chosen[key] = i
		}
	}
	positions := make([]int, 0, len(chosen))
	for _, i := range chosen {
		positions = append(positions, i)
	}
	slices.Sort(positions)
	kept := make([]appstate.Mutation, 0, len(positions))
	for _, i := range positions {
		kept = append(kept, b.mutations[i])
	}
	return kept
}

// supersedes tells whether a later mutation of an index replaces the one chosen so far.
func (b batch) supersedes(later, chosen appstate.Mutation) bool {
	if b.isLive(later) != b.isLive(chosen) {
		return b.isLive(later)
	}
	return !b.isLive(later) || later.Action.GetTimestamp() >= chosen.Action.GetTimestamp()
}

// isLive tells whether the mutation is the record that the collection now has.
func (b batch) isLive(m appstate.Mutation) bool {
	return m.Operation == waServerSync.SyncdMutation_SET &&
		slices.Equal(b.scratch.macs[string(m.IndexMAC)], m.ValueMAC)
}
