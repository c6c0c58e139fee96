package wa

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"wuts/sim/faults"
	"wuts/sim/wasimtest"
)

// linked is a bridge with one device that is linked and connected, and settled.
type linked struct {
	simulator *wasimtest.Sim
	phone     *wasimtest.Account
	bridge    *Bridge
	key       DeviceKey
	number    uint16
	events    *reader
	session   *session
}

func newLinked(t *testing.T, change func(*Timing)) *linked {
	t.Helper()
	l := &linked{simulator: wasimtest.New(t)}
	l.phone = l.simulator.AddAccount(wasimtest.Spec{PN: "15550001111", Name: "Ada"})
	config := simulatedConfig(t, l.simulator)
	change(&config.Timing)
	l.bridge = openBridge(t, config)
	l.key = newKey(t, l.bridge)
	l.number = linkDevice(t, l.bridge, l.key, l.phone)
	l.events = newReader(t, l.bridge)
	l.events.awaitSettled()
	l.session = mustSession(t, l.bridge, l.key)
	return l
}

func mustSession(t *testing.T, b *Bridge, key DeviceKey) *session {
	t.Helper()
	found, err := b.session(within(t), key)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func (l *linked) store() *tenantStore { return l.session.tenant.store }

// keepKeys makes the store refuse to delete keys until the returned function is called.
func (l *linked) keepKeys(t *testing.T) (undo func()) {
	t.Helper()
	mustExecute(t, l.store(), `CREATE TRIGGER kept BEFORE DELETE ON whatsmeow_device
		BEGIN SELECT RAISE(ABORT, 'kept'); END`)
	return func() { mustExecute(t, l.store(), "DROP TRIGGER kept") }
}

func mustExecute(t *testing.T, store *tenantStore, statement string) {
	t.Helper()
	if _, err := store.db.Exec(within(t), statement); err != nil {
		t.Fatal(err)
	}
}

func mustHaveKeys(t *testing.T, store *tenantStore, want int) {
	t.Helper()
	var devices int
	if err := store.db.QueryRow(within(t), "SELECT COUNT(*) FROM whatsmeow_device").Scan(&devices); err != nil {
		t.Fatal(err)
	}
	if devices != want {
		t.Errorf("the store has the keys of %d devices, not %d", devices, want)
	}
}

// logOutSlowly begins a logout that the server answers late, and returns when it is under way.
func (l *linked) logOutSlowly(t *testing.T) {
	t.Helper()
	l.simulator.Fault(faults.Rule{Direction: "in", XMLNS: "md", Action: "delay", MS: 500})
	l.bridge.Go("test", func() { _, _ = l.bridge.Logout(context.Background(), l.key) })
	deadline := within(t)
	for {
		seen, changed := l.session.look()
		if seen.status.Reason == reasonLoggingOut {
			return
		}
		select {
		case <-changed:
		case <-deadline.Done():
			t.Fatal("no logout began")
		}
	}
}

// Whoever can't erase the keys says so, the device keeps them, and a second try erases them.
func TestKeysThatCannotBeErased(t *testing.T) {
	for name, end := range map[string]func(*Bridge, context.Context, DeviceKey) (bool, error){
		"logout": (*Bridge).Logout, "erase": (*Bridge).EraseDevice,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLinked(t, asBefore)
			undo := l.keepKeys(t)
			if _, err := end(l.bridge, within(t), l.key); !errors.Is(err, ErrStorage) {
				t.Errorf("the first try ends with %v", err)
			}
			mustHaveKeys(t, l.store(), 1)
			status, err := l.bridge.Status(within(t), l.key)
			if err != nil || status.Status == StatusLoggedOut {
				t.Errorf("the device is %s, %v", status.Status, err)
			}
			undo()
			if _, err := end(l.bridge, within(t), l.key); err != nil {
				t.Errorf("the second try ends with %v", err)
			}
			mustHaveKeys(t, l.store(), 0)
		})
	}
}

// Keys of a device that was unlinked, and could not be erased then, are erased by the next process, to
// which the device is logged out as it was to this one.
func TestKeysAreErasedLater(t *testing.T) {
	l := newLinked(t, asBefore)
	undo := l.keepKeys(t)
	if err := l.phone.Unlink(l.number); err != nil {
		t.Fatal(err)
	}
	l.events.await(isStatus(StatusLoggedOut))
	mustHaveKeys(t, l.store(), 1)
	undo()
	l.bridge.Close(within(t))
	again := openBridge(t, l.bridge.config)
	mustHaveKeys(t, mustSession(t, again, l.key).tenant.store, 0)
	status, err := again.Status(within(t), l.key)
	if err != nil || status.Status != StatusLoggedOut || status.Reason != reasonUnlinked || status.JID != "" {
		t.Errorf("the next process knows %+v, %v", status, err)
	}
	if _, err := again.QR(within(t), l.key, false); err != nil {
		t.Errorf("it can't be linked again: %v", err)
	}
}

// Closing the bridge, or erasing the tenant, ends a logout that is under way, and leaves nothing running.
func TestEndWhileLoggingOut(t *testing.T) {
	for name, end := range map[string]func(*linked, *testing.T){
		"close": func(l *linked, t *testing.T) { l.bridge.Close(within(t)) },
		"erase": func(l *linked, t *testing.T) {
			if _, err := l.bridge.EraseTenant(within(t), l.key.TenantID); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLinked(t, asBefore)
			l.logOutSlowly(t)
			end(l, t)
			mustRunNothing(t, l.bridge)
		})
	}
}

func mustRunNothing(t *testing.T, b *Bridge) {
	t.Helper()
	if left := b.spawn.wait(within(t)); left > 0 {
		t.Errorf("%d goroutines still run", left)
	}
}

// A device that is made while its tenant is erased is there, or was refused; its session is not left
// behind without a tenant.
func TestCreateWhileErasing(t *testing.T) {
	b := openBridge(t, Config{DevicesDir: t.TempDir()})
	for range 100 {
		key := newKey(t, b)
		younger := DeviceKey{key.TenantID, uuid.NewString()}
		var group sync.WaitGroup
		group.Go(func() { _, _ = b.EraseTenant(within(t), key.TenantID) })
		group.Go(func() {
			if err := b.CreateDevice(within(t), younger); err != nil && !errors.Is(err, ErrStorage) {
				t.Errorf("refused with %v", err)
			}
		})
		group.Wait()
		if _, err := b.EraseTenant(within(t), key.TenantID); err != nil {
			t.Fatal(err)
		}
	}
	mustRunNothing(t, b)
}

// While a device is erased whoever else erases it succeeds, and whoever asks for it does, too, or finds
// it gone; nobody is told that the bridge has stopped.
func TestRequestsWhileErasing(t *testing.T) {
	b := openBridge(t, Config{DevicesDir: t.TempDir()})
	for range 50 {
		key := newKey(t, b)
		var group sync.WaitGroup
		for range 3 {
			group.Go(func() {
				if _, err := b.EraseDevice(within(t), key); err != nil {
					t.Errorf("erasing ends with %v", err)
				}
			})
			group.Go(func() {
				if _, err := b.Connect(within(t), key); err != nil && !errors.Is(err, ErrDeviceNotFound) {
					t.Errorf("connecting ends with %v", err)
				}
			})
		}
		group.Wait()
	}
}

// What the loop of a stopped session is still asked for is refused, also if it was asked before.
func TestStoppedSessionDoesNothing(t *testing.T) {
	b := openBridge(t, Config{DevicesDir: t.TempDir()})
	s := mustSession(t, b, newKey(t, b))
	s.mailbox.post(s.stop)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := ask(ctx, s, func() (bool, error) { return true, nil }); !errors.Is(err, ErrDeviceNotFound) {
		t.Errorf("got %v", err)
	}
}

// A device that is being paired has nothing to log out of, and its pairing goes on.
func TestLogoutLeavesAPairingAlone(t *testing.T) {
	b := openBridge(t, simulatedConfig(t, wasimtest.New(t)))
	key := newKey(t, b)
	before, err := b.QR(within(t), key, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Logout(within(t), key); !errors.Is(err, ErrDeviceNotLinked) {
		t.Errorf("logout gets %v", err)
	}
	after, err := b.QR(within(t), key, false)
	if err != nil || after.Code != before.Code || !after.Cached {
		t.Errorf("the code on show is %+v, %v", after, err)
	}
}
