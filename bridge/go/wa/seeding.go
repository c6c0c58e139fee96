package wa

import (
	"context"
	"path/filepath"

	"go.mau.fi/whatsmeow/store"
)

// SeedStore is a tenant's device store that is being filled with linked devices for a benchmark. No
// bridge may have it open.
type SeedStore struct {
	store *tenantStore
}

// OpenSeedStore opens a tenant's device store, a new one if there is none.
func OpenSeedStore(ctx context.Context, devicesDir, tenantID string) (*SeedStore, error) {
	opened, err := openTenantStore(ctx, filepath.Join(devicesDir, tenantID+storeSuffix))
	if err != nil {
		return nil, err
	}
	return &SeedStore{opened}, nil
}

// NewDevice makes keys for a device. They are saved, and belong to the device, when it has a JID.
func (s *SeedStore) NewDevice(ctx context.Context, deviceID string) (*store.Device, error) {
	if err := s.store.createDevice(ctx, deviceID); err != nil {
		return nil, err
	}
	device := s.store.container.NewDevice()
	device.Container = seedContainer{s.store, deviceID}
	return device, nil
}

// Close closes the store.
func (s *SeedStore) Close() error { return s.store.close() }

// seedContainer saves a device as a pairing does.
type seedContainer struct {
	store    *tenantStore
	deviceID string
}

func (c seedContainer) PutDevice(ctx context.Context, device *store.Device) error {
	return c.store.db.DoTxn(ctx, nil, func(ctx context.Context) error {
		if err := c.store.claim(ctx, c.deviceID, *device.ID); err != nil {
			return err
		}
		return c.store.container.PutDevice(ctx, device)
	})
}

func (c seedContainer) DeleteDevice(ctx context.Context, device *store.Device) error {
	return c.store.container.DeleteDevice(ctx, device)
}
