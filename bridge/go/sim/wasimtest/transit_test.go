package wasimtest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.mau.fi/whatsmeow/types/events"

	"wuts/sim"
	"wuts/sim/faults"
	"wuts/sim/wasimtest"
)

// A frame that is damaged, encrypted or compressed, is lost to the client, which goes on with the next.
func TestDamagedFrames(t *testing.T) {
	for _, what := range []string{"frame", "zlib"} {
		s := wasimtest.New(t)
		account := s.AddAccount(wasimtest.Spec{})
		c := seeded(t, s, account)
		s.Fault(faults.Rule{Action: "corrupt", What: what, Tag: "notification", Times: 1})
		for _, name := range []string{"Lost", "Found"} {
			if _, err := account.Rename(name); err != nil {
				t.Fatal(err)
			}
		}
		// The one that comes through makes the client fetch both patches.
		if event := await[*events.PushNameSetting](c); event.Action.GetName() == "" {
			t.Errorf("%+v", event)
		}
		eventually(t, "the last name is known", func() bool { return c.Store.PushName == "Found" })
	}
}

// A connection that ends in the middle of a frame is made anew, and what was lost comes again.
func TestCutInTheMiddleOfAFrame(t *testing.T) {
	s := wasimtest.New(t)
	account := s.AddAccount(wasimtest.Spec{})
	c := seeded(t, s, account)
	s.Fault(faults.Rule{Action: "close", When: "mid_frame", Tag: "notification", Times: 1})
	if _, err := account.Rename("Another"); err != nil {
		t.Fatal(err)
	}
	await[*events.Disconnected](c)
	await[*events.Connected](c)
	for await[*events.PushNameSetting](c).Action.GetName() != "Another" {
		continue // earlier names come first
	}
}

// A notification that comes several times is acknowledged each time.
func TestDuplicates(t *testing.T) {
	s := wasimtest.New(t)
	account := s.AddAccount(wasimtest.Spec{})
	c := seeded(t, s, account)
	s.Fault(faults.Rule{Action: "duplicate", N: 2, Tag: "notification"})
	if _, err := account.Rename("Another"); err != nil {
		t.Fatal(err)
	}
	s.Until("all copies are acknowledged", func() bool {
		return len(account.Acks(c.Store.ID.Device)) == 3
	})
}

// Held stanzas come when they are released, in their order.
func TestHoldAndRelease(t *testing.T) {
	s := wasimtest.New(t)
	account := s.AddAccount(wasimtest.Spec{})
	c := seeded(t, s, account)
	s.Fault(faults.Rule{Action: "hold", Tag: "message"})
	first, second := account.RotateKey(), account.RotateKey()
	if err := ping(c); err != nil { // everything before its answer would have come
		t.Fatal(err)
	}
	stored, err := c.Store.AppStateKeys.GetAppStateSyncKey(context.Background(), first.ID)
	if err != nil || stored != nil {
		t.Errorf("a held message came: %v, %v", stored, err)
	}
	s.Faults().Clear()
	if released := s.Server().Release(); released != 2 {
		t.Errorf("%d stanzas were held", released)
	}
	hasKey(t, c, first.ID)
	hasKey(t, c, second.ID)
}

// Messages survive another order; a window that does not fill is sent after its time.
func TestShuffle(t *testing.T) {
	s := wasimtest.New(t)
	account := s.AddAccount(wasimtest.Spec{})
	c := seeded(t, s, account)
	s.Fault(faults.Rule{Action: "shuffle", N: 4, MS: 50, Tag: "message"})
	var ids [][]byte
	for range 6 {
		ids = append(ids, account.RotateKey().ID)
	}
	for _, id := range ids {
		hasKey(t, c, id)
	}
}

// A clock that is wrong shows in what the server says about the time.
func TestClock(t *testing.T) {
	s := wasimtest.New(t)
	account := s.AddAccount(wasimtest.Spec{})
	c := seeded(t, s, account)
	s.Fault(faults.Rule{Action: "clock", OffsetS: -7 * 24 * 3600, Tag: "message", Times: 1})
	account.RotateKey()
	if ago := time.Since(await[*events.Message](c).Info.Timestamp); ago < 6*24*time.Hour {
		t.Errorf("the message is from %v ago", ago)
	}
}

// A connection that is refused is an error at once, and a later one succeeds.
func TestRefusedConnection(t *testing.T) {
	s := wasimtest.New(t)
	account := s.AddAccount(wasimtest.Spec{})
	c := again(t, s, account)
	s.Fault(faults.Rule{Action: "capacity", What: "refused", Times: 1})
	if err := c.Connect(); err == nil || !strings.Contains(err.Error(), "dial") {
		t.Errorf("%v", err)
	}
	c.connect()
	await[*events.Connected](c)
}

// A server that accepts and is silent answers nothing, not even what is no handshake at all.
func TestSilentServer(t *testing.T) {
	s := wasimtest.New(t)
	s.Fault(faults.Rule{Action: "capacity", What: "silent", Times: 1})
	socket, _, err := websocket.Dial(t.Context(), "ws://"+s.Endpoint+"/ws/chat", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = socket.CloseNow() }()
	if err = socket.Write(t.Context(), websocket.MessageBinary, []byte("nonsense")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, _, err = socket.Read(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

// A server that reads slowly answers slowly, one request after the other.
func TestSlowReader(t *testing.T) {
	const pause, requests = 50, 5
	s := wasimtest.New(t)
	account := s.AddAccount(wasimtest.Spec{})
	c := again(t, s, account)
	s.Fault(faults.Rule{Action: "capacity", What: "slow_reader", MS: pause, Times: 1})
	c.connect()
	await[*events.Connected](c)
	begun := time.Now()
	for range requests {
		if err := ping(c); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(begun); took < pause*requests*time.Millisecond {
		t.Errorf("%d requests took %v", requests, took)
	}
}

// A device whose prekeys are gone uploads new ones.
func TestDrainedPreKeys(t *testing.T) {
	s := wasimtest.New(t)
	account := s.AddAccount(wasimtest.Spec{})
	c := again(t, s, account)
	s.Fault(faults.Rule{Action: "prekeys", What: "drain", Times: 1})
	before := account.Devices()[0].PreKeys
	c.connect()
	s.Until("there are new ones", func() bool {
		now := account.Devices()[0].PreKeys
		return now > 0 && now != before
	})
}

// The phone's first message is readable without a one-time prekey; one for a signed prekey that the
// device does not have is asked for again.
func TestPhoneChoosesPreKeys(t *testing.T) {
	for _, what := range []string{"none", "stale"} {
		s := wasimtest.New(t)
		account := s.AddAccount(wasimtest.Spec{})
		c := fresh(t, s, newContainer(t))
		s.Fault(faults.Rule{Action: "prekeys", What: what, Times: 1})
		c.link(account)
		hasKey(t, c, account.Book().Keys()[0].ID)
		isAgain := slices.ContainsFunc(account.Receipts(0), func(r sim.Confirmation) bool {
			return r.Type == "retry"
		})
		if isAgain != (what == "stale") {
			t.Errorf("%s: asked for again %v", what, isAgain)
		}
	}
}

// What a device acknowledges and confirms is on record.
func TestReceiptsAndAcks(t *testing.T) {
	s := wasimtest.New(t)
	account := s.AddAccount(wasimtest.Spec{})
	c := seeded(t, s, account)
	device := c.Store.ID.Device
	account.RotateKey()
	s.Until("the message is confirmed", func() bool {
		return slices.ContainsFunc(account.Receipts(device), func(r sim.Confirmation) bool {
			return r.Type == "peer_msg" && r.ID != ""
		})
	})
	if _, err := account.Rename("Another"); err != nil {
		t.Fatal(err)
	}
	s.Until("the notification is acknowledged", func() bool {
		return slices.ContainsFunc(account.Acks(device), func(a sim.Confirmation) bool {
			return a.Class == "notification" && a.Type == "server_sync"
		})
	})
}
