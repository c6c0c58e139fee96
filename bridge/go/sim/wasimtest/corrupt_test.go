package wasimtest_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"wuts/sim"
	"wuts/sim/faults"
	"wuts/sim/wasimtest"
)

func fetch(c *client) error {
	return c.FetchAppState(context.Background(), appstate.WAPatchRegularLow, false, false)
}

func appStateKeyRequest(ids ...[]byte) *waE2E.Message {
	request := &waE2E.AppStateSyncKeyRequest{}
	for _, id := range ids {
		request.KeyIDs = append(request.KeyIDs, &waE2E.AppStateSyncKeyId{KeyID: id})
	}
	return &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{
		Type:                   waE2E.ProtocolMessage_APP_STATE_SYNC_KEY_REQUEST.Enum(),
		AppStateSyncKeyRequest: request,
	}}
}

// Each part of a patch that is damaged on its way is noticed by the client, which recovers with the
// next fetch; one that is damaged where it is stored comes damaged again.
func TestCorruptPatches(t *testing.T) {
	for part, wanted := range map[string]error{
		"snapshot_mac": appstate.ErrMismatchingLTHash, "patch_mac": appstate.ErrMismatchingPatchMAC,
		"value_mac": appstate.ErrMismatchingContentMAC, "index_mac": appstate.ErrMismatchingIndexMAC,
	} {
		for _, atRest := range []bool{false, true} {
			s := wasimtest.New(t)
			account := s.AddAccount(wasimtest.Spec{})
			c := seeded(t, s, account)
			quiet(s)
			if _, err := account.Write("regular_low", sim.PinMutation(chat, true)); err != nil {
				t.Fatal(err)
			}
			s.Fault(faults.Rule{
				Action: "corrupt", What: part, AtRest: atRest, Collection: "regular_low", Times: 1,
			})
			if err := fetch(c); !errors.Is(err, wanted) {
				t.Errorf("%s: %v", part, err)
			}
			if err := fetch(c); errors.Is(err, wanted) != atRest {
				t.Errorf("%s, at rest %v, second fetch: %v", part, atRest, err)
			}
		}
	}
}

// What is damaged where it is stored is so after a restart, too, and the phone still reads it.
func TestDamageIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	s := wasimtest.New(t, wasimtest.WithState(path))
	account := s.AddAccount(wasimtest.Spec{})
	container := newContainer(t)
	c := watched(t, s.Client(t, account.Seed(t, container)))
	quiet(s)
	c.connect()
	await[*events.Connected](c)
	if _, err := account.Write("regular_low", sim.PinMutation(chat, true)); err != nil {
		t.Fatal(err)
	}
	s.Fault(faults.Rule{Action: "corrupt", What: "patch_mac", AtRest: true, Times: 1})
	if err := fetch(c); !errors.Is(err, appstate.ErrMismatchingPatchMAC) {
		t.Errorf("before: %v", err)
	}
	eventually(t, "the damage is saved", func() bool {
		text, err := os.ReadFile(path)
		return err == nil && strings.Contains(string(text), `"served"`)
	})
	c.Disconnect()
	s.Stop()
	s = wasimtest.New(t, wasimtest.WithState(path))
	account = s.Account(account.PN().User)
	again := watched(t, s.Client(t, c.Store))
	again.connect()
	await[*events.Connected](again)
	if err := fetch(again); !errors.Is(err, appstate.ErrMismatchingPatchMAC) {
		t.Errorf("after: %v", err)
	}
	if _, ok := account.Entry("regular_low", "pin_v1", chat.String()); !ok {
		t.Error("the phone does not read its own patch")
	}
}

// A message that is damaged on its way is asked for again, and comes again.
func TestCorruptMessage(t *testing.T) {
	s := wasimtest.New(t)
	account := s.AddAccount(wasimtest.Spec{})
	c := seeded(t, s, account)
	s.Fault(faults.Rule{Action: "corrupt", What: "enc", Times: 1})
	key := account.RotateKey()
	await[*events.UndecryptableMessage](c)
	hasKey(t, c, key.ID)
}

func hasKey(t *testing.T, c *client, id []byte) {
	t.Helper()
	eventually(t, "the key has come", func() bool {
		stored, err := c.Store.AppStateKeys.GetAppStateSyncKey(context.Background(), id)
		return err == nil && stored != nil
	})
}

// A phone that writes with a key that nobody has leaves its devices asking; a share helps them.
func TestUnknownKey(t *testing.T) {
	s := wasimtest.New(t)
	account := s.AddAccount(wasimtest.Spec{})
	c := seeded(t, s, account)
	quiet(s)
	s.Fault(faults.Rule{Action: "key", What: "unknown", Times: 1})
	s.Fault(faults.Rule{Action: "key", What: "never"})
	if _, err := account.Write("regular_low", sim.PinMutation(chat, true)); err != nil {
		t.Fatal(err)
	}
	if err := fetch(c); !errors.Is(err, appstate.ErrKeyNotFound) {
		t.Fatalf("the fetch ended with %v", err)
	}
	account.ShareKeys()
	hasKey(t, c, account.Book().Keys()[1].ID)
	if err := fetch(c); err != nil {
		t.Errorf("with the key: %v", err)
	}
}

// A key that is withheld when the phone makes it reaches a device that asks for it.
func TestWithheldKey(t *testing.T) {
	s := wasimtest.New(t)
	account := s.AddAccount(wasimtest.Spec{})
	c := seeded(t, s, account)
	s.Fault(faults.Rule{Action: "key", What: "withhold"})
	key := account.RotateKey()
	if _, err := account.Write("regular_low", sim.PinMutation(chat, true)); err != nil {
		t.Fatal(err)
	}
	hasKey(t, c, key.ID) // the notification made the client fetch and ask
}

// A phone that is slow to answer answers, and one that answers in part leaves the last key out.
func TestSlowAndPartialAnswers(t *testing.T) {
	for what, expected := range map[string]int{"late": 2, "partly": 1} {
		s := wasimtest.New(t)
		account := s.AddAccount(wasimtest.Spec{})
		device := account.Seed(t, newContainer(t), wasimtest.WithoutKeys())
		c := watched(t, s.Client(t, device))
		c.connect()
		await[*events.Connected](c)
		s.Fault(faults.Rule{Action: "key", What: "withhold"})
		account.RotateKey()
		rule := faults.Rule{Action: "key", What: what, Times: 1}
		if what == "late" {
			rule.MS = 20
		}
		s.Fault(rule)
		keys := account.Book().Keys()
		if _, err := c.SendPeerMessage(
			context.Background(), appStateKeyRequest(keys[0].ID, keys[1].ID)); err != nil {
			t.Fatal(err)
		}
		hasKey(t, c, keys[expected-1].ID)
		last, err := c.Store.AppStateKeys.GetAppStateSyncKey(context.Background(), keys[1].ID)
		if err != nil || (last != nil) != (expected == 2) {
			t.Errorf("%s: %v, %v", what, last, err)
		}
	}
}

// A key that is rotated just before an upload does not keep the upload from being accepted.
func TestKeyRotatedBeforeUpload(t *testing.T) {
	s := wasimtest.New(t)
	account := s.AddAccount(wasimtest.Spec{})
	c := seeded(t, s, account)
	s.Fault(faults.Rule{Action: "key", What: "rotate", Times: 1})
	archive(t, c, true)
	if keys := account.Book().Keys(); len(keys) != 2 || !isArchived(account) {
		t.Errorf("%d keys", len(keys))
	}
}

// A device that gives its app state up is unlinked with all others, and that is recorded.
func TestFatalException(t *testing.T) {
	s := wasimtest.New(t, wasimtest.AllowViolations())
	account := s.AddAccount(wasimtest.Spec{})
	// The client handles notifications beside everything else, without regard for its logout.
	quiet(s)
	first, second := seeded(t, s, account), seeded(t, s, account)
	// The client has to be done with sending, because its logout takes its stores away.
	s.Fault(faults.Rule{Action: "delay", MS: 100, Direction: "out", Tag: "stream:error"})
	_, err := first.SendPeerMessage(context.Background(), &waE2E.Message{
		ProtocolMessage: &waE2E.ProtocolMessage{
			Type: waE2E.ProtocolMessage_APP_STATE_FATAL_EXCEPTION_NOTIFICATION.Enum(),
			AppStateFatalExceptionNotification: &waE2E.AppStateFatalExceptionNotification{
				CollectionNames: []string{"regular_low"}, Timestamp: proto.Int64(1),
			},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	await[*events.LoggedOut](first)
	await[*events.LoggedOut](second)
	if found := s.Server().Violations(); len(found) != 1 || found[0].Kind != "app_state_fatal" {
		t.Errorf("%+v", found)
	}
}
