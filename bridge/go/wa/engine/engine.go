// Package engine owns the app state of one linked device: archive, pin, mute, read and what else
// WhatsApp keeps as entries of an encrypted, versioned map that all devices of an account write.
//
// The engine is the only reader and writer of the device's app-state tables. Engine.turn is held
// over a whole round trip to the server, because the stored version is what a patch builds on;
// answers to requests don't pass whatsmeow's handler queue, so that holding it can't deadlock. The
// two small mutexes guard the published statuses and the notifications waiting for Run; nothing
// blocks under them.
package engine

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"go.mau.fi/util/dbutil"
	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/store"
	waLog "go.mau.fi/whatsmeow/util/log"
)

// MaxMutations and MaxPatchBytes bound one patch, as WhatsApp Web does for inline patches.
const (
	MaxMutations  = 100
	MaxPatchBytes = 100_000
)

// Options is what an engine is made of. All fields are needed.
type Options struct {
	Device   *store.Device                  // with its ID and stores; AppState becomes a door
	DB       *dbutil.Database               // the one that the device's stores use
	Wire     Wire                           // NewWire of the device's client
	OnChange func(Change)                   // in order, while the engine is busy; may block
	OnStatus func(Status)                   // a collection's state changed; as OnChange
	Go       func(name string, task func()) // starts a goroutine that survives a panic
	Log      *slog.Logger                   // gets names, versions and codes only
	Counters *Counters                      // may be shared by many engines
}

// Engine serves the app state of one device. Its methods may be used from any goroutine.
type Engine struct {
	options   Options
	jid       string              // as whatsmeow's store writes it
	store     store.AppStateStore // the real tables
	keys      keyStore
	reader    *store.Device // a bare device for the processor: keys and the present scratch
	processor *appstate.Processor
	now       func() time.Time

	turn        chan struct{} // holds one token while somebody works on the tables
	collections map[appstate.WAPatchName]*collection
	asked       map[string]time.Time // key id → when the phone was asked for it; under turn
	wroteAt     atomic.Int64         // when the last patch was sent, Unix nanoseconds
	trips       int                  // requests sent to the server so far; under turn

	statusMutex sync.Mutex
	statuses    map[appstate.WAPatchName]Status

	pokes *pokes
}

// New makes the engine of a device and puts its door in place of the device's app-state store.
func New(options Options) *Engine {
	tables := options.Device.AppState
	if former, ok := tables.(door); ok {
		tables = former.engine.store
	}
	keys := keyStore{options.Device.AppStateKeys}
	reader := &store.Device{AppStateKeys: keys, Log: waLog.Noop}
	e := &Engine{
		options:     options,
		jid:         options.Device.ID.String(),
		store:       tables,
		keys:        keys,
		reader:      reader,
		processor:   appstate.NewProcessor(reader, waLog.Noop),
		now:         time.Now,
		turn:        make(chan struct{}, 1),
		collections: make(map[appstate.WAPatchName]*collection),
		asked:       make(map[string]time.Time),
		statuses:    make(map[appstate.WAPatchName]Status),
		pokes:       newPokes(),
	}
	for _, name := range appstate.AllPatchNames {
		e.collections[name] = &collection{name: name}
	}
	options.Device.AppState = door{e}
	return e
}

// take waits for the device's turn, at most until the context ends.
func (e *Engine) take(ctx context.Context) error {
	if ctx.Err() == nil {
		select {
		case e.turn <- struct{}{}:
			return nil
		case <-ctx.Done():
		}
	}
	return fmt.Errorf("waiting for the device's turn: %w", ctx.Err())
}

func (e *Engine) giveBack() { <-e.turn }

// open returns a collection whose record was read and whose stored copy was checked once. The
// caller has the turn.
func (e *Engine) open(ctx context.Context, name appstate.WAPatchName) (*collection, error) {
	c, ok := e.collections[name]
	if !ok {
		return nil, ErrUnknownCollection
	}
	if c.isLoaded {
		return c, nil
	}
	stored, err := e.loadRecord(ctx, name)
	if err != nil {
		return nil, err
	}
	c.record = stored
	if err := e.verify(ctx, c); err != nil {
		return nil, err
	}
	c.isLoaded = true
	if c.record.rung == rungCopy {
		e.expectCopy(c)
	}
	e.publish(c, false)
	return c, nil
}

// shield runs a handler that is not the engine's own; a panic in it is logged and stops nothing.
func (e *Engine) shield(event string, handler func()) {
	defer func() {
		if recover() != nil {
			e.options.Log.Error(event)
		}
	}()
	handler()
}
