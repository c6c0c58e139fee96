package wa

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"
)

// tenant is one tenant's store with its live sessions.
//
// order guards the order of spooled events and is held over the insert of one row, so that the queue
// carries them by rising number. mu guards the map and is never held while waiting.
type tenant struct {
	id    string
	store *tenantStore
	queue *queue
	log   *slog.Logger

	order sync.Mutex

	mu       sync.Mutex
	sessions map[string]*session
}

// record spools an event and queues it. An event that can't be spooled is still delivered, but then it
// does not survive a kill.
func (t *tenant) record(deviceID, kind string, data any) {
	event, err := t.newEvent(deviceID, kind, data)
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	t.order.Lock()
	defer t.order.Unlock()
	if event.SpoolID, err = t.store.spool(ctx, event); err != nil {
		t.log.Error("event_not_spooled", "device_id", deviceID, "type", kind)
	}
	t.queue.force(event)
}

// announce queues an event that lives no longer than this process.
func (t *tenant) announce(deviceID, kind string, data any) {
	if event, err := t.newEvent(deviceID, kind, data); err == nil {
		t.queue.force(event)
	}
}

func (t *tenant) newEvent(deviceID, kind string, data any) (Event, error) {
	encoded, err := json.Marshal(data)
	if err != nil {
		t.log.Error("event_not_encoded", "device_id", deviceID, "type", kind)
	}
	return Event{
		TenantID: t.id, DeviceID: deviceID, Type: kind, At: time.Now().UnixMilli(), Data: encoded,
	}, err
}

func (t *tenant) session(deviceID string) (*session, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	found, ok := t.sessions[deviceID]
	return found, ok
}

func (t *tenant) remove(deviceID string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.sessions, deviceID)
}

// stop ends every session.
func (t *tenant) stop() {
	for _, session := range t.allSessions() {
		session.mailbox.post(session.stop)
	}
}

func (t *tenant) allSessions() []*session {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]*session, 0, len(t.sessions))
	for _, session := range t.sessions {
		all = append(all, session)
	}
	return all
}
