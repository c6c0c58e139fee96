package wa

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"
	"go.mau.fi/whatsmeow/types"
)

// The store's files are for their owner alone.
func TestStoreFilesAreSecret(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "devices")
	b := openBridge(t, Config{DevicesDir: folder})
	newKey(t, b)
	names, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil || len(names) < 2 {
		t.Fatalf("the files are %v, %v", names, err)
	}
	for _, name := range append(names, folder) {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %s", filepath.Base(name), info.Mode())
		}
	}
}

// A device whose keys are gone from the store is logged out, not an error of its tenant.
func TestKeysMissing(t *testing.T) {
	folder := t.TempDir()
	first := openBridge(t, Config{DevicesDir: folder})
	key := newKey(t, first)
	jid := types.JID{User: "15550001111", Device: 3, Server: types.DefaultUserServer}
	store := first.tenants[key.TenantID].store
	if err := store.claim(within(t), key.DeviceID, jid); err != nil {
		t.Fatal(err)
	}
	first.Close(within(t))
	status, err := openBridge(t, Config{DevicesDir: folder}).Status(within(t), key)
	if err != nil || status.Status != StatusLoggedOut || status.Reason != reasonKeysMissing {
		t.Errorf("got %+v, %v", status, err)
	}
}

// A JID that WhatsApp gives out again belongs to the device that got it last, and the one that had it
// can't erase its keys.
func TestJIDIsClaimed(t *testing.T) {
	b := openBridge(t, Config{DevicesDir: t.TempDir()})
	old := newKey(t, b)
	store := b.tenants[old.TenantID].store
	younger := uuid.NewString()
	if err := b.CreateDevice(within(t), DeviceKey{old.TenantID, younger}); err != nil {
		t.Fatal(err)
	}
	jid := types.JID{User: "15550001111", Device: 3, Server: types.DefaultUserServer}
	for _, deviceID := range []string{old.DeviceID, younger} {
		if err := store.claim(within(t), deviceID, jid); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.erase(within(t), old.DeviceID, jid, reasonUnlinked); err != nil {
		t.Fatal(err)
	}
	rows, err := store.devices(within(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if (row.deviceID == younger) != (row.jid == jid) {
			t.Errorf("device %s has JID %q", row.deviceID, row.jid)
		}
	}
}

// Keys that were erased are not saved again by whoever still holds them.
func TestErasedKeysStayErased(t *testing.T) {
	b := openBridge(t, Config{DevicesDir: t.TempDir()})
	key := newKey(t, b)
	store := b.tenants[key.TenantID].store
	jid := types.JID{User: "15550001111", Device: 3, Server: types.DefaultUserServer}
	if err := store.claim(within(t), key.DeviceID, jid); err != nil {
		t.Fatal(err)
	}
	if err := store.checkOwner(within(t), key.DeviceID, jid); err != nil {
		t.Errorf("a device may not save its own keys: %v", err)
	}
	if err := store.erase(within(t), key.DeviceID, jid, reasonUnlinked); err != nil {
		t.Fatal(err)
	}
	if err := store.checkOwner(within(t), key.DeviceID, jid); !errors.Is(err, errErased) {
		t.Errorf("got %v", err)
	}
}
