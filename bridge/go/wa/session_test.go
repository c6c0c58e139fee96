package wa

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"wuts/sim/faults"
	"wuts/sim/syncd"
	"wuts/sim/wasimtest"
)

func simulatedConfig(t *testing.T, simulator *wasimtest.Sim) Config {
	t.Helper()
	network, err := SimulatorNetwork(simulator.Endpoint, hex.EncodeToString(simulator.RootKey[:]))
	if err != nil {
		t.Fatal(err)
	}
	timing := defaultTiming()
	timing.RetryBase = 10 * time.Millisecond
	return Config{DevicesDir: t.TempDir(), Network: network, Timing: timing}
}

// reader reads a bridge's events in order, acknowledging as it goes.
type reader struct {
	t      *testing.T
	bridge *Bridge
	ack    uint64
	unread []Event
}

func newReader(t *testing.T, b *Bridge) *reader {
	return &reader{t: t, bridge: b}
}

// await returns the next event that fits, and the kinds of those before it.
func (r *reader) await(fits func(Event) bool) (Event, []string) {
	r.t.Helper()
	var passed []string
	for {
		for len(r.unread) > 0 {
			event := r.unread[0]
			r.unread = r.unread[1:]
			if fits(event) {
				return event, passed
			}
			passed = append(passed, event.Type)
		}
		batch, err := r.bridge.NextEvents(within(r.t), r.ack)
		if err != nil || len(batch.Events) == 0 {
			r.t.Fatalf("no such event after %v: %v", passed, err)
		}
		r.ack, r.unread = batch.Number, batch.Events
	}
}

// awaitSettled waits until a device that was just linked is connected and its collections are in order,
// in whatever order these come, so that no message to or from the phone is under way any more.
func (r *reader) awaitSettled() {
	r.t.Helper()
	connected, settled := map[string]bool{}, map[string]map[string]bool{}
	r.await(func(event Event) bool {
		id := event.DeviceID
		if isStatus(StatusConnected)(event) {
			connected[id] = true
		}
		if event.Type == "app_state.status" {
			var data collectionData
			if err := json.Unmarshal(event.Data, &data); err != nil {
				r.t.Fatal(err)
			}
			if settled[id] == nil {
				settled[id] = map[string]bool{}
			}
			settled[id][data.Collection] = settled[id][data.Collection] || data.State == "ok"
		}
		done := 0
		for _, isOK := range settled[id] {
			if isOK {
				done++
			}
		}
		return connected[id] && done == len(syncd.Names)
	})
}

func isStatus(status string) func(Event) bool {
	return func(event Event) bool {
		var data DeviceStatus
		return event.Type == "device.status" && json.Unmarshal(event.Data, &data) == nil && data.Status == status
	}
}

func isKind(kind string) func(Event) bool {
	return func(event Event) bool { return event.Type == kind }
}

func linkDevice(t *testing.T, b *Bridge, key DeviceKey, phone *wasimtest.Account) uint16 {
	t.Helper()
	code, err := b.QR(within(t), key, false)
	if err != nil {
		t.Fatal(err)
	}
	number, err := phone.Scan(within(t), code.Code)
	if err != nil {
		t.Fatal(err)
	}
	return number
}

// Codes give way to the next one when their time is over, then to those of new connections, and in the
// end the pairing expires and says so.
func TestCodesRunOut(t *testing.T) {
	simulator := wasimtest.New(t)
	config := simulatedConfig(t, simulator)
	config.Timing.FirstCode, config.Timing.NextCode = time.Millisecond, time.Millisecond
	b := openBridge(t, config)
	key := newKey(t, b)
	if _, err := b.QR(within(t), key, false); err != nil && !errors.Is(err, ErrPairingEnded) {
		t.Fatal(err)
	}
	expired, kinds := newReader(t, b).await(isKind("pairing.expired"))
	const codes = 6 * (1 + maxNewConnection)
	if shown := countOf(kinds, "qr.generated"); shown != codes || string(expired.Data) != `{"attempt":36}` {
		t.Errorf("there were %d codes, and the end is %s", shown, expired.Data)
	}
	pairing, err := b.Pairing(within(t), key)
	if err != nil || pairing.State != pairingExpired {
		t.Errorf("pairing is %+v, %v", pairing, err)
	}
	status, err := b.Status(within(t), key)
	if err != nil || status.Status != StatusNew {
		t.Errorf("status is %+v, %v", status, err)
	}
}

func countOf(kinds []string, kind string) int {
	count := 0
	for _, found := range kinds {
		if found == kind {
			count++
		}
	}
	return count
}

// A pairing that nobody looks at ends.
func TestPairingWithoutPollsEnds(t *testing.T) {
	simulator := wasimtest.New(t)
	config := simulatedConfig(t, simulator)
	config.Timing.PairingIdle = 50 * time.Millisecond
	b := openBridge(t, config)
	key := newKey(t, b)
	if _, err := b.QR(within(t), key, false); err != nil && !errors.Is(err, ErrPairingEnded) {
		t.Fatal(err)
	}
	newReader(t, b).await(isKind("pairing.expired"))
}

// Whoever waits for a code of a pairing that ends is told, and does not start another.
func TestWaitingForACodeEndsWithThePairing(t *testing.T) {
	simulator := wasimtest.New(t)
	simulator.Fault(faults.Rule{Direction: "out", Child: "pair-device", Action: "swallow", When: "before"})
	config := simulatedConfig(t, simulator)
	config.Timing.PairingIdle = 100 * time.Millisecond
	b := openBridge(t, config)
	key := newKey(t, b)
	if _, err := b.QR(within(t), key, false); !errors.Is(err, ErrPairingEnded) {
		t.Errorf("got %v", err)
	}
}

// A server that never says that the login succeeded is not waited for for ever.
func TestLoginTimeout(t *testing.T) {
	simulator := wasimtest.New(t)
	phone := simulator.AddAccount(wasimtest.Spec{PN: "15550001111", Name: "Ada"})
	config := simulatedConfig(t, simulator)
	config.Timing.Login = time.Second
	b := openBridge(t, config)
	key := newKey(t, b)
	number := linkDevice(t, b, key, phone)
	events := newReader(t, b)
	events.awaitSettled()
	simulator.Fault(faults.Rule{Direction: "out", Tag: "success", Times: 1, Action: "swallow", When: "before"})
	if err := phone.Drop(number); err != nil {
		t.Fatal(err)
	}
	events.await(func(event Event) bool {
		var data DeviceStatus
		return json.Unmarshal(event.Data, &data) == nil && data.Reason == reasonLogin
	})
	events.await(isStatus(StatusConnected))
}

// A reader that stays away makes the session disconnect and leaves a gap on record; nothing hangs, and
// the device comes back.
func TestQueueStaysFull(t *testing.T) {
	simulator := wasimtest.New(t)
	phone := simulator.AddAccount(wasimtest.Spec{PN: "15550001111", Name: "Ada"})
	config := simulatedConfig(t, simulator)
	config.SpoolLimit = 20
	config.Timing.QueueFull = 50 * time.Millisecond
	b := openBridge(t, config)
	key := newKey(t, b)
	linkDevice(t, b, key, phone)
	events := newReader(t, b)
	events.awaitSettled()
	for i := range 2 * config.SpoolLimit {
		if _, err := phone.Write("regular_low", archivedByThePhone(i)); err != nil {
			t.Fatal(err)
		}
	}
	awaitSpooled(t, b.tenants[key.TenantID], isKind("events.gap"))
	events.await(isKind("events.gap"))
	events.await(isStatus(StatusDisconnected))
	events.await(isStatus(StatusConnected))
}

// awaitSpooled waits for an event in the spool without reading it, which would make room in the queue.
func awaitSpooled(t *testing.T, tenant *tenant, fits func(Event) bool) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for deadline := within(t); ; {
		events, err := tenant.store.spooled(deadline, tenant.id)
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(events, fits) {
			return
		}
		<-ticker.C
	}
}

func archivedByThePhone(chat int) syncd.Mutation {
	return syncd.Mutation{
		Operation: "set", Index: []string{"archive", fmt.Sprintf("1555001%04d@s.whatsapp.net", chat)}, Version: 3,
		TimestampMS: time.Now().UnixMilli(),
	}
}

// Whatever is asked of a device at once, it ends where the last request wanted it.
func TestManyRequestsAtOnce(t *testing.T) {
	simulator := wasimtest.New(t)
	phone := simulator.AddAccount(wasimtest.Spec{PN: "15550001111", Name: "Ada"})
	b := openBridge(t, simulatedConfig(t, simulator))
	key := newKey(t, b)
	number := linkDevice(t, b, key, phone)
	newReader(t, b).awaitSettled()
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			switch i % 3 {
			case 0:
				_, _ = b.Connect(within(t), key)
			case 1:
				_, _ = b.Disconnect(within(t), key)
			default:
				_, _ = b.Status(within(t), key)
			}
		})
	}
	group.Wait()
	if _, err := b.Disconnect(within(t), key); err != nil {
		t.Fatal(err)
	}
	phone.WaitOffline(number)
	if _, err := b.Connect(within(t), key); err != nil {
		t.Fatal(err)
	}
	phone.WaitOnline(number)
}

// A loss that is reported of a socket that is open after all is healed by a new connection.
func TestLossReportedByMistake(t *testing.T) {
	simulator := wasimtest.New(t)
	phone := simulator.AddAccount(wasimtest.Spec{PN: "15550001111", Name: "Ada"})
	b := openBridge(t, simulatedConfig(t, simulator))
	key := newKey(t, b)
	linkDevice(t, b, key, phone)
	events := newReader(t, b)
	events.awaitSettled()
	s, ok := b.tenants[key.TenantID].session(key.DeviceID)
	if !ok {
		t.Fatal("there is no session")
	}
	s.mailbox.post(func() { s.lost(s.link, reasonLost) })
	events.await(isStatus(StatusDisconnected))
	events.await(isStatus(StatusConnected))
	if status := s.status(); !status.Connected {
		t.Errorf("status is %+v", status)
	}
}

// Close comes back although the server never answers, and a later call is refused.
func TestCloseWhileDialling(t *testing.T) {
	simulator := wasimtest.New(t)
	simulator.Fault(faults.Rule{Direction: "out", Child: "pair-device", Action: "swallow", When: "before"})
	b := openBridge(t, simulatedConfig(t, simulator))
	key := newKey(t, b)
	asked := make(chan error, 1)
	go func() {
		_, err := b.QR(within(t), key, false)
		asked <- err
	}()
	for state := pairingNone; state != pairingWaiting; {
		pairing, err := b.Pairing(within(t), key)
		if err != nil {
			t.Fatal(err)
		}
		state = pairing.State
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	b.Close(ctx)
	if ctx.Err() != nil {
		t.Error("closing took until the deadline")
	}
	if err := <-asked; !errors.Is(err, ErrPairingEnded) && !errors.Is(err, ErrStopped) {
		t.Errorf("who waited got %v", err)
	}
	if _, err := b.Status(within(t), key); !errors.Is(err, ErrStopped) {
		t.Errorf("a later call got %v", err)
	}
}
