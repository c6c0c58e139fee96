package wasimtest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"wuts/sim"
	"wuts/sim/faults"
	"wuts/sim/wasimtest"
)

const patches = "w:sync:app:state"

// again lets a client come back after its first login, so that what its account meets is a login.
func again(t *testing.T, s *wasimtest.Sim, account *wasimtest.Account) *client {
	t.Helper()
	c := seeded(t, s, account)
	device := c.Store.ID.Device
	c.Disconnect()
	account.WaitOffline(device)
	return c
}

// quiet keeps the stock client from fetching in a second goroutine, where it gets in its own way.
func quiet(s *wasimtest.Sim) {
	s.Fault(faults.Rule{Action: "swallow", Direction: "out", Tag: "notification"})
}

// An IQ can be answered with an error, and then it was not applied; after it was, only the answer lies.
func TestErrorBeforeAndAfter(t *testing.T) {
	for when, version := range map[string]uint64{"before": 0, "after": 1} {
		t.Run(when, func(t *testing.T) {
			s := wasimtest.New(t)
			account := s.AddAccount(wasimtest.Spec{})
			c := seeded(t, s, account)
			quiet(s)
			s.Fault(faults.Rule{Action: "error", Code: 429, When: when, XMLNS: patches, Times: 1})
			err := c.SendAppState(context.Background(), appstate.BuildPin(chat, true))
			if !errors.Is(err, whatsmeow.ErrIQRateOverLimit) {
				t.Errorf("the client got %v", err)
			}
			if view, _ := account.Book().View("regular_low"); view.Version != version {
				t.Errorf("version %d", view.Version)
			}
		})
	}
}

// An upload can be refused inside a good answer, as the server refuses a collection.
func TestErrorOfACollection(t *testing.T) {
	s := wasimtest.New(t)
	account := s.AddAccount(wasimtest.Spec{})
	c := seeded(t, s, account)
	s.Fault(faults.Rule{Action: "error", What: "collection", Code: 400, Times: 1})
	err := c.SendAppState(context.Background(), appstate.BuildPin(chat, true))
	if !errors.Is(err, whatsmeow.ErrAppStateUpdate) {
		t.Errorf("the client got %v", err)
	}
	if view, _ := account.Book().View("regular_low"); view.Version != 0 {
		t.Errorf("version %d", view.Version)
	}
}

// A message can be refused by its acknowledgement.
func TestErrorOfAMessage(t *testing.T) {
	s := wasimtest.New(t)
	c := seeded(t, s, s.AddAccount(wasimtest.Spec{}))
	s.Fault(faults.Rule{Action: "error", Tag: "message", Code: 463, Times: 1})
	_, err := c.SendPeerMessage(context.Background(), appStateKeyRequest())
	if !errors.Is(err, whatsmeow.ErrServerReturnedError) {
		t.Errorf("the client got %v", err)
	}
}

// Each stream error ends a connection in its own way: the client comes back, gives way, or is unlinked.
func TestStreamErrors(t *testing.T) {
	for what, check := range map[string]func(*client, *wasimtest.Account){
		"515":            func(c *client, _ *wasimtest.Account) { await[*events.Connected](c) },
		"503":            func(c *client, _ *wasimtest.Account) { await[*events.Connected](c) },
		"replaced":       func(c *client, _ *wasimtest.Account) { await[*events.StreamReplaced](c) },
		"device_removed": func(c *client, a *wasimtest.Account) { removed(c, a) },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := wasimtest.New(t)
			account := s.AddAccount(wasimtest.Spec{})
			c := seeded(t, s, account)
			s.Fault(faults.Rule{Action: "stream", What: what, XMLNS: "w:p", Times: 1})
			poke(c)
			check(c, account)
		})
	}
}

// poke sends a request without waiting for its answer.
func poke(c *client) {
	c.t.Helper()
	err := internals(c).SendNode(context.Background(), waBinary.Node{Tag: "iq", Attrs: waBinary.Attrs{
		"id": "poke", "xmlns": "w:p", "type": "get", "to": types.ServerJID,
	}})
	if err != nil {
		c.t.Fatal(err)
	}
}

func removed(c *client, account *wasimtest.Account) {
	if event := await[*events.LoggedOut](c); event.OnConnect {
		c.t.Error("the device was told at a login")
	}
	if len(account.Devices()) != 0 {
		c.t.Error("the device is still linked")
	}
}

// A connection can be ended from outside, too.
func TestEnd(t *testing.T) {
	s := wasimtest.New(t)
	account := s.AddAccount(wasimtest.Spec{})
	c := seeded(t, s, account)
	device := c.Store.ID.Device
	if err := account.End(device, "unheard"); !errors.Is(err, sim.ErrStreamError) {
		t.Errorf("an unknown error: %v", err)
	}
	if err := account.End(device, "replaced"); err != nil {
		t.Fatal(err)
	}
	await[*events.StreamReplaced](c)
}

// Each reason of a refused login reaches the client as its own event.
func TestFailures(t *testing.T) {
	for reason, check := range map[int]func(*client){
		401: loggedOut(events.ConnectFailureLoggedOut),
		403: loggedOut(events.ConnectFailureMainDeviceGone),
		406: loggedOut(events.ConnectFailureUnknownLogout),
		405: func(c *client) { await[*events.ClientOutdated](c) },
		410: func(c *client) { await[*events.ConnectFailure](c) },
		402: func(c *client) {
			ban := await[*events.TemporaryBan](c)
			if ban.Code != 101 || ban.Expire != time.Hour {
				c.t.Errorf("%+v", ban)
			}
		},
	} {
		s := wasimtest.New(t)
		c := again(t, s, s.AddAccount(wasimtest.Spec{}))
		rule := faults.Rule{Action: "failure", Reason: reason, Times: 1}
		if reason == 402 {
			rule.Code, rule.ExpireS = 101, 3600
		}
		s.Fault(rule)
		c.connect()
		check(c)
	}
}

func loggedOut(reason events.ConnectFailureReason) func(*client) {
	return func(c *client) {
		if event := await[*events.LoggedOut](c); !event.OnConnect || event.Reason != reason {
			c.t.Errorf("%+v", event)
		}
	}
}

// A server that is unavailable twice is reached at the third time.
func TestFailureSeveralTimes(t *testing.T) {
	s := wasimtest.New(t)
	account := s.AddAccount(wasimtest.Spec{})
	c := again(t, s, account)
	device := c.Store.ID.Device
	c.EnableAutoReconnect = false
	s.Fault(faults.Rule{
		Action: "failure", Reason: 503, Account: account.PN().User, Device: &device, Times: 2,
	})
	for range 2 {
		c.connect()
		await[*events.Disconnected](c)
	}
	c.connect()
	await[*events.Connected](c)
	if left := s.Faults().List(); len(left) != 0 {
		t.Errorf("left: %+v", left)
	}
}

// A banned account, and one whose phone is gone, is cut and refused until it is restored.
func TestRefusedAccount(t *testing.T) {
	s := wasimtest.New(t)
	account := s.AddAccount(wasimtest.Spec{})
	c := seeded(t, s, account)
	account.Ban(102, 60)
	if ban := await[*events.TemporaryBan](c); ban.Code != 102 || ban.Expire != time.Minute {
		t.Errorf("%+v", ban)
	}
	account.Refuse(sim.Refusal{})
	c.Disconnect()
	c.connect()
	await[*events.Connected](c)
	account.LosePhone()
	loggedOut(events.ConnectFailureMainDeviceGone)(c)
}

// Clients below the version floor are refused, to log in and to be linked, until it is lifted.
func TestVersionFloor(t *testing.T) {
	s := wasimtest.New(t)
	account := s.AddAccount(wasimtest.Spec{})
	c := again(t, s, account)
	if err := s.Server().SetVersionFloor("2.x.1"); !errors.Is(err, sim.ErrVersion) {
		t.Errorf("a floor that is none: %v", err)
	}
	floor := func(text string) {
		if err := s.Server().SetVersionFloor(text); err != nil {
			t.Fatal(err)
		}
	}
	floor("9.0.0")
	c.connect()
	await[*events.ClientOutdated](c)
	unlinked := fresh(t, s, newContainer(t))
	unlinked.connect()
	await[*events.ClientOutdated](unlinked)
	floor("")
	c.Disconnect()
	c.connect()
	await[*events.Connected](c)
}
