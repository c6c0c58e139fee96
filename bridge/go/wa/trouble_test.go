package wa

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/types"

	"wuts/sim"
	"wuts/sim/faults"
	"wuts/sim/wasimtest"
	"wuts/wa/engine"
)

// pair is a bridge with a device that gets into trouble and one that must not notice.
type pair struct {
	t             *testing.T
	simulator     *wasimtest.Sim
	bridge        *Bridge
	phone, other  *wasimtest.Account
	key, otherKey DeviceKey
	number        uint16
	events        *reader
}

func newPair(t *testing.T, change func(*Timing)) *pair {
	t.Helper()
	p := &pair{t: t, simulator: wasimtest.New(t)}
	p.phone = p.simulator.AddAccount(wasimtest.Spec{PN: "15550001111", Name: "Ada"})
	p.other = p.simulator.AddAccount(wasimtest.Spec{PN: "15550002222", Name: "Bob"})
	config := simulatedConfig(t, p.simulator)
	change(&config.Timing)
	p.bridge = openBridge(t, config)
	p.events = newReader(t, p.bridge)
	p.otherKey = newKey(t, p.bridge)
	linkDevice(t, p.bridge, p.otherKey, p.other)
	p.events.awaitSettled()
	p.key = newKey(t, p.bridge)
	p.number = linkDevice(t, p.bridge, p.key, p.phone)
	p.events.awaitSettled()
	return p
}

func asBefore(*Timing) {}

// await waits for a status of the troubled device.
func (p *pair) await(status, reason string) DeviceStatus {
	p.t.Helper()
	return p.awaitOf(p.key, status, reason)
}

func (p *pair) awaitOf(key DeviceKey, status, reason string) DeviceStatus {
	p.t.Helper()
	event, _ := p.events.await(func(event Event) bool {
		var data DeviceStatus
		return event.DeviceID == key.DeviceID && event.Type == "device.status" &&
			json.Unmarshal(event.Data, &data) == nil && data.Status == status && data.Reason == reason
	})
	var data DeviceStatus
	if err := json.Unmarshal(event.Data, &data); err != nil {
		p.t.Fatal(err)
	}
	return data
}

var archived = []appstate.MutationInfo{
	engine.BuildArchive(types.NewJID("15550009999", types.DefaultUserServer), true, time.Unix(1_700_000_000, 0)),
}

func (p *pair) apply(key DeviceKey) error {
	_, err := p.bridge.ApplyAppState(within(p.t), key, appstate.WAPatchRegularLow, archived)
	return err
}

// mustServeOther asserts that the other device is served.
func (p *pair) mustServeOther() {
	p.t.Helper()
	if err := p.apply(p.otherKey); err != nil {
		p.t.Errorf("the other device is not served: %v", err)
	}
}

// What the server says against a device becomes its status, with the reason; requests are refused
// accordingly, it stays so without being connected again, and the other device is served.
func TestRefusedDevices(t *testing.T) {
	for name, trouble := range map[string]struct {
		cause          func(*pair) error
		status, reason string
		refusal        error
	}{
		"unlinked online": {
			func(p *pair) error { return p.phone.Unlink(p.number) },
			StatusLoggedOut, "unlinked", ErrDeviceLoggedOut,
		},
		"main device gone": {
			func(p *pair) error { p.phone.LosePhone(); return nil },
			StatusLoggedOut, "main_device_gone", ErrDeviceLoggedOut,
		},
		"replaced": {
			func(p *pair) error { return p.phone.End(p.number, "replaced") },
			StatusReplaced, "another_connection", ErrDeviceReplaced,
		},
		"banned for a time": {
			func(p *pair) error { p.phone.Ban(104, 3600); return nil },
			StatusBanned, "temporary_ban_104", ErrDeviceBanned,
		},
		"banned for good": {
			func(p *pair) error { p.phone.Refuse(sim.Refusal{Reason: 406}); return nil },
			StatusBanned, "account_banned", ErrDeviceBanned,
		},
		"refused": {
			func(p *pair) error { p.phone.Refuse(sim.Refusal{Reason: 418}); return nil },
			StatusStopped, "refused_418", ErrDeviceNotConnected,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t, asBefore)
			if err := trouble.cause(p); err != nil {
				t.Fatal(err)
			}
			status := p.await(trouble.status, trouble.reason)
			if trouble.reason == "temporary_ban_104" && status.BannedUntil < time.Now().UnixMilli() {
				t.Errorf("the ban ends at %d", status.BannedUntil)
			}
			p.mustServeOther()
			if err := p.apply(p.key); !errors.Is(err, trouble.refusal) {
				t.Errorf("a request gets %v", err)
			}
			now, err := p.bridge.Status(within(t), p.key)
			if err != nil || now.Status != trouble.status || now.Reason != trouble.reason || now.Connected {
				t.Errorf("the status has become %+v, %v", now, err)
			}
		})
	}
}

// A device that was unlinked while it was offline learns it at its next login.
func TestUnlinkedWhileOffline(t *testing.T) {
	p := newPair(t, asBefore)
	if _, err := p.bridge.Disconnect(within(t), p.key); err != nil {
		t.Fatal(err)
	}
	p.phone.WaitOffline(p.number)
	if err := p.phone.Unlink(p.number); err != nil {
		t.Fatal(err)
	}
	if _, err := p.bridge.Connect(within(t), p.key); err != nil {
		t.Fatal(err)
	}
	p.await(StatusLoggedOut, "unlinked")
}

// What a ban says survives the process, and an order brings the device back when the ban is over.
func TestBanIsRemembered(t *testing.T) {
	p := newPair(t, asBefore)
	p.phone.Ban(101, 60)
	banned := p.await(StatusBanned, "temporary_ban_101")
	config := p.bridge.config
	p.bridge.Close(within(t))
	again := openBridge(t, config)
	status, err := again.Status(within(t), p.key)
	if err != nil || status.Status != StatusBanned || status.BannedUntil != banned.BannedUntil {
		t.Errorf("the next process knows %+v, %v", status, err)
	}
	p.phone.Refuse(sim.Refusal{})
	if _, err := again.Connect(within(t), p.key); err != nil {
		t.Fatal(err)
	}
	newReader(t, again).await(isStatus(StatusConnected))
}

// Trouble that passes is waited out: the device comes back by itself.
func TestPassingTrouble(t *testing.T) {
	for name, cause := range map[string]func(*pair) error{
		"cut":           func(p *pair) error { return p.phone.Drop(p.number) },
		"restart":       func(p *pair) error { return p.phone.End(p.number, "515") },
		"server down":   func(p *pair) error { return p.phone.End(p.number, "503") },
		"login refused": func(p *pair) error { return refuseTwice(p, 503) },
		"login limited": func(p *pair) error { return refuseTwice(p, 429) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t, asBefore)
			if err := cause(p); err != nil {
				t.Fatal(err)
			}
			p.events.await(func(event Event) bool {
				return event.DeviceID == p.key.DeviceID && isStatus(StatusConnecting)(event)
			})
			p.await(StatusConnected, "")
			p.mustServeOther()
		})
	}
}

func refuseTwice(p *pair, reason int) error {
	p.simulator.Fault(faults.Rule{Action: "failure", Reason: reason, Times: 2, Account: "15550001111"})
	return p.phone.Drop(p.number)
}

// A server that falls silent is found out by the request that it does not answer: the connection is
// closed and made anew, and the request ends in time without a claim.
func TestSilentServer(t *testing.T) {
	p := newPair(t, func(timing *Timing) {
		timing.Pong, timing.Login = 100*time.Millisecond, 2*time.Second
	})
	id := p.simulator.Fault(faults.Rule{
		Account: "15550001111", Direction: "in", Tag: "iq", Action: "swallow", When: "before",
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := p.bridge.ApplyAppState(ctx, p.key, appstate.WAPatchRegularLow, archived)
	if !errors.Is(err, engine.ErrUnknownOutcome) {
		t.Errorf("the request gets %v", err)
	}
	p.await(StatusDisconnected, "keepalive_timeout")
	p.mustServeOther()
	p.simulator.Faults().Remove(id)
	p.await(StatusConnected, "")
	if err := p.apply(p.key); err != nil {
		t.Error(err)
	}
}

// A pairing for which there is no connection fails, and those who wait for its code are told so.
func TestConnectionRefused(t *testing.T) {
	config := Config{DevicesDir: t.TempDir(), Timing: defaultTiming()}
	// The root key is the process's: another one would break the tests that run beside this.
	rootKey := wasimtest.New(t).RootKey
	network, err := SimulatorNetwork("127.0.0.1:1", hex.EncodeToString(rootKey[:]))
	if err != nil {
		t.Fatal(err)
	}
	config.Network = network
	b := openBridge(t, config)
	key := newKey(t, b)
	if _, err := b.QR(within(t), key, false); !errors.Is(err, ErrDeviceNotConnected) {
		t.Errorf("got %v", err)
	}
	pairing, err := b.Pairing(within(t), key)
	if err != nil || pairing.State != pairingFailed || pairing.Reason != reasonConnect {
		t.Errorf("pairing is %+v, %v", pairing, err)
	}
}

// A server that answers nothing holds up neither a logout nor a disconnect beyond their time.
func TestStopHasADeadline(t *testing.T) {
	for name, stop := range map[string]func(*pair) error{
		"disconnect": func(p *pair) error {
			_, err := p.bridge.Disconnect(within(p.t), p.key)
			return err
		},
		"logout": func(p *pair) error {
			unlinked, err := p.bridge.Logout(within(p.t), p.key)
			if unlinked {
				return errors.New("it claims that WhatsApp confirmed it")
			}
			return err
		},
		"erase": func(p *pair) error {
			_, err := p.bridge.EraseDevice(within(p.t), p.key)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t, func(timing *Timing) {
				timing.Unlink, timing.Disconnect = 200*time.Millisecond, 200*time.Millisecond
			})
			p.simulator.Fault(faults.Rule{
				Account: "15550001111", Direction: "in", Action: "swallow", When: "before",
			})
			begun := time.Now()
			if err := stop(p); err != nil {
				t.Errorf("it ends with %v", err)
			}
			if took := time.Since(begun); took > 5*time.Second {
				t.Errorf("it took %s", took)
			}
			p.mustServeOther()
		})
	}
}
