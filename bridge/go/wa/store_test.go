package wa

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.mau.fi/util/dbutil"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"

	"wuts/sim/seed"
	"wuts/sim/wasimtest"
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
	if err := store.erase(within(t), old.DeviceID, jid, requestedLogout); err != nil {
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
	if err := store.erase(within(t), key.DeviceID, jid, requestedLogout); err != nil {
		t.Fatal(err)
	}
	if err := store.checkOwner(within(t), key.DeviceID, jid); !errors.Is(err, errErased) {
		t.Errorf("got %v", err)
	}
}

// A device that was erased while it was being linked may not save keys, which nobody would own.
func TestErasedDeviceClaimsNothing(t *testing.T) {
	b := openBridge(t, Config{DevicesDir: t.TempDir()})
	key := newKey(t, b)
	jid := types.JID{User: "15550001111", Device: 3, Server: types.DefaultUserServer}
	if err := b.tenants[key.TenantID].store.claim(within(t), uuid.NewString(), jid); !errors.Is(err, errErased) {
		t.Errorf("got %v", err)
	}
}

// Whatever erases a device's keys, or makes room for new ones, leaves no row under its JID in any table
// of whatsmeow.
func TestNoRowOutlivesTheKeys(t *testing.T) {
	for name, end := range map[string]func(*tenantStore, string, types.JID) error{
		"erased": func(store *tenantStore, id string, jid types.JID) error {
			return store.erase(within(t), id, jid, requestedLogout)
		},
		"forgotten": func(store *tenantStore, id string, _ types.JID) error {
			return store.forget(within(t), id)
		},
		"linked again": func(store *tenantStore, id string, jid types.JID) error {
			jid.Device++
			return store.claim(within(t), id, jid)
		},
	} {
		t.Run(name, func(t *testing.T) {
			seeds, err := OpenSeedStore(within(t), t.TempDir(), "tenant")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = seeds.Close() })
			jid := seedKeys(t, seeds, "device")
			if err := end(seeds.store, "device", jid); err != nil {
				t.Fatal(err)
			}
			if left := tablesWith(t, seeds.store, jid); len(left) != 0 {
				t.Errorf("there are rows in %v", left)
			}
		})
	}
}

// seedKeys gives a device keys and a token, and returns its JID.
func seedKeys(t *testing.T, seeds *SeedStore, deviceID string) types.JID {
	t.Helper()
	account := wasimtest.New(t).AddAccount(wasimtest.Spec{PN: "15550001111", Name: "Ada"})
	device, err := seeds.NewDevice(within(t), deviceID)
	if err != nil {
		t.Fatal(err)
	}
	if err := seed.Link(within(t), account.Account, device); err != nil {
		t.Fatal(err)
	}
	if err := device.PrivacyTokens.PutPrivacyTokens(within(t), store.PrivacyToken{
		User: types.NewJID("200000", types.HiddenUserServer), Token: []byte("token"), Timestamp: time.Now(),
	}); err != nil {
		t.Fatal(err)
	}
	if tables := tablesWith(t, seeds.store, *device.ID); len(tables) < 3 {
		t.Fatalf("there are rows in %v only", tables)
	}
	return *device.ID
}

// tablesWith lists whatsmeow's tables with a row that belongs to a JID.
func tablesWith(t *testing.T, store *tenantStore, jid types.JID) []string {
	t.Helper()
	const owned = `SELECT tables.name, columns.name FROM sqlite_master AS tables, pragma_table_info(tables.name) AS columns
		WHERE tables.type='table' AND tables.name LIKE 'whatsmeow_%' AND columns.name IN ('our_jid', 'jid')`
	rows, err := store.db.Query(within(t), owned)
	columns, err := dbutil.NewRowIterWithError(rows, func(row dbutil.Scannable) (column [2]string, err error) {
		return column, row.Scan(&column[0], &column[1])
	}, err).AsList()
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, column := range columns {
		var has bool
		query := fmt.Sprintf("SELECT EXISTS(SELECT 1 FROM %s WHERE %s=$1)", column[0], column[1])
		if err := store.db.QueryRow(within(t), query, jid).Scan(&has); err != nil {
			t.Fatal(err)
		}
		if has {
			found = append(found, column[0])
		}
	}
	return found
}

// A write-ahead log that a reader keeps from being emptied is not said to be empty.
func TestLogIsNotEmptied(t *testing.T) {
	t.Parallel()
	b := openBridge(t, Config{DevicesDir: t.TempDir()})
	store := b.tenants[newKey(t, b).TenantID].store
	rows, err := store.db.Query(within(t), "SELECT type FROM sqlite_master")
	if err != nil || !rows.Next() {
		t.Fatal(err)
	}
	if err := store.emptyLog(within(t)); !errors.Is(err, errLogInUse) {
		t.Errorf("got %v", err)
	}
	if err := rows.Close(); err != nil {
		t.Fatal(err)
	}
	if err := store.emptyLog(within(t)); err != nil {
		t.Errorf("without a reader: %v", err)
	}
}
