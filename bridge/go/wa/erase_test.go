package wa

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"wuts/sim/wasimtest"
)

// An erased device is unlinked on the phone, unknown here, and leaves nothing of its keys in the file;
// erasing it again is no error.
func TestEraseDevice(t *testing.T) {
	simulator := wasimtest.New(t)
	phone := simulator.AddAccount(wasimtest.Spec{PN: "15550001111", Name: "Ada"})
	config := simulatedConfig(t, simulator)
	b := openBridge(t, config)
	key := newKey(t, b)
	number := linkDevice(t, b, key, phone)
	newReader(t, b).awaitSettled()
	session, err := b.session(within(t), key)
	if err != nil {
		t.Fatal(err)
	}
	seen, _ := session.look()
	secret := append([]byte(nil), seen.link.device.NoiseKey.Priv[:]...)
	for _, want := range []bool{true, false} {
		if unlinked, err := b.EraseDevice(within(t), key); err != nil || unlinked != want {
			t.Errorf("erased with %v, %v", unlinked, err)
		}
	}
	if devices := phone.Devices(); len(devices) != 0 {
		t.Errorf("the phone still lists %d after linking %d", len(devices), number)
	}
	if _, err := b.Status(within(t), key); !errors.Is(err, ErrDeviceNotFound) {
		t.Errorf("status answers %v", err)
	}
	for _, suffix := range []string{"", "-wal"} {
		content, err := os.ReadFile(filepath.Join(config.DevicesDir, key.TenantID+storeSuffix+suffix))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(content, secret) {
			t.Errorf("a key is still in the file%s", suffix)
		}
	}
	if err := b.CreateDevice(within(t), key); err != nil {
		t.Errorf("the id can't be used again: %v", err)
	}
}

// A device whose server is silent is erased nevertheless, without the claim that it was unlinked.
func TestEraseOfflineDevice(t *testing.T) {
	b := openBridge(t, Config{DevicesDir: t.TempDir()})
	key := newKey(t, b)
	if unlinked, err := b.EraseDevice(within(t), key); err != nil || unlinked {
		t.Errorf("erased with %v, %v", unlinked, err)
	}
	list, err := b.Devices(within(t), key.TenantID)
	if err != nil || len(list) != 0 {
		t.Errorf("there are %v, %v", list, err)
	}
}

// An erased tenant's devices are unlinked and its file is gone; other tenants go on, events that were
// already handed out are acknowledged as ever, and the tenant may begin anew.
func TestEraseTenant(t *testing.T) {
	simulator := wasimtest.New(t)
	phone := simulator.AddAccount(wasimtest.Spec{PN: "15550001111", Name: "Ada"})
	config := simulatedConfig(t, simulator)
	b := openBridge(t, config)
	key, other := newKey(t, b), newKey(t, b)
	number := linkDevice(t, b, key, phone)
	phone.WaitOnline(number)
	events := newReader(t, b)
	events.await(isStatus(StatusConnected))
	erased, err := b.EraseTenant(within(t), key.TenantID)
	if err != nil || erased != (Erasure{Devices: 1, Unlinked: 1}) {
		t.Errorf("erased %+v, %v", erased, err)
	}
	left, err := filepath.Glob(filepath.Join(config.DevicesDir, key.TenantID+"*"))
	if err != nil || len(left) != 0 {
		t.Errorf("there are still %v, %v", left, err)
	}
	b.tenants[other.TenantID].record(other.DeviceID, "events.gap", map[string]any{"reason": "other"})
	events.await(isKind("events.gap"))
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := b.NextEvents(ended, events.ack); err != nil {
		t.Errorf("acknowledging: %v", err)
	}
	if again, err := b.EraseTenant(within(t), key.TenantID); err != nil || again != (Erasure{}) {
		t.Errorf("erased again %+v, %v", again, err)
	}
	if err := b.CreateDevice(within(t), key); err != nil {
		t.Errorf("the tenant can't begin anew: %v", err)
	}
}

// A store that can't be opened is erased, too.
func TestEraseBrokenTenant(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "11111111-1111-1111-1111-111111111111"+storeSuffix)
	if err := os.WriteFile(path, bytes.Repeat([]byte("no database "), 99), 0o600); err != nil {
		t.Fatal(err)
	}
	b := openBridge(t, Config{DevicesDir: folder})
	if _, err := b.EraseTenant(within(t), "11111111-1111-1111-1111-111111111111"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is still there: %v", err)
	}
}

// The statistics count devices by status, and what was done.
func TestStats(t *testing.T) {
	simulator := wasimtest.New(t)
	phone := simulator.AddAccount(wasimtest.Spec{PN: "15550001111", Name: "Ada"})
	b := openBridge(t, simulatedConfig(t, simulator))
	key := newKey(t, b)
	newKey(t, b)
	linkDevice(t, b, key, phone)
	newReader(t, b).awaitSettled()
	stats, err := b.Stats()
	if err != nil {
		t.Fatal(err)
	}
	if stats.Devices[StatusConnected] != 1 || stats.Devices[StatusNew] != 1 || stats.Stores != 2 {
		t.Errorf("devices are %v in %d stores", stats.Devices, stats.Stores)
	}
	if len(stats.Devices) != len(allStatuses) || stats.FullSyncs != 5 || stats.Goroutines == 0 {
		t.Errorf("got %+v", stats)
	}
}
