package wasimtest_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types/events"

	"wuts/sim"
	"wuts/sim/wasimtest"
)

// A fresh client gets six codes that the simulator knows.
func TestFreshClientGetsCodes(t *testing.T) {
	s := wasimtest.New(t)
	c := fresh(t, s, newContainer(t))
	c.connect()
	qr := await[*events.QR](c)
	if len(qr.Codes) != 6 {
		t.Fatalf("%d codes", len(qr.Codes))
	}
	if pending := s.Server().Pending(); len(pending) != 6 {
		t.Fatalf("%d references wait", len(pending))
	}
	c.Disconnect()
	s.Until("the codes are withdrawn", func() bool { return len(s.Server().Pending()) == 0 })
}

// A linked client logs in, receives the app-state keys, and synchronises all five collections.
func TestLinkedClientSynchronises(t *testing.T) {
	s := wasimtest.New(t)
	account := s.AddAccount(wasimtest.Spec{
		Name: "Ada", Contacts: []sim.ContactSpec{{PN: "15550001111", Name: "Grace"}},
	})
	c := fresh(t, s, newContainer(t))
	c.EmitAppStateEventsOnFullSync = true
	device := c.link(account)
	if event := await[*events.Contact](c); event.Action.GetFullName() != "Grace" {
		t.Errorf("contact %+v", event)
	}
	// The contact is in the second collection, three more follow it.
	collect[*events.AppStateSyncComplete](c, 4)
	if !account.Active(device) {
		t.Error("the device is not active")
	}
	if name := c.Store.PushName; name != "Ada" {
		t.Errorf("push name %q", name)
	}
	contact := account.Contacts()[0]
	eventually(t, "the LID of the contact is known", func() bool {
		lid, err := c.Store.LIDs.GetLIDForPN(context.Background(), contact.PN)
		return err == nil && lid == contact.LID
	})
}

// A code whose secret is not the client's is refused by the client, and links nothing.
func TestWrongSecretIsRefused(t *testing.T) {
	s := wasimtest.New(t)
	account := s.AddAccount(wasimtest.Spec{})
	c := fresh(t, s, newContainer(t))
	c.connect()
	fields := strings.Split(await[*events.QR](c).Codes[0], ",")
	fields[3] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	_, err := account.Scan(context.Background(), strings.Join(fields, ","))
	if !errors.Is(err, sim.ErrNotPaired) {
		t.Errorf("scan: %v", err)
	}
	if failed := await[*events.PairError](c); !errors.Is(
		failed.Error, whatsmeow.ErrPairInvalidDeviceIdentityHMAC) {
		t.Errorf("pairing: %v", failed.Error)
	}
	if len(account.Devices()) != 0 {
		t.Error("a device was linked")
	}
}

// Texts that are no code, or no longer one, are told apart.
func TestScanOfBadCodes(t *testing.T) {
	s := wasimtest.New(t)
	account := s.AddAccount(wasimtest.Spec{})
	c := fresh(t, s, newContainer(t))
	c.connect()
	good := await[*events.QR](c).Codes[0]
	fields := strings.Split(good, ",")
	foreign := strings.Join([]string{fields[0], fields[2], fields[1], fields[3]}, ",")
	for text, wanted := range map[string]error{
		"":               sim.ErrNotQR,
		"2@x,y,z":        sim.ErrNotQR,
		foreign:          sim.ErrWrongKeys,
		good[:60]:        sim.ErrNotQR,
		replaceRef(good): sim.ErrUnknownRef,
	} {
		if _, err := account.Scan(context.Background(), text); !errors.Is(err, wanted) {
			t.Errorf("%.20q: %v instead of %v", text, err, wanted)
		}
	}
}

func replaceRef(code string) string {
	_, rest, _ := strings.Cut(code, ",")
	return "https://wa.me/settings/linked_devices#2@unknown," + rest
}

// A client that trusts another root key does not connect.
func TestOtherRootKeyIsRefused(t *testing.T) {
	s, other := wasimtest.New(t), startOther(t)
	s.Endpoint = other.Endpoint()
	c := fresh(t, s, newContainer(t))
	if err := c.Connect(); err == nil || !strings.Contains(err.Error(), "cert") {
		t.Errorf("connect: %v", err)
	}
}

// startOther starts a simulator whose root key nobody trusts.
func startOther(t *testing.T) *sim.Server {
	t.Helper()
	server, err := sim.Start(sim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}
