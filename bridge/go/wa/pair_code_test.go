package wa

import (
	"errors"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/types/events"

	"wuts/sim/faults"
	"wuts/sim/wasimtest"
)

const number = "15550001111"

// codeRig is a device that shows a code to be typed into a phone, or has shown it.
func codeRig(t *testing.T, change func(*Timing), rules ...faults.Rule) (*Bridge, DeviceKey) {
	t.Helper()
	simulator := wasimtest.New(t)
	for _, rule := range rules {
		simulator.Fault(rule)
	}
	simulator.AddAccount(wasimtest.Spec{PN: number})
	config := simulatedConfig(t, simulator)
	change(&config.Timing)
	b := openBridge(t, config)
	key := newKey(t, b)
	if _, err := b.PairCode(within(t), key, number, false); err != nil && !errors.Is(err, ErrPairingEnded) {
		t.Fatal(err)
	}
	return b, key
}

// mustHaveExpired asserts that the pairing ends as expired, and the device is as new as before.
func mustHaveExpired(t *testing.T, b *Bridge, key DeviceKey) {
	t.Helper()
	newReader(t, b).await(isKind("pairing.expired"))
	pairing, err := b.Pairing(within(t), key)
	if err != nil || pairing.State != pairingExpired {
		t.Errorf("pairing is %+v, %v", pairing, err)
	}
	status, err := b.Status(within(t), key)
	if err != nil || status.Status != StatusNew {
		t.Errorf("status is %+v, %v", status, err)
	}
}

// A code to be typed expires when its time is over.
func TestPairCodeExpires(t *testing.T) {
	b, key := codeRig(t, func(timing *Timing) { timing.PairCode = 10 * time.Millisecond })
	mustHaveExpired(t, b, key)
}

// Beside a code to be typed there is the code to be scanned whose turn it is on that connection.
func TestCodesToScanTakeTurns(t *testing.T) {
	b, key := codeRig(t, func(timing *Timing) { timing.FirstCode, timing.NextCode = 0, time.Minute })
	shown, err := b.QR(within(t), key, false)
	if err != nil || shown.Attempt != 2 || shown.ExpiresAt-shown.GeneratedAt != 60_000 {
		t.Errorf("got %+v, %v", shown, err)
	}
}

// A code to be typed expires with the connection that it was made on.
func TestPairCodeEndsWithItsConnection(t *testing.T) {
	b, key := codeRig(t, asBefore)
	drop(t, b, key)
	mustHaveExpired(t, b, key)
}

// drop has a device that is being linked lose its connection.
func drop(t *testing.T, b *Bridge, key DeviceKey) {
	t.Helper()
	s := mustSession(t, b, key)
	_, err := ask(within(t), s, func() (bool, error) {
		s.link.handle(&events.Disconnected{})
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A connection that ends before there is a code gives way to another one.
func TestWishForACodeIsRepeated(t *testing.T) {
	b, key := codeRig(t, asBefore, faults.Rule{
		Direction: "in", Child: "link_code_companion_reg", Times: 1, Action: "close", When: "before",
	})
	code, err := b.PairCode(within(t), key, number, false)
	if err != nil || !code.Cached {
		t.Errorf("got %+v, %v", code, err)
	}
}

// A passkey's exchange that nobody goes on with expires, and one whose connection is lost fails.
func TestPasskeyEnds(t *testing.T) {
	for kind, try := range map[string]struct {
		life time.Duration
		act  func(*testing.T, *Bridge, DeviceKey)
	}{
		"pairing.expired": {100 * time.Millisecond, func(*testing.T, *Bridge, DeviceKey) {}},
		"pairing.failed":  {time.Minute, drop},
	} {
		t.Run(kind, func(t *testing.T) {
			simulator := wasimtest.New(t)
			phone := simulator.AddAccount(wasimtest.Spec{Passkey: wasimtest.NewAuthenticator(t).Passkey()})
			config := simulatedConfig(t, simulator)
			config.Timing.Passkey = try.life
			b := openBridge(t, config)
			key := newKey(t, b)
			code, err := b.QR(within(t), key, false)
			if err != nil {
				t.Fatal(err)
			}
			ctx := within(t)
			go func() { _, _ = phone.Scan(ctx, code.Code) }()
			reader := newReader(t, b)
			reader.await(isStatus(StatusPasskeyRequired))
			try.act(t, b, key)
			reader.await(isKind(kind))
			reader.await(isStatus(StatusNew))
		})
	}
}
