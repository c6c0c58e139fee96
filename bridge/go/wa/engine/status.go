package engine

import (
	"context"
	"time"

	"go.mau.fi/whatsmeow/appstate"
)

// State says how far a collection can be trusted and used.
type State string

// The states of a collection, from good to bad.
const (
	StateOK            State = "ok"
	StateSyncing       State = "syncing"        // never fetched, or about to be fetched anew
	StateAwaitingKeys  State = "awaiting_keys"  // the phone has to share a key first
	StateAwaitingPhone State = "awaiting_phone" // the phone has been asked for a copy
	StateWedged        State = "wedged"         // nothing of the ladder helped
)

// Status is one collection as of its last commit.
type Status struct {
	Name    appstate.WAPatchName
	Version uint64
	State   State
	LastOK  time.Time // zero: never in step with the server
	Loaded  bool      // what the store has, reported before anything else of the collection
}

// collection is what the engine knows about one collection while it runs.
type collection struct {
	name         appstate.WAPatchName
	record       record
	isLoaded     bool // the record was read and the self check made
	awaitingKeys bool
	isBehind     bool // the server has accepted a patch that the store could not keep
}

func (c *collection) status() Status {
	return Status{
		Name:    c.name,
		Version: c.record.version,
		State:   c.record.state(c.awaitingKeys),
		LastOK:  c.record.lastOK,
	}
}

// publish makes the collection's status visible, and reports it if its state changed or if the
// caller has something to say that no change said.
func (e *Engine) publish(c *collection, always bool) {
	status := c.status()
	e.statusMutex.Lock()
	last, ok := e.statuses[c.name]
	e.statuses[c.name] = status
	e.statusMutex.Unlock()
	status.Loaded = !ok
	if always || status.Loaded || last.State != status.State {
		e.shield("app_state_status_handler_panicked", func() { e.options.OnStatus(status) })
	}
}

// Statuses answers for all collections without waiting for a patch in flight.
func (e *Engine) Statuses(ctx context.Context) ([]Status, error) {
	statuses := make([]Status, 0, len(appstate.AllPatchNames))
	for _, name := range appstate.AllPatchNames {
		e.statusMutex.Lock()
		status, ok := e.statuses[name]
		e.statusMutex.Unlock()
		if !ok {
			stored, err := e.loadRecord(ctx, name)
			if err != nil {
				return nil, err
			}
			status = (&collection{name: name, record: stored}).status()
		}
		statuses = append(statuses, status)
	}
	return statuses, nil
}
