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

// showQR returns the code of the running pairing, and starts one if none runs. One of another kind goes on
// unless there is to be a new code.
func (s *session) showQR(waited *pairing, refresh bool) (shown, error) {
	if err := s.mayPair(waited); err != nil {
		return shown{}, err
	}
	p := s.pairing
	switch {
	case !p.isRunning():
		s.startPairing("")
	case p.phone != "" || p.passkey != nil:
		if !refresh {
			return shown{}, ErrPairingBusy
		}
		s.restartPairing("")
	case refresh && p.code != "":
		s.nextCode()
		if !p.isRunning() {
			return shown{}, p.failure()
		}
	}
	return s.pairing.show(), nil
}

// takeCodes takes the codes of a new connection; the first is shown at once and for longer. To one that is
// to be typed they say that the connection is there.
func (s *session) takeCodes(l *link, codes []string) {
	if s.link != l || s.pairing == nil || s.pairing.state != pairingWaiting || len(codes) == 0 {
		return
	}
	if s.pairing.phone != "" {
		s.requestCode(l)
		return
	}
	s.pairing.rest = codes
	s.showCode(s.timing.FirstCode)
}

func (s *session) showCode(life time.Duration) {
	p := s.pairing
	p.code, p.rest = p.rest[0], p.rest[1:]
	s.begin(p, time.Now().Add(life), s.nextCode)
	p.attempt++
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
