package wa

import (
	"testing"

	"github.com/google/uuid"
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
