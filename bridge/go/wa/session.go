package wa

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"wuts/wa/engine"
)

// Reasons that go with a status.
const (
	reasonNotStarted    = "not_started"
	reasonRequested     = "requested"
	reasonUnlinked      = "unlinked"
	reasonLost          = "connection_lost"
	reasonConnect       = "connect_failed"
	reasonLogin         = "login_timeout"
	reasonKeepAlive     = "keepalive_timeout"
	reasonQueueFull     = "event_queue_full"
	reasonStreamError   = "stream_error"
	reasonStorage       = "storage_failed"
	reasonKeysMissing   = "keys_missing"
	reasonLoggingOut    = "logging_out"
	reasonOutdated      = "client_outdated"
	reasonAccountBanned = "account_banned"
)

// session is the live thing that drives one device. Its loop alone changes its state; everything else
// posts to the loop. viewMu guards what the loop publishes, and is never held while waiting.
type session struct {
	tenant    *tenant
	deviceID  string
	http      *http.Client
	timing    Timing
	spawn     *spawner
	log       *slog.Logger
	counters  *counters
	gate      *versionGate
	onVersion func() // the server takes a version that it had refused
	mailbox   *mailbox
	histories chan struct{}   // a place in it lets one read a history; it is the whole process's
	process   context.Context // ends with the bridge
	ctx       context.Context
	cancel    context.CancelFunc

	// The loop owns what follows.
	condition
	link     *link // nil while there are neither keys nor a pairing
	pairing  *pairing
	isWanted bool  // the device should be online
	leaving  *link // a logout's that is under way
	isCanary bool  // tries for all devices whether the server takes this version again
	retry    *time.Timer
	backoff  backoff
	lastSeen time.Time

	viewMu  sync.Mutex
	view    view
	changed chan struct{}
}

// view is what the loop last published.
type view struct {
	status   DeviceStatus
	link     *link // a linked device's; nil for any other
	isWanted bool
}

// newSession makes the session of a device and loads its keys. It does nothing before start.
func (b *Bridge) newSession(t *tenant, row deviceRow) (*session, error) {
	s := &session{
		tenant:    t,
		deviceID:  row.deviceID,
		http:      b.http,
		timing:    b.config.Timing,
		spawn:     b.spawn,
		counters:  &b.counters,
		log:       t.log.With("device_id", row.deviceID),
		mailbox:   newMailbox(),
		histories: b.histories,
		process:   b.ctx,
		condition: row.condition,
		gate:      b.gate,
		onVersion: b.announceVersion,
		changed:   make(chan struct{}),
	}
	s.backoff = backoff{base: s.timing.RetryBase, cap: s.timing.RetryCap, random: rand.Float64}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if !row.jid.IsEmpty() {
		if err := s.load(row); err != nil {
			s.cancel()
			return nil, storageError(err)
		}
	}
	s.publish()
	return s, nil
}

// load makes the link of a device that has keys. What a server has said against it stays said; if it has
// cost the device its keys, erasing them has failed, and is made up for.
func (s *session) load(row deviceRow) error {
	if row.isFinal() {
		return s.tenant.store.erase(s.ctx, row.deviceID, row.jid, row.condition)
	}
	device, err := s.tenant.store.container.GetDevice(s.ctx, row.jid)
	if err != nil {
		return err
	}
	if device == nil {
		s.state, s.reason = StatusLoggedOut, reasonKeysMissing
		return nil
	}
	if row.state == StatusNew {
		s.state, s.reason = StatusDisconnected, reasonNotStarted
	}
	s.link = s.newLink(device)
	if err := s.link.feed.loadSettings(s.ctx); err != nil {
		s.link.close()
		return err
	}
	statuses, err := s.link.engine.Statuses(s.ctx)
	if err != nil {
		s.link.close()
		return err
	}
	for _, status := range statuses {
		s.link.collections.set(status)
	}
	return nil
}

// start runs the session's loop until stop.
func (s *session) start() {
	s.spawn.Go("session", func() {
		s.mailbox.serve(s.ctx, func(task func()) { s.spawn.guard("session", task) })
	})
}

// stop ends the session with its process; the device's keys and what is known of it stay.
func (s *session) stop() {
	s.isWanted = false
	s.cancelRetry()
	if s.pairing.isRunning() {
		s.pairing.end(pairingFailed, reasonCancelled)
	}
	s.letGo()
	if s.leaving != nil {
		s.leaving.close()
	}
	s.cancel()
}

// ended says why a session that has stopped serves nobody any more.
func (s *session) ended() error {
	if s.process.Err() != nil {
		return ErrStopped
	}
	return ErrDeviceNotFound
}

// setStatus moves on to a status and tells the world, unless it is the same already.
func (s *session) setStatus(state, reason string) {
	s.setCondition(condition{state: state, reason: reason})
}

func (s *session) setCondition(found condition) {
	if s.condition == found {
		return
	}
	s.condition = found
	s.report()
}

// report publishes the session's state and records it as an event.
func (s *session) report() {
	s.log.Info("device_status", "status", s.state, "reason", s.reason)
	s.tenant.record(s.deviceID, "device.status", s.publish())
}

func (s *session) publish() DeviceStatus {
	status := DeviceStatus{
		DeviceID: s.deviceID, Status: s.state, Reason: s.reason,
		BannedUntil: s.bannedUntil(), AppState: string(engine.StateAwaitingKeys),
	}
	published := view{isWanted: s.isWanted}
	if s.link != nil && s.link.isPaired {
		published.link = s.link
		status.AppState = s.link.collections.worst()
		status.LIDMigrated = s.link.feed.settings.lidMigrated.Load()
		status.UnarchiveChats = s.link.feed.settings.unarchiveChats.Load()
		status.JID, status.LID, status.PushName = s.link.jid.String(), s.link.lid.String(), s.link.pushName
	}
	status.Connected = s.state == StatusConnected
	if status.Connected || s.view.status.Connected {
		s.lastSeen = time.Now()
	}
	if !s.lastSeen.IsZero() {
		status.LastSeenAt = s.lastSeen.UnixMilli()
	}
	published.status = status
	s.viewMu.Lock()
	defer s.viewMu.Unlock()
	s.view = published
	close(s.changed)
	s.changed = make(chan struct{})
	return status
}

// look returns what was last published, and what is closed when something else is.
func (s *session) look() (view, <-chan struct{}) {
	s.viewMu.Lock()
	defer s.viewMu.Unlock()
	return s.view, s.changed
}

// status is the device's status now. Connected is what the socket says, not only the last event.
func (s *session) status() DeviceStatus {
	seen, _ := s.look()
	if seen.link != nil {
		seen.status.AppState = seen.link.collections.worst()
	}
	if seen.status.Connected {
		seen.status.Connected = seen.link.client.IsConnected() && seen.link.client.IsLoggedIn()
		seen.status.LastSeenAt = time.Now().UnixMilli()
	}
	return seen.status
}

// after posts f to the loop when the time is over.
func (s *session) after(wait time.Duration, f func()) *time.Timer {
	return time.AfterFunc(wait, func() { s.mailbox.post(f) })
}
