package wa

import (
	"context"
	"time"
)

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
