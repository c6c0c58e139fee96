package wasimtest_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/types/events"

	"wuts/sim"
	"wuts/sim/faults"
	"wuts/sim/wasimtest"
)

// fetchWhole fetches a collection as a device does that has nothing of it.
func fetchWhole(c *client) error {
	return c.FetchAppState(context.Background(), appstate.WAPatchRegularLow, true, false)
}

func askForCopy(t *testing.T, c *client) {
	t.Helper()
	request := whatsmeow.BuildAppStateRecoveryRequest(appstate.WAPatchRegularLow)
	if _, err := c.SendPeerMessage(context.Background(), request); err != nil {
		t.Fatal(err)
	}
}

// wedged makes a client that can't fetch a collection, because the first patch is stored damaged.
func wedged(t *testing.T, s *wasimtest.Sim, account *wasimtest.Account) *client {
	t.Helper()
	c := seeded(t, s, account)
	quiet(s)
	s.Fault(faults.Rule{Action: "corrupt", What: "patch_mac", AtRest: true, Times: 1})
	if _, err := account.Write("regular_low", sim.PinMutation(chat, true)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := fetchWhole(c); !errors.Is(err, appstate.ErrMismatchingPatchMAC) {
			t.Fatalf("the fetch ended with %v", err)
		}
	}
	return c
}

// The phone's copy helps a device that can't read a collection any more, and it goes on from there.
func TestRecoveryCopy(t *testing.T) {
	s := wasimtest.New(t)
	account := s.AddAccount(wasimtest.Spec{})
	c := wedged(t, s, account)
	askForCopy(t, c)
	if pin := await[*events.Pin](c); pin.JID != chat || !pin.Action.GetPinned() {
		t.Errorf("%+v", pin)
	}
	if done := await[*events.AppStateSyncComplete](c); !done.Recovery || done.Version != 1 {
		t.Errorf("%+v", done)
	}
	archive(t, c, true)
	if !isArchived(account) {
		t.Error("the phone does not see what was written after the recovery")
	}
}

// A rule makes the phone slow, silent or wrong about a copy.
func TestRecoveryTrouble(t *testing.T) {
	for _, what := range []string{"late", "bad", "never"} {
		s := wasimtest.New(t)
		account := s.AddAccount(wasimtest.Spec{})
		c := wedged(t, s, account)
		rule := faults.Rule{Action: "recovery", What: what, Collection: "regular_low", Times: 1}
		if what == "late" {
			rule.MS = 20
		}
		s.Fault(rule)
		askForCopy(t, c)
		if what == "never" {
			askForCopy(t, c) // only this one is answered
		}
		await[*events.AppStateSyncComplete](c)
		_, hash, err := c.Store.AppState.GetAppStateVersion(context.Background(), "regular_low")
		if err != nil {
			t.Fatal(err)
		}
		if right, _, _ := account.Book().Hash("regular_low"); (hash == right) == (what == "bad") {
			t.Errorf("%s: right hash %v", what, hash == right)
		}
		if left := s.Faults().List(); len(left) != 1 { // that of quiet
			t.Errorf("%s: %d rules are left", what, len(left))
		}
	}
}

// A client that asks for a snapshot gets the live records in one, patches after it, and may write.
func TestSnapshot(t *testing.T) {
	s := wasimtest.New(t, wasimtest.WithSnapshots())
	account := s.AddAccount(wasimtest.Spec{})
	c := seeded(t, s, account)
	quiet(s)
	for _, pinned := range []bool{true, false, true} {
		if _, err := account.Write("regular_low", sim.PinMutation(chat, pinned)); err != nil {
			t.Fatal(err)
		}
	}
	if err := fetchWhole(c); err != nil {
		t.Fatal(err)
	}
	if pin := await[*events.Pin](c); !pin.Action.GetPinned() || !pin.FromFullSync {
		t.Errorf("%+v", pin)
	}
	if _, err := account.Write("regular_low", sim.PinMutation(chat, false)); err != nil {
		t.Fatal(err)
	}
	archive(t, c, true)
	if !isArchived(account) {
		t.Error("the phone does not see the archived chat")
	}
}

// Each way in which a download fails is another error of the client, and the next one succeeds.
func TestDownloadFailures(t *testing.T) {
	s := wasimtest.New(t, wasimtest.WithSnapshots())
	account := s.AddAccount(wasimtest.Spec{})
	c := seeded(t, s, account)
	quiet(s)
	if _, err := account.Write("regular_low", sim.PinMutation(chat, true)); err != nil {
		t.Fatal(err)
	}
	for what, wanted := range map[string]error{
		"404": whatsmeow.ErrMediaDownloadFailedWith404, "403": whatsmeow.ErrMediaDownloadFailedWith403,
		"truncated": io.ErrUnexpectedEOF, "wrong_hash": whatsmeow.ErrInvalidMediaEncSHA256,
	} {
		s.Fault(faults.Rule{Action: "media", What: what, Account: account.PN().User, Times: 1})
		if err := fetchWhole(c); !errors.Is(err, wanted) {
			t.Errorf("%s: %v", what, err)
		}
		if err := fetchWhole(c); err != nil {
			t.Errorf("after %s: %v", what, err)
		}
	}
}
