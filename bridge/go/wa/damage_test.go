package wa

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"wuts/sim/faults"
	"wuts/sim/syncd"
	"wuts/wa/engine"
)

// What the phone sends of its own collection, when nothing else verifies, mends it over the real wire.
func TestPhonesCopyOverTheWire(t *testing.T) {
	p := newPair(t, asBefore)
	damage := p.simulator.Fault(faults.Rule{
		Account: "15550001111", Action: "corrupt", What: "snapshot_mac", Collection: "regular_low",
	})
	if _, err := p.phone.Write("regular_low", archivedByThePhone(1)); err != nil {
		t.Fatal(err)
	}
	p.awaitCollection("awaiting_phone")
	p.awaitCollection("ok")
	p.simulator.Faults().Remove(damage)
	if err := p.apply(p.key); err != nil {
		t.Error(err)
	}
	stats, err := p.bridge.Stats()
	if err != nil || stats.CopiesAsked != 1 || stats.CopiesTaken != 1 {
		t.Errorf("statistics %+v, %v", stats, err)
	}
}

func (p *pair) awaitCollection(state string) {
	p.t.Helper()
	p.events.await(func(event Event) bool {
		var data collectionData
		return event.DeviceID == p.key.DeviceID && event.Type == "app_state.status" &&
			json.Unmarshal(event.Data, &data) == nil && data.Collection == "regular_low" && data.State == state
	})
}

// Damage of one answer is got over without anybody noticing, wherever it strikes; damage that stays is
// healed by the phone's copy.
func TestDamagedPatches(t *testing.T) {
	for _, what := range []string{"snapshot_mac", "patch_mac", "value_mac", "index_mac"} {
		for _, atRest := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s %v", what, atRest), func(t *testing.T) {
				t.Parallel()
				p := newPair(t, asBefore)
				p.simulator.Fault(faults.Rule{
					Account: "15550001111", Action: "corrupt", What: what, Collection: "regular_low",
					AtRest: atRest, Times: 1,
				})
				if _, err := p.phone.Write("regular_low", archivedByThePhone(1)); err != nil {
					t.Fatal(err)
				}
				p.events.await(isChangeOf(p.key))
				if err := p.apply(p.key); err != nil {
					t.Errorf("a request gets %v", err)
				}
				p.mustServeOther()
			})
		}
	}
}

func isChangeOf(key DeviceKey) func(Event) bool {
	return func(event Event) bool {
		return event.DeviceID == key.DeviceID && event.Type == "app_state.change"
	}
}

// A key that the phone never shares makes the collection wait for it, and requests are told so; when
// the phone shares it after all they go through.
func TestUnknownKey(t *testing.T) {
	p := newPair(t, asBefore)
	unshared := p.simulator.Fault(faults.Rule{Account: "15550001111", Action: "key", What: "never"})
	withheld := p.simulator.Fault(faults.Rule{Account: "15550001111", Action: "key", What: "withhold"})
	p.phone.RotateKey()
	if _, err := p.phone.Write("regular_low", archivedByThePhone(1)); err != nil {
		t.Fatal(err)
	}
	p.awaitCollection("awaiting_keys")
	if err := p.apply(p.key); !errors.Is(err, engine.ErrNoKeys) {
		t.Errorf("a request gets %v", err)
	}
	p.mustServeOther()
	p.simulator.Faults().Remove(unshared)
	p.simulator.Faults().Remove(withheld)
	p.phone.ShareKeys(p.number)
	p.awaitCollection("ok")
	if err := p.apply(p.key); err != nil {
		t.Errorf("with the key a request gets %v", err)
	}
}

// A key rotated just before an upload loses nothing: the request goes through with the old key or the
// new one.
func TestKeyRotatedBeforeUpload(t *testing.T) {
	p := newPair(t, asBefore)
	p.simulator.Fault(faults.Rule{Account: "15550001111", Action: "key", What: "rotate", Times: 1})
	for range 2 {
		if err := p.apply(p.key); err != nil {
			t.Errorf("a request gets %v", err)
		}
	}
	p.phone.WaitEntry("regular_low", func(syncd.Entry) bool { return true }, "archive", "15550009999@s.whatsapp.net")
}

// A server that cuts the connection before or after it has applied a patch is asked again, and the patch
// is applied once.
func TestCutDuringUpload(t *testing.T) {
	for _, when := range []string{"before", "after"} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			p := newPair(t, asBefore)
			p.simulator.Fault(faults.Rule{
				Account: "15550001111", Direction: "in", Tag: "iq", XMLNS: "w:sync:app:state", Action: "close",
				When: when, Times: 1,
			})
			if err := p.apply(p.key); err != nil {
				t.Errorf("a request gets %v", err)
			}
			_, version, err := p.phone.Book().Hash("regular_low")
			if err != nil || version != 1 {
				t.Errorf("the collection is at version %d, %v", version, err)
			}
			p.mustServeOther()
		})
	}
}
