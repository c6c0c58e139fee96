package wa

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// unlinksAtOnce bounds how many devices of one tenant are logged out at the same time.
const unlinksAtOnce = 8

// Erasure is what became of the devices of an erased tenant.
type Erasure struct {
	Devices  int `json:"devices"`
	Unlinked int `json:"unlinked"`
}

// EraseDevice logs a device out if it can, and deletes its keys and every row of it. It reports whether
// WhatsApp confirmed the logout. A device that is not there is erased already.
func (b *Bridge) EraseDevice(ctx context.Context, key DeviceKey) (bool, error) {
	found, err := b.tenant(ctx, key.TenantID, false)
	if errors.Is(err, ErrDeviceNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	s, ok := found.session(key.DeviceID)
	if !ok {
		return false, found.store.forget(ctx, key.DeviceID)
	}
	unlinked, err := b.Logout(ctx, key)
	if err != nil && !errors.Is(err, ErrDeviceNotLinked) && !errors.Is(err, ErrDeviceNotFound) {
		return false, err
	}
	if err := retire(ctx, s); err != nil {
		return false, err
	}
	found.remove(key.DeviceID)
	return unlinked, found.store.forget(ctx, key.DeviceID)
}

// retire ends a session for good. One whose logout is under way has to finish that first.
func retire(ctx context.Context, s *session) error {
	_, err := ask(ctx, s, func() (struct{}, error) {
		if s.leaving != nil {
			return struct{}{}, ErrDeviceNotConnected
		}
		s.stop()
		return struct{}{}, nil
	})
	if errors.Is(err, ErrDeviceNotFound) {
		return nil // the session has stopped, as it was told to
	}
	return err
}

// EraseTenant logs the tenant's devices out as far as it can, and deletes its store with its file, also
// one that can't be opened. A tenant that has no store is erased already.
func (b *Bridge) EraseTenant(ctx context.Context, id string) (Erasure, error) {
	found, err := b.tenant(ctx, id, false)
	switch {
	case errors.Is(err, ErrDeviceNotFound):
		return Erasure{}, nil
	case errors.Is(err, ErrStorage):
		return Erasure{}, b.deleteStore(id)
	case err != nil:
		return Erasure{}, err
	}
	sessions := found.allSessions()
	done := Erasure{Devices: len(sessions), Unlinked: b.unlinkAll(ctx, id, sessions)}
	if ctx.Err() != nil {
		return done, ctx.Err()
	}
	return done, b.deleteStore(id)
}

// unlinkAll logs devices out, a few at a time, and counts those that WhatsApp confirmed.
func (b *Bridge) unlinkAll(ctx context.Context, tenantID string, sessions []*session) int {
	slots := make(chan struct{}, unlinksAtOnce)
	answers := make(chan bool, len(sessions))
	var pending sync.WaitGroup
	for _, s := range sessions {
		pending.Add(1)
		b.spawn.Go("unlink", func() {
			defer pending.Done()
			slots <- struct{}{}
			defer func() { <-slots }()
			unlinked, err := b.Logout(ctx, DeviceKey{TenantID: tenantID, DeviceID: s.deviceID})
			answers <- unlinked && err == nil
		})
	}
	pending.Wait()
	close(answers)
	confirmed := 0
	for unlinked := range answers {
		if unlinked {
			confirmed++
		}
	}
	return confirmed
}

// deleteStore stops a tenant's sessions, closes its store and deletes its files. It holds mu, so that
// nobody opens the store or adds a session in between.
func (b *Bridge) deleteStore(id string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ctx.Err() != nil {
		return ErrStopped
	}
	if found := b.tenants[id]; found != nil {
		delete(b.tenants, id)
		found.stop()
		if err := found.store.close(); err != nil {
			b.config.Log.Error("store_not_closed", "tenant_id", id)
		}
	}
	path := filepath.Join(b.config.DevicesDir, id+storeSuffix)
	var failed error
	// The database goes last: while it is there, a second try finds what is left.
	for _, suffix := range []string{"-wal", "-shm", ""} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			failed = errors.Join(failed, err)
		}
	}
	return storageError(failed)
}

// forget deletes what is left of a device, also keys that could not be erased before. The pairs of numbers and LIDs have no owner;
// they go with the last device.
func (t *tenantStore) forget(ctx context.Context, deviceID string) error {
	err := t.db.DoTxn(ctx, nil, func(ctx context.Context) error {
		if err := t.deleteOwnKeys(ctx, deviceID); err != nil && !errors.Is(err, errErased) {
			return err
		}
		for _, statement := range []string{
			"DELETE FROM wuts_spool WHERE device_id=$1",
			"DELETE FROM wuts_devices WHERE device_id=$1",
		} {
			if _, err := t.db.Exec(ctx, statement, deviceID); err != nil {
				return err
			}
		}
		_, err := t.db.Exec(ctx,
			"DELETE FROM whatsmeow_lid_map WHERE NOT EXISTS (SELECT 1 FROM wuts_devices)")
		return err
	})
	if err != nil {
		return storageError(err)
	}
	return storageError(t.emptyLog(ctx))
}

// How long emptying the write-ahead log is tried, and how often. SQLite waits for readers by itself, but
// not for somebody else who is emptying it.
const (
	emptyLogTime  = 5 * time.Second
	emptyLogPause = 20 * time.Millisecond
)

// emptyLog empties the write-ahead log, in which what was deleted is still readable. That somebody was
// in the way SQLite tells in its answer, and not by an error.
func (t *tenantStore) emptyLog(ctx context.Context) error {
	for end := time.Now().Add(emptyLogTime); ; {
		var busy, frames, moved int
		err := t.db.QueryRow(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &frames, &moved)
		switch {
		case err != nil:
			return fmt.Errorf("emptying the write-ahead log: %w", err)
		case busy == 0:
			return nil
		case time.Now().After(end):
			return errLogInUse
		}
		select {
		case <-time.After(emptyLogPause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
