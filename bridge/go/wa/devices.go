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

// Status returns what is known of a device.
func (b *Bridge) Status(ctx context.Context, key DeviceKey) (DeviceStatus, error) {
	s, err := b.session(ctx, key)
	if err != nil {
		return DeviceStatus{}, err
	}
	return s.status(), nil
}

// Connect makes a linked device come online and stay so. It does not wait for that.
func (b *Bridge) Connect(ctx context.Context, key DeviceKey) (DeviceStatus, error) {
	s, err := b.session(ctx, key)
	if err != nil {
		return DeviceStatus{}, err
	}
	return ask(ctx, s, func() (DeviceStatus, error) { return s.connect(), nil })
}

// Disconnect takes a device offline and keeps its keys. It waits for its socket, but not for long.
func (b *Bridge) Disconnect(ctx context.Context, key DeviceKey) (DeviceStatus, error) {
	s, err := b.session(ctx, key)
	if err != nil {
		return DeviceStatus{}, err
	}
	settled, err := ask(ctx, s, func() (<-chan struct{}, error) { return s.disconnect(), nil })
	if err != nil {
		return DeviceStatus{}, err
	}
	timer := time.NewTimer(b.config.Timing.Disconnect)
	defer timer.Stop()
	select {
	case <-settled:
	case <-timer.C:
	case <-ctx.Done():
	}
	return s.status(), nil
}

// Pairing returns how far a device's pairing is; whoever asks keeps it alive.
func (b *Bridge) Pairing(ctx context.Context, key DeviceKey) (PairingStatus, error) {
	s, err := b.session(ctx, key)
	if err != nil {
		return PairingStatus{}, err
	}
	return ask(ctx, s, func() (PairingStatus, error) {
		if s.pairing != nil {
			s.pairing.polledAt = time.Now()
		}
		return s.pairing.status(), nil
	})
}

// QR returns the code to scan, starting a pairing if none runs and waiting for its first code. With
// refresh the code is a new one.
func (b *Bridge) QR(ctx context.Context, key DeviceKey, refresh bool) (QRCode, error) {
	s, err := b.session(ctx, key)
	if err != nil {
		return QRCode{}, err
	}
	var waited *pairing
	for {
		found, err := ask(ctx, s, func() (shown, error) { return s.showQR(waited, refresh) })
		if err != nil || found.code.Code != "" {
			return found.code, err
		}
		waited, refresh = found.pairing, false
		select {
		case <-found.changed:
		case <-ctx.Done():
			return QRCode{}, ctx.Err()
		case <-s.ctx.Done():
			return QRCode{}, s.ended()
		}
	}
}

// shown is a code, or what is closed when there may be one.
type shown struct {
	code    QRCode
	pairing *pairing
	changed <-chan struct{}
}

// showQR returns the code of the running pairing. It starts one, unless the caller has waited for one
// that has ended.
func (s *session) showQR(waited *pairing, refresh bool) (shown, error) {
	switch {
	case s.leaving != nil:
		return shown{}, ErrDeviceNotConnected
	case s.link != nil && s.link.isPaired:
		return shown{}, ErrDeviceAlreadyLinked
	case waited != nil && (s.pairing != waited || !waited.isRunning()):
		return shown{}, waited.failure()
	case !s.pairing.isRunning():
		s.startPairing()
	case refresh && s.pairing.code != "":
		s.nextCode()
		if !s.pairing.isRunning() {
			return shown{}, s.pairing.failure()
		}
	}
	p := s.pairing
	if p.polledAt = time.Now(); p.code == "" {
		return shown{pairing: p, changed: p.changed}, nil
	}
	code := QRCode{
		Code: p.code, Attempt: p.attempt, Cached: p.isShown,
		GeneratedAt: p.generatedAt.UnixMilli(), ExpiresAt: p.expiresAt.UnixMilli(),
	}
	p.isShown = true
	return shown{code: code}, nil
}
