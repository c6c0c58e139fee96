package wa

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"
	"go.mau.fi/whatsmeow/types"
)

func openBridge(t *testing.T, config Config) *Bridge {
	t.Helper()
	b, err := Open(within(t), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close(within(t)) })
	return b
}

func newKey(t *testing.T, b *Bridge) DeviceKey {
	t.Helper()
	key := DeviceKey{TenantID: uuid.NewString(), DeviceID: uuid.NewString()}
	if err := b.CreateDevice(within(t), key); err != nil {
		t.Fatal(err)
	}
	return key
}

func nextEvents(t *testing.T, b *Bridge, ack uint64) Batch {
	t.Helper()
	batch, err := b.NextEvents(within(t), ack)
	if err != nil {
		t.Fatal(err)
	}
	return batch
}

func spoolIDs(batch Batch) []int64 {
	var ids []int64
	for _, event := range batch.Events {
		ids = append(ids, event.SpoolID)
	}
	return ids
}

// What was not acknowledged comes again after a restart under the same number, what was does not, and
// no number is used twice.
func TestSpoolSurvivesAReopen(t *testing.T) {
	folder := t.TempDir()
	first := openBridge(t, Config{DevicesDir: folder})
	key := newKey(t, first)
	tenant := first.tenants[key.TenantID]
	tenant.record(key.DeviceID, "events.gap", map[string]any{"reason": "one"})
	batch := nextEvents(t, first, 0)
	tenant.record(key.DeviceID, "events.gap", map[string]any{"reason": "two"})
	second := nextEvents(t, first, batch.Number)
	first.Close(within(t))

	reopened := openBridge(t, Config{DevicesDir: folder})
	again := nextEvents(t, reopened, 0)
	if len(again.Events) != 1 || again.Events[0].SpoolID != second.Events[0].SpoolID ||
		string(again.Events[0].Data) != `{"reason":"two"}` || again.Events[0].TenantID != key.TenantID {
		t.Fatalf("after the restart there is %+v", again)
	}
	reopened.tenants[key.TenantID].record(key.DeviceID, "events.gap", map[string]any{})
	third := nextEvents(t, reopened, again.Number)
	if ids := spoolIDs(third); len(ids) != 1 || ids[0] <= second.Events[0].SpoolID {
		t.Errorf("the next number is %v after %v", ids, spoolIDs(second))
	}
}

// Events of many writers reach the reader by rising number, because a lower one would count as seen.
func TestSpooledEventsComeInOrder(t *testing.T) {
	b := openBridge(t, Config{DevicesDir: t.TempDir()})
	key := newKey(t, b)
	const writers = 40
	done := make(chan struct{}, writers)
	for range writers {
		go func() {
			b.tenants[key.TenantID].record(key.DeviceID, "events.gap", map[string]any{})
			done <- struct{}{}
		}()
	}
	for range writers {
		<-done
	}
	ids := spoolIDs(nextEvents(t, b, 0))
	for i, id := range ids {
		if id != int64(i+1) {
			t.Fatalf("the numbers are %v", ids)
		}
	}
}

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
	if err := store.claim(context.Background(), key.DeviceID, jid); err != nil {
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
