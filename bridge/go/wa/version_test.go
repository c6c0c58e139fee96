package wa

import (
	"errors"
	"testing"
	"time"

	"wuts/sim/wasimtest"
)

// While the server refuses the version every device is outdated, and only the canary tries; once it got
// through the others come back, too.
func TestVersionFloor(t *testing.T) {
	p := newPair(t, func(timing *Timing) { timing.Canary = 300 * time.Millisecond })
	if err := p.simulator.Server().SetVersionFloor("9.0.0"); err != nil {
		t.Fatal(err)
	}
	if err := p.phone.Drop(p.number); err != nil {
		t.Fatal(err)
	}
	p.await(StatusOutdated, "client_outdated")
	if err := p.apply(p.key); !errors.Is(err, ErrDeviceOutdated) {
		t.Errorf("a request gets %v", err)
	}
	p.mustServeOther()
	p.await(StatusConnecting, "client_outdated")
	p.await(StatusOutdated, "client_outdated")
	if err := p.simulator.Server().SetVersionFloor("0.0.0"); err != nil {
		t.Fatal(err)
	}
	p.await(StatusConnected, "")
}

// With many outdated devices one tries at a time, and an order counts as such a try.
func TestOneCanary(t *testing.T) {
	gate := newVersionGate(Timing{Canary: time.Hour, CanaryOrder: time.Hour})
	if gate.isShut() || !gate.takeTurn(false) {
		t.Error("an open gate keeps a device back")
	}
	gate = newVersionGate(Timing{Canary: time.Hour, CanaryOrder: time.Hour})
	gate.refuse()
	for turn, want := range []bool{true, false} {
		if gate.takeTurn(false) {
			t.Errorf("turn %d: a canary before its time", turn)
		}
		if got := gate.takeTurn(true); got != want {
			t.Errorf("turn %d: an order may %v", turn, got)
		}
	}
	if !gate.accept() || gate.accept() || gate.isShut() {
		t.Error("the gate does not open once")
	}
}

// An order makes a device the canary at once; when it gets through, the others come back without a turn
// of their own.
func TestCanaryBringsTheOthersBack(t *testing.T) {
	p := newPair(t, func(timing *Timing) { timing.Canary = time.Hour })
	if err := p.simulator.Server().SetVersionFloor("9.0.0"); err != nil {
		t.Fatal(err)
	}
	for phone, key := range map[*wasimtest.Account]DeviceKey{p.phone: p.key, p.other: p.otherKey} {
		if err := phone.Drop(1); err != nil {
			t.Fatal(err)
		}
		p.awaitOf(key, StatusOutdated, "client_outdated")
	}
	if err := p.simulator.Server().SetVersionFloor("0.0.0"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.bridge.Connect(within(t), p.key); err != nil {
		t.Fatal(err)
	}
	p.awaitOf(p.key, StatusConnected, "")
	p.awaitOf(p.otherKey, StatusConnected, "")
}
