package wa

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"

	"wuts/wa/engine"
)

// link is a session's client with its keys: those of a linked device, or fresh ones for a pairing.
type link struct {
	session *session
	device  *store.Device
	client  *whatsmeow.Client
	engine  *engine.Engine // nil until the device has its stores
	feed    *feed          // likewise
	tap     *tap
	ctx     context.Context
	cancel  context.CancelFunc

	exchange  atomic.Pointer[exchange]
	isUp      atomic.Bool // logged in, as far as events have said
	hasEnded  atomic.Bool // the session has let go of it
	isSuspect atomic.Bool // a ping is under way that is to prove the connection
	overflow  atomic.Bool // the event queue stayed full for this link's events

	collections collectionStates

	// The session's loop owns what follows.
	jid, lid     types.JID
	pushName     string
	isPaired     bool
	isOpen       bool // a socket is open, or is not known to be closed
	isBusy       bool // Connect or Disconnect runs; there is one at a time
	mustReopen   bool
	isLoginDue   bool // the server asked for the login before the pairing was known to be over
	hasRestarted bool // the first login with new keys has begun
	dials        int
	connectedAt  time.Time
	settled      chan struct{} // closed when the socket is closed and nothing runs; nil if nobody waits
}

// newLink makes the client of a device. It connects only when the session's loop says so.
func (s *session) newLink(device *store.Device) *link {
	l := &link{session: s, device: device, tap: newTap()}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	device.Container = deviceContainer{l}
	l.client = whatsmeow.NewClient(device, l.tap)
	l.client.BackgroundEventCtx = l.ctx
	l.client.EnableAutoReconnect = false
	l.client.DisableLoginAutoReconnect = true
	l.client.SynchronousAck = true
	l.client.EnableDecryptedEventBuffer = false
	l.client.UseRetryMessageStore = false
	l.client.ManualHistorySyncDownload = true
	l.client.PrePairCallback = func(types.JID, string, string) bool { return !l.hasEnded.Load() }
	l.client.AddEventHandlerWithSuccessStatus(l.handle)
	route(l.client, s.http)
	if device.ID != nil {
		l.isPaired = true
		l.jid, l.lid, l.pushName = *device.ID, device.LID, device.PushName
		l.install()
	}
	return l
}

// install takes the device's stores over: whatsmeow has just made them.
func (l *link) install() {
	s := l.session
	l.device.Container = deviceContainer{l}
	l.device.MsgSecrets = noSecrets{}
	// The mirror keeps the settings of chats. Nobody reads this copy, and it costs a write each mutation.
	l.device.ChatSettings = nil
	l.engine = engine.New(engine.Options{
		Device:   l.device,
		DB:       s.tenant.store.db,
		Wire:     wire{engine.NewWire(l.client), l},
		OnChange: l.onChange,
		OnStatus: l.onStatus,
		Go:       s.spawn.Go,
		Log:      s.log,
		Counters: &s.counters.engine,
	})
	l.feed = newFeed(l)
	s.spawn.Go("engine", func() { l.engine.Run(l.ctx) })
	s.spawn.Go("history", l.feed.runHistory)
}

// wire answers whether there is a connection without waiting for a client that is just dialling, and
// takes an answer that never came as a sign that the connection is dead.
type wire struct {
	engine.Wire
	link *link
}

func (w wire) IsConnected() bool {
	return w.link.isUp.Load() && w.Wire.IsConnected()
}

func (w wire) Query(ctx context.Context, sync waBinary.Node, timeout time.Duration) (waBinary.Node, error) {
	answer, err := w.Wire.Query(ctx, sync, timeout)
	if errors.Is(err, whatsmeow.ErrIQTimedOut) || errors.Is(err, context.DeadlineExceeded) {
		w.link.suspect()
	}
	return answer, err
}

// suspect has a connection prove that it is alive, and replaced if it can't. One proof runs at a time.
func (l *link) suspect() {
	s := l.session
	if !l.isUp.Load() || l.isSuspect.Swap(true) {
		return
	}
	s.mailbox.post(func() {
		dial := l.dials
		s.spawn.Go("ping", func() {
			isAlive := l.ping()
			l.isSuspect.Store(false)
			s.mailbox.post(func() {
				if !isAlive && l.dials == dial {
					s.reopen(l, reasonKeepAlive)
				}
			})
		})
	})
}

// ping has the socket that is open now prove that it is alive.
func (l *link) ping() bool {
	// The context covers the sending, too, which blocks when the other side does not read.
	ctx, cancel := context.WithTimeout(l.ctx, l.session.timing.Pong)
	defer cancel()
	return engine.Ping(ctx, l.client, l.session.timing.Pong)
}

// close ends the client for good, off the loop, because closing a socket may take seconds.
func (l *link) close() {
	l.hasEnded.Store(true)
	l.isUp.Store(false)
	l.session.spawn.Go("close link", func() {
		defer l.cancel()
		closed := make(chan struct{})
		l.session.spawn.Go("disconnect", func() {
			defer close(closed)
			l.client.Disconnect()
		})
		// A dial in progress makes Disconnect wait; the end of the context makes an end of it.
		timer := time.NewTimer(l.session.timing.Disconnect)
		defer timer.Stop()
		select {
		case <-closed:
		case <-timer.C:
		}
	})
}
