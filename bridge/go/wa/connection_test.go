package wa

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"wuts/sim/faults"
	"wuts/sim/wasimtest"
)

// dials counts the connections that a device has begun.
func dials(t *testing.T, s *session) int {
	t.Helper()
	count, err := ask(within(t), s, func() (int, error) { return s.link.dials, nil })
	if err != nil {
		t.Fatal(err)
	}
	return count
}

func isReason(reason string) func(Event) bool {
	return func(event Event) bool {
		var data DeviceStatus
		return event.Type == "device.status" && json.Unmarshal(event.Data, &data) == nil && data.Reason == reason
	}
}

// What whatsmeow says, late, of the login of a socket that was closed meanwhile does not make a device
// connected whose new socket the server does not answer; nor is that waited for for ever.
func TestLateNewsOfALogin(t *testing.T) {
	l := newLinked(t, func(timing *Timing) {
		timing.Login, timing.Pong = time.Second, 100*time.Millisecond
	})
	silent := l.simulator.Fault(faults.Rule{Direction: "out", Tag: "success", Action: "swallow", When: "before"})
	deaf := l.simulator.Fault(faults.Rule{Direction: "in", Tag: "iq", Action: "swallow", When: "before"})
	if err := l.phone.Drop(l.number); err != nil {
		t.Fatal(err)
	}
	l.events.await(isStatus(StatusConnecting))
	l.session.mailbox.post(func() { l.session.link.handle(&events.Connected{}) })
	_, passed := l.events.await(isReason(reasonLogin))
	if countOf(passed, "device.status") != 0 {
		t.Errorf("before the login timed out there were %v", passed)
	}
	l.simulator.Faults().Remove(silent)
	l.simulator.Faults().Remove(deaf)
	l.events.await(isStatus(StatusConnected))
}

// A server that restarts the stream again and again is connected to with back-off, and the device is not
// said to be connected meanwhile.
func TestStreamIsRestartedForEver(t *testing.T) {
	l := newLinked(t, func(timing *Timing) { timing.RetryBase = 10 * time.Second })
	l.simulator.Fault(faults.Rule{Action: "stream", What: "515", Direction: "in", XMLNS: "passive", When: "before"})
	before := dials(t, l.session)
	l.session.mailbox.post(func() { l.session.link.handle(&events.ManualLoginReconnect{}) })
	l.events.await(isReason(reasonStreamError))
	if _, err := l.bridge.Connect(within(t), l.key); err != nil {
		t.Fatal(err)
	}
	l.events.await(isReason(reasonStreamError))
	status, err := l.bridge.Status(within(t), l.key)
	if err != nil || status.Connected || status.Status == StatusConnected {
		t.Errorf("status is %+v, %v", status, err)
	}
	if made := dials(t, l.session) - before; made > 1 {
		t.Errorf("%d connections were begun for the one that was asked for", made)
	}
}

// A stream error during a pairing costs a connection and not the pairing: new codes come, and the device
// stays one without keys.
func TestStreamErrorDuringAPairing(t *testing.T) {
	b := openBridge(t, simulatedConfig(t, wasimtest.New(t)))
	key := newKey(t, b)
	first, err := b.QR(within(t), key, false)
	if err != nil {
		t.Fatal(err)
	}
	s := mustSession(t, b, key)
	status, err := ask(within(t), s, func() (string, error) {
		s.reopen(s.link, reasonStreamError)
		return s.state, nil
	})
	if err != nil || status != StatusPairing {
		t.Errorf("status is %s, %v", status, err)
	}
	second, err := b.QR(within(t), key, false)
	if err != nil || second.Code == first.Code || second.Attempt != first.Attempt+1 {
		t.Errorf("after attempt %d comes %d, %v", first.Attempt, second.Attempt, err)
	}
	if _, err := b.connectedLink(within(t), key); !errors.Is(err, ErrDeviceNotLinked) {
		t.Errorf("a request gets %v", err)
	}
}

// A pairing whose first codes got lost takes those of a new connection.
func TestLostCodes(t *testing.T) {
	simulator := wasimtest.New(t)
	simulator.Fault(faults.Rule{
		Direction: "out", Child: "pair-device", Times: 1, Action: "swallow", When: "before",
	})
	config := simulatedConfig(t, simulator)
	config.Timing.Login = 100 * time.Millisecond
	b := openBridge(t, config)
	if _, err := b.QR(within(t), newKey(t, b), false); err != nil {
		t.Errorf("no code comes: %v", err)
	}
}

// Losing a connection is the last time that a device was seen, not its login; and while it waits for the
// back-off an order to connect shows at once.
func TestStatusAfterALoss(t *testing.T) {
	l := newLinked(t, func(timing *Timing) { timing.RetryBase = time.Hour })
	seen, err := l.bridge.Status(within(t), l.key)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.phone.Drop(l.number); err != nil {
		t.Fatal(err)
	}
	l.events.await(isStatus(StatusDisconnected))
	lost, err := l.bridge.Status(within(t), l.key)
	if err != nil || lost.LastSeenAt < seen.LastSeenAt {
		t.Errorf("last seen at %d, and then at %d, %v", seen.LastSeenAt, lost.LastSeenAt, err)
	}
	ordered, err := l.bridge.Connect(within(t), l.key)
	if err != nil || ordered.Status != StatusConnecting {
		t.Errorf("ordered to connect it is %s, %v", ordered.Status, err)
	}
	l.events.await(isStatus(StatusConnected))
}

// A LID that becomes known after the pairing is told.
func TestLIDIsToldLater(t *testing.T) {
	l := newLinked(t, asBefore)
	if _, err := l.bridge.Disconnect(within(t), l.key); err != nil {
		t.Fatal(err)
	}
	device, err := l.store().container.GetDevice(within(t), l.session.link.jid)
	if err != nil {
		t.Fatal(err)
	}
	device.LID = types.JID{User: "200000000077777", Device: l.number, Server: types.HiddenUserServer}
	if err := (deviceContainer{l.session.link}).PutDevice(within(t), device); err != nil {
		t.Fatal(err)
	}
	l.events.await(func(event Event) bool {
		var data DeviceStatus
		return event.Type == "device.status" && json.Unmarshal(event.Data, &data) == nil &&
			data.LID == device.LID.String()
	})
}
