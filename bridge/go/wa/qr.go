package wa

import (
	"context"
	"time"
)

// QRCode is a code to be scanned. Times are Unix milliseconds. Code is a secret: whoever scans it links
// his account.
type QRCode struct {
	Code        string `json:"code"`
	GeneratedAt int64  `json:"generated_at"`
	ExpiresAt   int64  `json:"expires_at"`
	Attempt     int    `json:"attempt"`
	Cached      bool   `json:"cached"`
}

// QR returns the code to scan, starting a pairing if none runs and waiting for its first code. With
// refresh the code is a new one.
func (b *Bridge) QR(ctx context.Context, key DeviceKey, refresh bool) (QRCode, error) {
	return b.awaitCode(ctx, key, func(s *session, waited *pairing) (shown, error) {
		return s.showQR(waited, refresh && waited == nil)
	})
}

// showQR returns the code of the running pairing, and starts one if none runs. A code to be typed stays
// beside it, and a passkey's exchange goes on alone, unless there is to be a new code.
func (s *session) showQR(waited *pairing, refresh bool) (shown, error) {
	if err := s.mayPair(waited); err != nil {
		return shown{}, err
	}
	p := s.pairing
	switch {
	case !p.isRunning():
		s.startPairing("")
	case p.passkey != nil && !refresh:
		return shown{}, ErrPairingBusy
	case p.phone != "" && !refresh:
		return s.showBeside(), nil
	case p.phone != "" || p.passkey != nil:
		s.restartPairing("")
	case refresh && p.code != "":
		s.nextCode()
		if !p.isRunning() {
			return shown{}, p.failure()
		}
	}
	return s.pairing.show(), nil
}

// showBeside returns the code to scan that the connection has at this time besides one to be typed, which
// lives as long as all of them. The phone that is first has the device.
func (s *session) showBeside() shown {
	p := s.pairing
	p.polledAt = time.Now()
	beganAt, expiresAt := p.codesAt, p.codesAt.Add(s.timing.FirstCode)
	for i, code := range p.rest {
		if time.Now().Before(expiresAt) {
			isShown := p.beside == i+1
			if p.beside = i + 1; !isShown {
				s.announceCode(p.beside, expiresAt)
			}
			return shown{code: QRCode{
				Code: code, Attempt: p.beside, Cached: isShown,
				GeneratedAt: beganAt.UnixMilli(), ExpiresAt: expiresAt.UnixMilli(),
			}}
		}
		beganAt, expiresAt = expiresAt, expiresAt.Add(s.timing.NextCode)
	}
	return shown{pairing: p, changed: p.changed}
}

// takeCodes takes the codes of a new connection; the first is shown at once and for longer. To one that is
// to be typed they say that the connection is there.
func (s *session) takeCodes(l *link, codes []string) {
	if s.link != l || s.pairing == nil || s.pairing.state != pairingWaiting || len(codes) == 0 {
		return
	}
	s.pairing.rest, s.pairing.codesAt, s.pairing.beside = codes, time.Now(), 0
	if s.pairing.phone != "" {
		s.requestCode(l)
		s.pairing.tell()
		return
	}
	s.showCode(s.timing.FirstCode)
}

func (s *session) showCode(life time.Duration) {
	p := s.pairing
	p.code, p.rest = p.rest[0], p.rest[1:]
	s.begin(p, time.Now().Add(life), s.nextCode)
	p.attempt++
	s.announceCode(p.attempt, p.expiresAt)
	p.tell()
}

func (s *session) announceCode(attempt int, expiresAt time.Time) {
	s.tenant.announce(s.deviceID, "qr.generated", map[string]any{
		"attempt": attempt, "expires_at": expiresAt.UnixMilli(),
	})
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
