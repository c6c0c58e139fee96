package wasimtest

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/store/sqlstore"

	"wuts/sim"
	"wuts/sim/seed"
	"wuts/sim/syncd"
)

// Account is an account with waits that fail the test.
type Account struct {
	*sim.Account

	sim *Sim
}

// WaitOnline waits until a device is logged in and has asked for what waits for it.
func (a *Account) WaitOnline(device uint16) {
	a.sim.t.Helper()
	a.sim.Until(fmt.Sprintf("device %d is online", device), func() bool {
		return a.Active(device)
	})
}

// WaitOffline waits until a device is not logged in.
func (a *Account) WaitOffline(device uint16) {
	a.sim.t.Helper()
	a.sim.Until(fmt.Sprintf("device %d is offline", device), func() bool {
		return !a.Online(device)
	})
}

// Entry returns the live entry of an index as the phone sees it.
func (a *Account) Entry(collection string, index ...string) (syncd.Entry, bool) {
	a.sim.t.Helper()
	view, err := a.Book().View(collection)
	if err != nil {
		a.sim.t.Fatal(err)
	}
	at := slices.IndexFunc(view.Entries, func(entry syncd.Entry) bool {
		return slices.Equal(entry.Index, index)
	})
	if at < 0 {
		return syncd.Entry{}, false
	}
	return view.Entries[at], true
}

// WaitEntry waits until the phone sees an index with a value that the condition accepts.
func (a *Account) WaitEntry(
	collection string, condition func(syncd.Entry) bool, index ...string,
) syncd.Entry {
	a.sim.t.Helper()
	var found syncd.Entry
	a.sim.Until(fmt.Sprintf("%s has %v", collection, index), func() bool {
		entry, ok := a.Entry(collection, index...)
		found = entry
		return ok && condition(entry)
	})
	return found
}

// SeedOption changes what Seed prepares.
type SeedOption func(*seedSettings)

type seedSettings struct{ keys bool }

// WithoutKeys leaves the app-state keys out; the device has to ask the phone for them.
func WithoutKeys() SeedOption { return func(s *seedSettings) { s.keys = false } }

// Seed links a device without a code and saves it to the container, ready to connect: with its
// prekeys, the app-state keys, the pairs of phone numbers and LIDs, and a Signal session with the
// phone. The phone takes it for one that it has greeted, and sends nothing at its first login.
func (a *Account) Seed(
	t testing.TB, container *sqlstore.Container, options ...SeedOption,
) *store.Device {
	t.Helper()
	chosen := seedSettings{keys: true}
	for _, option := range options {
		option(&chosen)
	}
	device := container.NewDevice()
	err := seed.Link(context.Background(), a.Account, device)
	if err == nil && chosen.keys {
		err = seed.ShareKeys(context.Background(), a.Account, device)
	}
	if err != nil {
		t.Fatalf("seeding a device: %v", err)
	}
	return device
}
