package wa

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"
)

// A tenant whose store is broken keeps no other tenant's events back.
func TestBrokenStoreHoldsUpNobodyElse(t *testing.T) {
	b := openBridge(t, Config{DevicesDir: t.TempDir()})
	broken, sound := newKey(t, b), newKey(t, b)
	b.tenants[broken.TenantID].record(broken.DeviceID, "events.gap", map[string]any{})
	if _, err := b.tenants[broken.TenantID].store.db.Exec(within(t), "DROP TABLE wuts_spool"); err != nil {
		t.Fatal(err)
	}
	first := nextEvents(t, b, 0)
	b.tenants[sound.TenantID].record(sound.DeviceID, "events.gap", map[string]any{})
	second := nextEvents(t, b, first.Number)
	if len(second.Events) != 1 || second.Events[0].TenantID != sound.TenantID {
		t.Errorf("after the broken tenant's events came %+v", second)
	}
}

// Files that are no store of a tenant are not opened as one, in a folder of whatever name.
func TestOtherFilesAreNoStores(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "[devices]")
	first := openBridge(t, Config{DevicesDir: folder})
	newKey(t, first)
	first.Close(within(t))
	for _, name := range []string{"notes" + storeSuffix, storeSuffix, uuid.NewString() + storeSuffix + "-old"} {
		if err := os.WriteFile(filepath.Join(folder, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if stores := openBridge(t, Config{DevicesDir: folder}).Stores(); stores != 1 {
		t.Errorf("there are %d", stores)
	}
}
