package wa

import (
	"context"
	"errors"
	"time"

	"go.mau.fi/whatsmeow"

	"wuts/wa/engine"
)

// pairDisplay is what the phone calls a device that is linked by a code. WhatsApp takes the names of common
// browsers and systems alone.
const pairDisplay = "Chrome (Linux)"

// PairCode is a code to be typed into a phone. Times are Unix milliseconds. Code is a secret: whoever types
// it links his account.
type PairCode struct {
	Code        string `json:"code"`
	GeneratedAt int64  `json:"generated_at"`
	ExpiresAt   int64  `json:"expires_at"`
	Cached      bool   `json:"cached"`
}

// PairCode returns the code to be typed into the phone with that number (its digits), starting a pairing if
// none by a code for it runs. With refresh the code is a new one.
func (b *Bridge) PairCode(ctx context.Context, key DeviceKey, phone string, refresh bool) (PairCode, error) {
	code, err := b.awaitCode(ctx, key, func(s *session, waited *pairing) (shown, error) {
		return s.showPairCode(waited, phone, refresh && waited == nil)
	})
	return PairCode{
		Code: code.Code, GeneratedAt: code.GeneratedAt, ExpiresAt: code.ExpiresAt, Cached: code.Cached,
	}, err
}

// showPairCode returns the code for a number, and starts a pairing if none runs. QR codes give way to it; a
// code for another number, and a passkey's exchange, only if there is to be a new one.
func (s *session) showPairCode(waited *pairing, phone string, refresh bool) (shown, error) {
	if err := s.mayPair(waited); err != nil {
		return shown{}, err
	}
	p := s.pairing
	switch {
	case !p.isRunning():
		s.startPairing(phone)
	case p.passkey == nil && p.phone == phone && !(refresh && p.code != ""):
	case p.passkey == nil && p.phone == "", refresh:
		s.restartPairing(phone)
	default:
		return shown{}, ErrPairingBusy
	}
	return s.pairing.show(), nil
}

// requestCode makes a code, and has the server tell the phone of it. Its time began with the connection,
// which the server closes when the last QR code has run out.
func (s *session) requestCode(l *link) {
	p, dial := s.pairing, l.dials
	expiresAt := time.Now().Add(s.timing.PairCode)
	s.spawn.Go("pair code", func() {
		ctx, cancel := context.WithTimeout(l.ctx, s.timing.Login)
		defer cancel()
		code, err := l.client.PairPhone(ctx, p.phone, true, whatsmeow.PairClientChrome, pairDisplay)
		s.mailbox.post(func() {
			if s.pairing == p && p.state == pairingWaiting && l.dials == dial && l.isOpen && !l.mustReopen {
				s.takePairCode(l, code, expiresAt, err)
			}
		})
	})
}

func (s *session) takePairCode(l *link, code string, expiresAt time.Time, err error) {
	p := s.pairing
	var refused *whatsmeow.IQError
	switch {
	case err == nil:
		p.code = code
		s.begin(p, expiresAt, s.expirePairing)
		p.attempt++
		p.tell()
	case errors.As(err, &refused):
		p.refusal = &engine.ServerError{Code: refused.Code, Text: refused.Text}
		s.endPairing(pairingFailed, "code_refused")
	default:
		s.reopen(l, reasonLogin)
	}
}
