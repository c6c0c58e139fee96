package wa

import "testing"

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
