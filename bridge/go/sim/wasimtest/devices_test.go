package wasimtest_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"wuts/sim"
	"wuts/sim/wasimtest"
)

var chat = types.NewJID("15550001111", types.DefaultUserServer)

// seeded makes a client of a device that is linked without a code, and connects it.
func seeded(t *testing.T, s *wasimtest.Sim, account *wasimtest.Account) *client {
	t.Helper()
	device := account.Seed(t, newContainer(t))
	pruning := &pruned{PrivacyTokenStore: device.PrivacyTokens, done: make(chan struct{}, 1)}
	device.PrivacyTokens = pruning
	c := watched(t, s.Client(t, device))
	c.EmitAppStateEventsOnFullSync = true
	c.connect()
	await[*events.Connected](c)
	<-pruning.done
	return c
}

// pruned says when whatsmeow has pruned its privacy tokens. It does so behind its first login, and
// reads its stores meanwhile without regard for a logout that replaces them.
type pruned struct {
	store.PrivacyTokenStore

	done chan struct{}
}

func (p *pruned) DeleteExpiredPrivacyTokens(ctx context.Context, cutoff time.Time) (int64, error) {
	count, err := p.PrivacyTokenStore.DeleteExpiredPrivacyTokens(ctx, cutoff)
	p.done <- struct{}{}
	return count, err
}

func isArchived(account *wasimtest.Account) bool {
	entry, ok := account.Entry("regular_low", "archive", chat.String())
	return ok && string(entry.Value) != "" && entry.Author != 0
}

// A seeded device connects without a code and writes app state that the phone accepts.
func TestSeededDeviceWritesAppState(t *testing.T) {
	s := wasimtest.New(t)
	account := s.AddAccount(wasimtest.Spec{})
	c := seeded(t, s, account)
	archive(t, c, true)
	if !isArchived(account) {
		t.Error("the phone does not see the archived chat")
	}
}

func archive(t *testing.T, c *client, archived bool) {
	t.Helper()
	if err := c.FetchAppState(context.Background(), appstate.WAPatchRegularLow, false, false); err != nil {
		t.Fatal(err)
	}
	patch := appstate.BuildArchive(chat, archived, c.LastSuccessfulConnect, nil)
	if err := c.SendAppState(context.Background(), patch); err != nil {
		t.Fatal(err)
	}
}

// What one device archives reaches the other one, and what the phone writes reaches both.
func TestTwoDevicesConverge(t *testing.T) {
	s := wasimtest.New(t)
	account := s.AddAccount(wasimtest.Spec{})
	first, second := seeded(t, s, account), seeded(t, s, account)
	archive(t, first, true)
	if event := await[*events.Archive](second); event.JID != chat || !event.Action.GetArchived() {
		t.Errorf("second device: %+v", event)
	}
	await[*events.Archive](first)
	if _, err := account.Write("regular_low", sim.PinMutation(chat, true)); err != nil {
		t.Fatal(err)
	}
	await[*events.Pin](first)
	await[*events.Pin](second)
}

// A device without app-state keys asks the phone for them and gets them.
func TestMissingKeysAreAskedFor(t *testing.T) {
	s := wasimtest.New(t)
	account := s.AddAccount(wasimtest.Spec{})
	device := account.Seed(t, newContainer(t), wasimtest.WithoutKeys())
	c := watched(t, s.Client(t, device))
	c.connect()
	await[*events.Connected](c)
	err := c.FetchAppState(context.Background(), appstate.WAPatchCriticalBlock, false, false)
	if err == nil {
		t.Fatal("the fetch succeeded without keys")
	}
	eventually(t, "the key has come", func() bool {
		key, err := device.AppStateKeys.GetAppStateSyncKey(
			context.Background(), account.Book().Keys()[0].ID)
		return err == nil && key != nil
	})
	await[*events.AppStateSyncComplete](c)
}

// A key that the phone makes anew reaches a device before what is written with it.
func TestRotatedKeyIsShared(t *testing.T) {
	s := wasimtest.New(t)
	account := s.AddAccount(wasimtest.Spec{})
	c := seeded(t, s, account)
	key := account.RotateKey()
	eventually(t, "the new key has come", func() bool {
		stored, err := c.Store.AppStateKeys.GetAppStateSyncKey(context.Background(), key.ID)
		return err == nil && stored != nil
	})
	archive(t, c, true)
	if !isArchived(account) {
		t.Error("the phone does not see what was written with the new key")
	}
}

// A device that is unlinked while online is told so at once.
func TestUnlinkOnline(t *testing.T) {
	s := wasimtest.New(t)
	account := s.AddAccount(wasimtest.Spec{})
	c := seeded(t, s, account)
	if err := account.Unlink(c.Store.ID.Device); err != nil {
		t.Fatal(err)
	}
	if event := await[*events.LoggedOut](c); event.OnConnect {
		t.Error("the device was told at a login")
	}
}

// A device that was unlinked while offline is refused at its next login.
func TestUnlinkOffline(t *testing.T) {
	s := wasimtest.New(t)
	account := s.AddAccount(wasimtest.Spec{})
	c := seeded(t, s, account)
	device := c.Store.ID.Device
	c.Disconnect()
	account.WaitOffline(device)
	if err := account.Unlink(device); err != nil {
		t.Fatal(err)
	}
	c.connect()
	event := await[*events.LoggedOut](c)
	if !event.OnConnect || event.Reason != events.ConnectFailureLoggedOut {
		t.Errorf("%+v", event)
	}
}

// A device that logs out is gone from the account.
func TestLogout(t *testing.T) {
	s := wasimtest.New(t)
	account := s.AddAccount(wasimtest.Spec{})
	c := seeded(t, s, account)
	if err := c.Logout(context.Background()); err != nil {
		t.Fatal(err)
	}
	if devices := account.Devices(); len(devices) != 0 {
		t.Errorf("still linked: %+v", devices)
	}
}

// A second login with the same keys throws the first one out.
func TestSecondLoginReplacesTheFirst(t *testing.T) {
	s := wasimtest.New(t)
	account := s.AddAccount(wasimtest.Spec{})
	container := newContainer(t)
	device := account.Seed(t, container)
	first := watched(t, s.Client(t, device))
	first.connect()
	await[*events.Connected](first)
	twin, err := container.GetDevice(context.Background(), *device.ID)
	if err != nil {
		t.Fatal(err)
	}
	second := watched(t, s.Client(t, twin))
	second.connect()
	await[*events.Connected](second)
	await[*events.StreamReplaced](first)
	if !account.Active(device.ID.Device) {
		t.Error("the second login is not active")
	}
}

// A cut connection is made again, and what was written meanwhile arrives.
func TestCutConnectionComesBack(t *testing.T) {
	s := wasimtest.New(t)
	account := s.AddAccount(wasimtest.Spec{})
	c := seeded(t, s, account)
	if err := account.Drop(c.Store.ID.Device); err != nil {
		t.Fatal(err)
	}
	await[*events.Disconnected](c)
	if _, err := account.Write("regular_low", sim.PinMutation(chat, true)); err != nil {
		t.Fatal(err)
	}
	await[*events.Pin](c)
}

// After a restart from the state file a linked device comes back without a code, and reads what
// the phone writes.
func TestRestartFromStateFile(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "state.json")
	container := openContainer(t, filepath.Join(folder, "devices.db"))
	before := wasimtest.New(t, wasimtest.WithState(path))
	account := before.AddAccount(wasimtest.Spec{
		PN: "15550007777", Name: "Ada", Contacts: []sim.ContactSpec{{Name: "Grace"}},
	})
	c := fresh(t, before, container)
	device := c.link(account)
	collect[*events.AppStateSyncComplete](c, 5)
	archive(t, c, true)
	write(t, c, account)
	c.Disconnect()
	before.Stop()

	after := wasimtest.New(t, wasimtest.WithState(path))
	if after.RootKey != before.RootKey {
		t.Fatal("the root key changed")
	}
	again := after.Account("15550007777")
	if !isArchived(again) {
		t.Error("the archived chat is forgotten")
	}
	c = reconnected(t, after, container)
	again.WaitOnline(device)
	again.RotateKey()
	archive(t, c, false)
	write(t, c, again)
	if read := again.Texts(); len(read) != 1 || read[0].Retried {
		t.Errorf("the contact has read %+v", read)
	}
}

// write writes to the account's contact.
func write(t *testing.T, c *client, account *wasimtest.Account) {
	t.Helper()
	hello := &waE2E.Message{Conversation: proto.String("hello")}
	if _, err := c.SendMessage(context.Background(), account.Contacts()[0].LID, hello); err != nil {
		t.Fatal(err)
	}
}

func reconnected(t *testing.T, s *wasimtest.Sim, container *sqlstore.Container) *client {
	t.Helper()
	device, err := container.GetFirstDevice(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	c := watched(t, s.Client(t, device))
	c.connect()
	await[*events.Connected](c)
	return c
}
