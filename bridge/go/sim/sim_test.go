package sim

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"wuts/sim/endpoint"
)

func start(t *testing.T, options Options) *Server {
	t.Helper()
	s, err := Start(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	return s
}

func addAccount(t *testing.T, s *Server, spec Spec) *Account {
	t.Helper()
	a, err := s.AddAccount(spec)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Only loopback addresses are listened on, and only if they are written as such.
func TestListensOnLoopbackOnly(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", ":0", "localhost:0", "192.0.2.1:0", "[::]:0"} {
		if _, err := Start(Options{Listen: address}); !errors.Is(err, ErrNotLoopback) {
			t.Errorf("%s: %v", address, err)
		}
	}
	start(t, Options{Listen: "127.0.0.1:0"})
}

// Numbers of real people are refused, and a number has one LID for all accounts.
func TestNumbers(t *testing.T) {
	s := start(t, Options{})
	contact := ContactSpec{PN: "15550001111", LID: "200000001111"}
	addAccount(t, s, Spec{PN: "15550000001", Contacts: []ContactSpec{contact}})
	for _, spec := range []Spec{
		{PN: "4930123456"}, {PN: "1555"}, {PN: "1555x00001"}, {PN: "15550000002", LID: "99"},
		{PN: "15550000003", LID: "200000001111"},
		{PN: "15550000004", Contacts: []ContactSpec{{PN: "15550001111", LID: "200000002222"}}},
		{PN: "15550000005", Groups: []GroupSpec{{JID: "15550001111@s.whatsapp.net"}}},
	} {
		if _, err := s.AddAccount(spec); !errors.Is(err, ErrNumber) {
			t.Errorf("%+v: %v", spec, err)
		}
	}
	if _, err := s.AddAccount(Spec{PN: "15550000001"}); !errors.Is(err, ErrAccountExists) {
		t.Errorf("second account of a number: %v", err)
	}
	other := addAccount(t, s, Spec{Contacts: []ContactSpec{{PN: "15550001111"}}})
	if other.Contacts()[0].LID.User != contact.LID {
		t.Error("one number has two LIDs")
	}
}

// A phone that migrated keeps its chats under LIDs.
func TestMigratedPhoneUsesLIDs(t *testing.T) {
	s := start(t, Options{})
	a := addAccount(t, s, Spec{LIDMigrated: true, Contacts: []ContactSpec{{PN: "15550001111"}}})
	contact := a.Contacts()[0]
	if a.ChatJID(contact.PN) != contact.LID {
		t.Error("the chat is kept under the phone number")
	}
	view, err := a.Book().View("critical_unblock_low")
	if err != nil || view.Entries[0].Index[1] != contact.LID.String() {
		t.Errorf("%+v, %v", view, err)
	}
}

// Device numbers are used again only when all have been, and never one that is taken.
func TestDeviceNumbers(t *testing.T) {
	a := addAccount(t, start(t, Options{}), Spec{})
	for wanted := 1; wanted <= maxDevice; wanted++ {
		registered, err := a.Register(DeviceKeys{}, true)
		if err != nil || int(registered.Device) != wanted {
			t.Fatalf("device %d, %v", registered.Device, err)
		}
	}
	if _, err := a.Register(DeviceKeys{}, true); !errors.Is(err, ErrTooManyDevices) {
		t.Errorf("one too many: %v", err)
	}
	if err := a.Unlink(7); err != nil {
		t.Fatal(err)
	}
	if registered, err := a.Register(DeviceKeys{}, true); err != nil || registered.Device != 7 {
		t.Errorf("device %d, %v", registered.Device, err)
	}
}

// What waits for an offline device is kept in order, once for each collection, until it is
// acknowledged.
func TestUnacknowledgedStanzas(t *testing.T) {
	a := addAccount(t, start(t, Options{}), Spec{})
	if _, err := a.Register(DeviceKeys{}, true); err != nil {
		t.Fatal(err)
	}
	chat := types.NewJID("15550001111", types.DefaultUserServer)
	for _, archived := range []bool{true, false, true} {
		if _, err := a.Write("regular_low", ArchiveMutation(chat, archived)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := a.Rename("Another"); err != nil {
		t.Fatal(err)
	}
	d := a.devices[1]
	if len(d.Unacked) != 2 {
		t.Fatalf("%d stanzas wait", len(d.Unacked))
	}
	collection := d.Unacked[0].Node.GetChildByTag("collection")
	if collection.Attrs["name"] != "regular_low" || collection.Attrs["version"] != uint64(3) {
		t.Errorf("first: %v", collection)
	}
	if !d.acknowledge(d.Unacked[0].ID) || d.acknowledge("unknown") || len(d.Unacked) != 1 {
		t.Error("an acknowledgement takes one stanza")
	}
}

// The hash of a device list does not depend on its order, and is that of whatsmeow's algorithm.
func TestDeviceHash(t *testing.T) {
	one := deviceHash([]string{"1.0:0@s.whatsapp.net", "1.0:2@s.whatsapp.net"})
	two := deviceHash([]string{"1.0:2@s.whatsapp.net", "1.0:0@s.whatsapp.net"})
	if one != two || !strings.HasPrefix(one, "2:") || len(one) != 10 {
		t.Errorf("%s, %s", one, two)
	}
}

// Everything is in the state file, which only its owner can read, and comes back from it.
func TestStateFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	before := start(t, Options{StateFile: path})
	a := addAccount(t, before, Spec{
		PN: "15550000001", Name: "Ada", Contacts: []ContactSpec{{Name: "Grace"}},
		Groups: []GroupSpec{{JID: "120363000000000001@g.us", Subject: "Hikers"}}, UnarchiveChats: true,
	})
	keys := DeviceKeys{PreKeys: []endpoint.PreKey{{ID: 5, Public: make([]byte, 32)}}}
	if _, err := a.Register(keys, false); err != nil {
		t.Fatal(err)
	}
	a.update(func(b *batch) {
		b.notify(a.devices[1], "test", "", waBinary.Node{Tag: "child"})
	})
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	after := start(t, Options{StateFile: path})
	again, ok := after.Account("15550000001")
	if !ok || after.RootKey() != before.RootKey() {
		t.Fatal("account or root key is missing")
	}
	waiting := again.devices[1].Unacked
	if len(waiting) != 1 || waiting[0].Node.String() != a.devices[1].Unacked[0].Node.String() {
		t.Errorf("waiting: %v", waiting)
	}
	// The attributes of a stanza have no order on the wire, so it is compared apart.
	a.devices[1].Unacked, again.devices[1].Unacked = nil, nil
	first, second := encoded(t, a), encoded(t, again)
	if first != second {
		t.Errorf("saved\n%s\nloaded\n%s", first, second)
	}
	if left, _ := filepath.Glob(path + ".*"); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func encoded(t *testing.T, a *Account) string {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	text, err := a.encode()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A state file that can't be read stops the start and stays as it is.
func TestUnusableStateFile(t *testing.T) {
	for _, text := range []string{"", "{", `{"version":99}`, `{"version":1,"authority":{}}`} {
		path := filepath.Join(t.TempDir(), "state.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Start(Options{StateFile: path}); !errors.Is(err, ErrState) {
			t.Errorf("%q: %v", text, err)
		}
		if left, err := os.ReadFile(path); err != nil || string(left) != text {
			t.Errorf("%q became %q", text, left)
		}
	}
}

// A missing folder for the state file is noticed at the start.
func TestStateFileInMissingFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "missing", "state.json")
	if _, err := Start(Options{StateFile: path}); err == nil {
		t.Error("the start did not fail")
	}
}
