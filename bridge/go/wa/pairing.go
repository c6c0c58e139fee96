package wa

import (
	"errors"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types/events"
)

// The states of a pairing.
const (
	pairingNone    = "none"
	pairingWaiting = "waiting"
	pairingLinking = "linking"
	pairingLinked  = "linked"
	pairingExpired = "expired"
	pairingFailed  = "failed"
)

const (
	reasonCancelled  = "cancelled"
	maxNewConnection = 5
)

// pairing is one try to link a device by QR code. The session's loop owns it; it stays after its end,
// to say how it ended.
type pairing struct {
	state       string
	reason      string
	before      condition // the device's, which comes back if nothing is linked
	attempt     int       // how many codes there were
	connections int       // how many connections were made beyond the first
	rest        []string
	code        string // empty while the next one is awaited
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
	Attempt     int    `json:"attempt"`
	GeneratedAt int64  `json:"generated_at,omitempty"`
	ExpiresAt   int64  `json:"expires_at,omitempty"`
	Reason      string `json:"reason,omitempty"`
}

func (p *pairing) isRunning() bool {
	return p != nil && (p.state == pairingWaiting || p.state == pairingLinking)
}

// failure is what a pairing's end means to those who wait for a code.
func (p *pairing) failure() error {
	if p.reason == reasonConnect {
		return ErrDeviceNotConnected
	}
	return ErrPairingEnded
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
	status := PairingStatus{State: p.state, Attempt: p.attempt, Reason: p.reason}
	if p.code != "" {
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
	p.code, p.rest = "", nil
	p.tell()
}

// startPairing makes fresh keys and connects with them.
func (s *session) startPairing() {
	s.pairing = &pairing{
		state: pairingWaiting, before: s.condition,
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
		case s.pairing != p || p.state != pairingWaiting:
		case time.Since(p.polledAt) >= s.timing.PairingIdle:
			s.endPairing(pairingExpired, "")
		default:
			s.watchPolls(p)
		}
	})
}

// takeCodes takes the codes of a new connection; the first is shown at once and for longer.
func (s *session) takeCodes(l *link, codes []string) {
	if s.link != l || s.pairing == nil || s.pairing.state != pairingWaiting || len(codes) == 0 {
		return
	}
	s.pairing.rest = codes
	s.showCode(s.timing.FirstCode)
}

func (s *session) showCode(life time.Duration) {
	p := s.pairing
	p.stopTimer()
	p.code, p.rest = p.rest[0], p.rest[1:]
	p.attempt++
	p.isShown = false
	p.generatedAt = time.Now()
	p.expiresAt = p.generatedAt.Add(life)
	var timer *time.Timer
	timer = s.after(life, func() {
		if s.pairing == p && p.timer == timer {
			s.nextCode()
		}
	})
	p.timer = timer
	s.tenant.announce(s.deviceID, "qr.generated", map[string]any{
		"attempt": p.attempt, "expires_at": p.expiresAt.UnixMilli(),
	})
	p.tell()
}

// nextCode replaces the code: by the connection's next one, or by those of a new connection.
func (s *session) nextCode() {
	if len(s.pairing.rest) > 0 {
		s.showCode(s.timing.NextCode)
		return
	}
	s.link.mustReopen = true
	s.renewCodes()
	s.reconcile()
}

// renewCodes waits for the codes of a new connection, if there may be one more.
func (s *session) renewCodes() {
	p := s.pairing
	if p == nil || p.state != pairingWaiting {
		return
	}
	p.stopTimer()
	p.code, p.rest = "", nil
	if p.connections == maxNewConnection {
		s.endPairing(pairingExpired, "")
		return
	}
	p.connections++
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

// paired notes that the phone has accepted; the login with the new keys follows.
func (s *session) paired(l *link, event *events.PairSuccess) {
	if s.link != l {
		// The pairing was ended while the phone accepted: nobody asked for these keys any more.
		l.jid = event.ID
		_ = s.erase(l, s.condition)
		s.restore()
		return
	}
	l.isPaired = true
	l.jid, l.lid = event.ID, event.LID
	s.pairing.end(pairingLinking, "")
	data := map[string]any{"jid": event.ID.String()}
	if !event.LID.IsEmpty() {
		data["lid"] = event.LID.String()
	}
	if event.Platform != "" {
		data["platform"] = event.Platform
	}
	s.tenant.record(s.deviceID, "pair.success", data)
	s.setStatus(StatusConnecting, "")
	// The server asks for a new connection at once. If it doesn't, it gets one all the same.
	s.watchLogin(l)
	if l.isLoginDue {
		s.login(l)
	}
}

// login makes the first connection with new keys at once. When the server asks for another one later on
// that is like any other end of a connection.
func (s *session) login(l *link) {
	if s.link != l || !l.isOpen {
		return
	}
	switch {
	case !l.isPaired:
		l.isLoginDue = true
	case !s.pairing.isLinking() || l.hasRestarted:
		s.reopen(l, reasonStreamError)
	default:
		l.mustReopen, l.hasRestarted = true, true
		s.reconcile()
	}
}

func pairErrorReason(err error) string {
	var database *whatsmeow.PairDatabaseError
	switch {
	case errors.Is(err, whatsmeow.ErrPairInvalidDeviceIdentityHMAC):
		return "hmac_mismatch"
	case errors.Is(err, whatsmeow.ErrPairInvalidDeviceSignature):
		return "signature_mismatch"
	case errors.Is(err, whatsmeow.ErrPairRejectedLocally):
		return reasonCancelled
	case errors.As(err, &database):
		return "storage_failed"
	}
	return "pair_error"
}
