package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.mau.fi/whatsmeow/appstate"
)

const (
	// debounce gathers the notifications of one burst.
	debounce = 30 * time.Millisecond
	// syncTimeout bounds one sync that Run makes.
	syncTimeout = time.Minute
	// firstRetry and lastRetry bound the pauses after syncs that failed.
	firstRetry = time.Second
	lastRetry  = 2 * time.Minute
)

// pokes keeps which collections want a sync, and tells those who wait that a connection is up.
type pokes struct {
	mutex   sync.Mutex
	pending map[appstate.WAPatchName]bool
	signal  chan struct{} // holds one token when something is pending
	up      chan struct{} // closed by the next announcement
}

func newPokes() *pokes {
	return &pokes{
		pending: make(map[appstate.WAPatchName]bool),
		signal:  make(chan struct{}, 1),
		up:      make(chan struct{}),
	}
}

// keep notes a collection for the next pass without asking for one.
func (p *pokes) keep(name appstate.WAPatchName) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.pending[name] = true
}

func (p *pokes) wake() {
	select {
	case p.signal <- struct{}{}:
	default:
	}
}

// drain returns the pending collections in whatsmeow's order, the critical ones first.
func (p *pokes) drain() []appstate.WAPatchName {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	var names []appstate.WAPatchName
	for _, name := range appstate.AllPatchNames {
		if p.pending[name] {
			names = append(names, name)
		}
	}
	clear(p.pending)
	return names
}

func (p *pokes) announce() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	close(p.up)
	p.up = make(chan struct{})
}

// announced returns a channel that the next announcement closes.
func (p *pokes) announced() <-chan struct{} {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.up
}

// poke asks for a sync of a collection. It never blocks.
func (e *Engine) poke(name appstate.WAPatchName) {
	if _, ok := e.collections[name]; ok {
		e.pokes.keep(name)
		e.pokes.wake()
	}
}

// Connected says that the connection is up: who waits for it goes on, and what is pending or not in
// order is synced. It never blocks.
func (e *Engine) Connected() {
	e.pokes.announce()
	for _, name := range appstate.AllPatchNames {
		e.statusMutex.Lock()
		status, ok := e.statuses[name]
		e.statusMutex.Unlock()
		if !ok || status.State != StateOK {
			e.pokes.keep(name)
		}
	}
	e.pokes.wake()
}

// Run checks every collection once, then serves notifications until the context ends. Apply and
// Sync work without it.
func (e *Engine) Run(ctx context.Context) {
	for _, name := range appstate.AllPatchNames {
		e.shield("app_state_check_panicked", func() { e.check(ctx, name) })
	}
	pause := time.Duration(0)
	for e.awaitWork(ctx, pause) {
		if e.pass(ctx) {
			pause = min(max(2*pause, firstRetry), lastRetry)
		} else {
			pause = 0
		}
	}
}

// check makes the self check of a collection, so that a bad copy is known before anybody writes.
func (e *Engine) check(ctx context.Context, name appstate.WAPatchName) {
	if e.take(ctx) != nil {
		return
	}
	defer e.giveBack()
	if _, err := e.open(ctx, name); err != nil && ctx.Err() == nil {
		e.options.Log.Error("app_state_check_failed", "collection", name)
		e.pokes.keep(name)
	}
}

// awaitWork waits for a notification and the rest of its burst, or until the pause (0: none) after
// a failure is over. It returns false when the context ended.
func (e *Engine) awaitWork(ctx context.Context, pause time.Duration) bool {
	var retry <-chan time.Time
	if pause > 0 {
		timer := time.NewTimer(pause)
		defer timer.Stop()
		retry = timer.C
	}
	select {
	case <-e.pokes.signal:
		return sleep(ctx, debounce) == nil
	case <-retry:
		return true
	case <-ctx.Done():
		return false
	}
}

// pass syncs what is pending and tells whether some of it has to be tried again after a pause. What
// waits for a connection or for a key is brought back by Connected or by the door.
func (e *Engine) pass(ctx context.Context) (again bool) {
	for _, name := range e.pokes.drain() {
		if !e.options.Wire.IsConnected() {
			e.pokes.keep(name)
			continue
		}
		err := errors.New("a panic")
		e.shield("app_state_sync_panicked", func() { err = e.syncInTime(ctx, name) })
		switch {
		case err == nil, errors.Is(err, ErrNoKeys), errors.Is(err, ErrBroken),
			errors.Is(err, ErrAwaitingPhone):
		default:
			e.pokes.keep(name)
			again = true
			e.logFailure("app_state_sync_failed", name, err)
		}
	}
	return again
}

func (e *Engine) syncInTime(ctx context.Context, name appstate.WAPatchName) error {
	ctx, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()
	_, err := e.Sync(ctx, name, false)
	return err
}

// logFailure logs the kind of an error only; its text may hold what the other side wrote.
func (e *Engine) logFailure(event string, name appstate.WAPatchName, err error) {
	var refused *ServerError
	code := 0
	if errors.As(err, &refused) {
		code = refused.Code
	}
	e.options.Log.Warn(event, "collection", name, "kind", kindOf(err), "code", code)
}

// sleep waits for a length of time or until the context ends.
func sleep(ctx context.Context, length time.Duration) error {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
