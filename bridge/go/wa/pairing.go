package wa

import (
	"context"
	"time"
)

// The states of a pairing.
const (
	pairingNone    = "none"
	pairingWaiting = "waiting"
	pairingPasskey = "passkey"
	pairingLinking = "linking"
	pairingLinked  = "linked"
	pairingExpired = "expired"
	pairingFailed  = "failed"
)

// The ways in which a phone learns of a device.
const (
	methodQR   = "qr"
	methodCode = "code"
)

const (
	reasonCancelled  = "cancelled"
	reasonSuperseded = "superseded"
	maxNewConnection = 5
)

// pairing is one try to link a device by a code: a QR code to be scanned, or one to be typed into the
// phone. The session's loop owns it; it stays after its end, to say how it ended.
type pairing struct {
	phone       string // that a code is to be typed into; empty: codes are scanned
	state       string
	reason      string
	refusal     error     // what the server had against it
	before      condition // the device's, which comes back if nothing is linked
	attempt     int       // how many codes there were
	connections int       // how many connections were made beyond the first
	rest        []string  // codes to be scanned: those that follow, or all beside one to be typed
	codesAt     time.Time
	beside      int      // which of them was shown last beside one to be typed, counted from 1
	code        string   // empty while the next one is awaited
	passkey     *passkey // nil while none is asked for
	isShown     bool
	generatedAt time.Time
	expiresAt   time.Time
	polledAt    time.Time
	timer       *time.Timer
	changed     chan struct{}
}

// PairingStatus is how far a pairing is. Times are Unix milliseconds, 0 for unknown.
type PairingStatus struct {
	State       string `json:"state"`
	Method      string `json:"method,omitempty"`
	Phone       string `json:"phone,omitempty"`
	Attempt     int    `json:"attempt"`
	GeneratedAt int64  `json:"generated_at,omitempty"`
	ExpiresAt   int64  `json:"expires_at,omitempty"`
	Reason      string `json:"reason,omitempty"`
}

func (p *pairing) isRunning() bool {
	return p.isAwaited() || p.isLinking()
}

// isAwaited tells whether somebody has to do something: scan, type, or answer with a passkey.
func (p *pairing) isAwaited() bool {
	return p != nil && (p.state == pairingWaiting || p.state == pairingPasskey)
}

// failure is what a pairing's end means to those who wait for a code.
func (p *pairing) failure() error {
	switch {
	case p.refusal != nil:
		return p.refusal
	case p.reason == reasonConnect:
		return ErrDeviceNotConnected
	}
	return ErrPairingEnded
}

func (p *pairing) method() string {
	if p.phone == "" {
		return methodQR
	}
	return methodCode
}

func (p *pairing) isLinking() bool {
	return p != nil && p.state == pairingLinking
}

func (p *pairing) lacksCode() bool {
	return p != nil && p.state == pairingWaiting && p.code == ""
}

func (p *pairing) status() PairingStatus {
	if p == nil {
		return PairingStatus{State: pairingNone}
	}
	status := PairingStatus{
		State: p.state, Method: p.method(), Phone: p.phone, Attempt: p.attempt, Reason: p.reason,
	}
	if p.code != "" || p.state == pairingPasskey {
		status.GeneratedAt, status.ExpiresAt = p.generatedAt.UnixMilli(), p.expiresAt.UnixMilli()
	}
	return status
}

// tell wakes those who wait for a code or for the end.
func (p *pairing) tell() {
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *pairing) stopTimer() {
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
}

func (p *pairing) end(state, reason string) {
	p.stopTimer()
	p.state, p.reason = state, reason
	p.code, p.rest, p.passkey = "", nil, nil
	p.tell()
}

// startPairing makes fresh keys and connects with them. With a phone number it is for a code to be typed.
func (s *session) startPairing(phone string) {
	s.pairing = &pairing{
		phone: phone, state: pairingWaiting, before: s.condition,
		polledAt: time.Now(), changed: make(chan struct{}),
	}
	s.link = s.newLink(s.tenant.store.container.NewDevice())
	s.isWanted = true
	s.setStatus(StatusPairing, "")
	s.watchPolls(s.pairing)
	s.reconcile()
}

// watchPolls ends a pairing that nobody looks at any more.
func (s *session) watchPolls(p *pairing) {
	s.after(time.Until(p.polledAt.Add(s.timing.PairingIdle)), func() {
		switch {
		case s.pairing != p || !p.isAwaited():
		case time.Since(p.polledAt) >= s.timing.PairingIdle:
			s.expirePairing()
		default:
			s.watchPolls(p)
		}
	})
}

// shown is a code, or what is closed when there may be one.
type shown struct {
	code    QRCode
	pairing *pairing
	changed <-chan struct{}
}

// awaitCode asks a session's loop for a code until it has one; after the first time with the pairing that
// was waited for.
func (b *Bridge) awaitCode(
	ctx context.Context, key DeviceKey, show func(s *session, waited *pairing) (shown, error),
) (QRCode, error) {
	s, err := b.session(ctx, key)
	if err != nil {
		return QRCode{}, err
	}
	var waited *pairing
	for {
		found, err := ask(ctx, s, func() (shown, error) { return show(s, waited) })
		if err != nil || found.code.Code != "" {
			return found.code, err
		}
		waited = found.pairing
		select {
		case <-found.changed:
		case <-ctx.Done():
			return QRCode{}, ctx.Err()
		case <-s.ctx.Done():
			return QRCode{}, s.ended()
		}
	}
}

// mayPair tells whether there may be a code. Who has waited for a pairing that has ended starts no other.
func (s *session) mayPair(waited *pairing) error {
	switch {
	case s.leaving != nil:
		return ErrDeviceNotConnected
	case s.link != nil && s.link.isPaired:
		return ErrDeviceAlreadyLinked
	case waited != nil && (s.pairing != waited || !waited.isRunning()):
		return waited.failure()
	}
	return nil
}

// restartPairing lets a new pairing take the place of the one that runs.
func (s *session) restartPairing(phone string) {
	s.endPairing(pairingFailed, reasonSuperseded)
	s.startPairing(phone)
}

// show returns the code, if there is one, and keeps the pairing alive.
func (p *pairing) show() shown {
	if p.polledAt = time.Now(); p.code == "" {
		return shown{pairing: p, changed: p.changed}
	}
	code := QRCode{
		Code: p.code, Attempt: p.attempt, Cached: p.isShown,
		GeneratedAt: p.generatedAt.UnixMilli(), ExpiresAt: p.expiresAt.UnixMilli(),
	}
	p.isShown = true
	return shown{code: code}
}

// begin gives what a pairing waits for from now on its time, and says what happens when that is over.
func (s *session) begin(p *pairing, expiresAt time.Time, expire func()) {
	p.stopTimer()
	p.isShown = false
	p.generatedAt, p.expiresAt = time.Now(), expiresAt
	var timer *time.Timer
	timer = s.after(time.Until(expiresAt), func() {
		if s.pairing == p && p.timer == timer {
			expire()
		}
	})
	p.timer = timer
}

func (s *session) expirePairing() { s.endPairing(pairingExpired, "") }

// renewCodes waits for the codes of a new connection, if there may be one more. A code to be typed and a
// passkey's exchange end with their connection.
func (s *session) renewCodes() {
	p := s.pairing
	switch {
	case !p.isAwaited():
	case p.state == pairingPasskey:
		s.endPairing(pairingFailed, reasonLost)
	case p.connections == maxNewConnection, p.phone != "" && p.code != "":
		s.expirePairing()
	default:
		p.stopTimer()
		p.code, p.rest = "", nil
		p.connections++
	}
}

// endPairing ends a running pairing for everybody: those who wait, the socket, the status.
func (s *session) endPairing(state, reason string) {
	p := s.pairing
	if !p.isRunning() || s.link.isPaired {
		return
	}
	p.end(state, reason)
	s.isWanted = false
	s.letGo()
	if state == pairingExpired {
		s.tenant.record(s.deviceID, "pairing.expired", map[string]any{"attempt": p.attempt})
	} else {
		s.tenant.record(s.deviceID, "pairing.failed", map[string]any{"reason": reason})
	}
	s.setCondition(p.before)
}

func (s *session) pairingBroke(l *link, reason string) {
	if s.link == l {
		s.endPairing(pairingFailed, reason)
	}
	s.restore()
}

// restore keeps for the next process how the device was before a pairing that came to nothing: keys that
// were saved and erased in its course have changed that. Keys that were linked since speak for themselves.
func (s *session) restore() {
	switch {
	case s.leaving != nil || s.link != nil && s.link.isPaired:
	case s.pairing.isRunning():
		s.keep(s.pairing.before)
	default:
		s.keep(s.condition)
	}
}
