package wa

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/encoding/protojson"

	"wuts/wa/engine"
)

// ApplyAppState uploads mutations of one collection as one patch.
func (b *Bridge) ApplyAppState(
	ctx context.Context, key DeviceKey, name appstate.WAPatchName, mutations []appstate.MutationInfo,
) (engine.Outcome, error) {
	l, err := b.connectedLink(ctx, key)
	if err != nil {
		return engine.Outcome{}, err
	}
	return l.engine.Apply(ctx, name, mutations)
}

// SyncAppState fetches what is new in a collection, or all of it, and returns its version.
func (b *Bridge) SyncAppState(
	ctx context.Context, key DeviceKey, name appstate.WAPatchName, full bool,
) (uint64, error) {
	l, err := b.connectedLink(ctx, key)
	if err != nil {
		return 0, err
	}
	return l.engine.Sync(ctx, name, full)
}

// AppStateStatus returns the state of every collection of a linked device, connected or not.
func (b *Bridge) AppStateStatus(ctx context.Context, key DeviceKey) ([]engine.Status, error) {
	s, err := b.session(ctx, key)
	if err != nil {
		return nil, err
	}
	seen, _ := s.look()
	if seen.link != nil {
		return seen.link.engine.Statuses(ctx)
	}
	if err := refusal(seen.status.Status); err != nil {
		return nil, err
	}
	return nil, ErrDeviceNotLinked
}

// connectedLink waits for a connection that is being made, but not for one that nobody makes.
func (b *Bridge) connectedLink(ctx context.Context, key DeviceKey) (*link, error) {
	s, err := b.session(ctx, key)
	if err != nil {
		return nil, err
	}
	timer := time.NewTimer(s.timing.Reconnecting)
	defer timer.Stop()
	for {
		seen, changed := s.look()
		if err := refusal(seen.status.Status); err != nil {
			return nil, err
		}
		if seen.status.Connected {
			return seen.link, nil
		}
		if !seen.isWanted {
			return nil, ErrDeviceNotConnected
		}
		select {
		case <-changed:
		case <-timer.C:
			return nil, ErrDeviceNotConnected
		case <-ctx.Done():
			return nil, errors.Join(ErrDeviceNotConnected, ctx.Err())
		case <-s.ctx.Done():
			return nil, s.ended()
		}
	}
}

// takeCopies hands the engine what the phone answers to a request for its copy of a collection. Nobody
// but the account's own phone is believed.
func (l *link) takeCopies(event *events.Message) {
	if !event.Info.IsFromMe || event.Info.Sender.Device != 0 || l.engine == nil {
		return
	}
	answer := event.Message.GetProtocolMessage().GetPeerDataOperationRequestResponseMessage()
	for _, result := range answer.GetPeerDataOperationResult() {
		if found := result.GetSyncdSnapshotFatalRecoveryResponse(); found != nil {
			l.session.spawn.Go("take copy", func() { _ = l.engine.TakeCopy(l.ctx, found) })
		}
	}
}

type changeData struct {
	Collection string          `json:"collection"`
	Version    uint64          `json:"version"`
	Operation  string          `json:"operation"`
	Index      []string        `json:"index"`
	Value      json.RawMessage `json:"value,omitempty"`
	ValueAt    int64           `json:"value_at,omitempty"`
	Full       bool            `json:"full"`
	Own        bool            `json:"own"`
	Last       bool            `json:"last"`
}

// onChange queues a change of the app state. The engine holds the device's turn meanwhile, so a full
// queue slows the device down and loses nothing.
func (l *link) onChange(change engine.Change) {
	l.feed.noteChange(change)
	data := changeData{
		Collection: string(change.Collection), Version: change.Version, Operation: "set",
		Index: change.Index, Full: change.Full, Own: change.Own, Last: change.Last,
	}
	if change.Remove {
		data.Operation = "remove"
	}
	if !change.Timestamp.IsZero() {
		data.ValueAt = change.Timestamp.UnixMilli()
	}
	if change.Value != nil {
		value, err := protojson.Marshal(change.Value)
		if err != nil {
			l.session.log.Warn("app_state_value_not_encoded", "collection", data.Collection)
		}
		data.Value = value
	}
	l.enqueue("app_state.change", data, !change.Last)
}

// collectionStates is the last known state of each collection. mu guards them; nothing blocks under it.
type collectionStates struct {
	mu     sync.Mutex
	states map[appstate.WAPatchName]engine.State
}

func (c *collectionStates) set(status engine.Status) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.states == nil {
		c.states = map[appstate.WAPatchName]engine.State{}
	}
	c.states[status.Name] = status.State
}

var badness = map[engine.State]int{
	engine.StateOK: 0, engine.StateSyncing: 1, engine.StateAwaitingKeys: 2,
	engine.StateAwaitingPhone: 3, engine.StateWedged: 4,
}

// worst is the worst of the states; a device without any has no keys yet.
func (c *collectionStates) worst() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.states) == 0 {
		return string(engine.StateAwaitingKeys)
	}
	worst := engine.StateOK
	for _, state := range c.states {
		if badness[state] > badness[worst] {
			worst = state
		}
	}
	return string(worst)
}

type collectionData struct {
	Collection string `json:"collection"`
	Version    uint64 `json:"version"`
	State      string `json:"state"`
	Loaded     bool   `json:"loaded,omitempty"`
}

func (l *link) onStatus(status engine.Status) {
	l.collections.set(status)
	l.enqueue("app_state.status", collectionData{
		string(status.Name), status.Version, string(status.State), status.Loaded,
	}, false)
}

// enqueue waits for room in the event queue. If none comes the session disconnects and the loss is
// itself an event; until there is room again nothing more is waited for.
func (l *link) enqueue(kind string, data any, more bool) {
	s := l.session
	event, err := s.tenant.newEvent(s.deviceID, kind, data)
	if err != nil {
		return
	}
	wait := s.timing.QueueFull
	if l.overflow.Load() {
		wait = 0
	}
	ctx, cancel := context.WithTimeout(l.ctx, wait)
	defer cancel()
	switch err := s.tenant.queue.put(ctx, event, more); {
	case err == nil:
		l.overflow.Store(false)
	case errors.Is(err, errQueueFull) && l.ctx.Err() == nil && !l.overflow.Swap(true):
		s.mailbox.post(func() { s.overflowed(l) })
	}
}

func (s *session) overflowed(l *link) {
	s.tenant.record(s.deviceID, "events.gap", map[string]any{"reason": reasonQueueFull})
	s.reopen(l, reasonQueueFull)
}
