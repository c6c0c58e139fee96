// Package wasimtest runs the simulator inside a Go test and links real whatsmeow devices to it.
package wasimtest

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/store"

	"wuts/sim"
	"wuts/sim/ca"
	"wuts/sim/faults"
	"wuts/sim/plain"
)

// Timeout bounds every wait of this package.
const Timeout = 20 * time.Second

// authority is one for all simulators of a process, because whatsmeow trusts one root key and
// reads it without a lock. It is set before the first client can exist.
var authority = sync.OnceValue(func() *ca.Authority {
	made := ca.New()
	whatsmeow.WACertPubKey = made.RootKey()
	return made
})

// Spec describes an account.
type Spec = sim.Spec

// Sim is a simulator that lives as long as its test.
type Sim struct {
	Endpoint string
	RootKey  [32]byte

	t      testing.TB
	server *sim.Server
}

type settings struct {
	sim.Options
	tolerant bool
}

// Option changes how New starts the simulator.
type Option func(*settings)

// AllowViolations keeps violations from failing the test.
func AllowViolations() Option { return func(s *settings) { s.tolerant = true } }

// WithState keeps the simulator's state in a file.
func WithState(path string) Option { return func(s *settings) { s.StateFile = path } }

// WithPageSize bounds the app-state patches in one answer.
func WithPageSize(patches int) Option { return func(s *settings) { s.PageSize = patches } }

// WithSnapshots answers the first fetch of a collection with a snapshot.
func WithSnapshots() Option { return func(s *settings) { s.Snapshots = true } }

// Lenient makes the simulator accept bad patches, as the real server must.
func Lenient() Option { return func(s *settings) { s.Options.Lenient = true } }

// New starts a simulator on a free port. When the test ends it is stopped, and the test fails if
// a client did what no correct client does. All simulators of a process have the same root key,
// and whatsmeow trusts it from the first call on.
func New(t testing.TB, options ...Option) *Sim {
	t.Helper()
	chosen := settings{Options: sim.Options{Authority: authority()}}
	for _, option := range options {
		option(&chosen)
	}
	server, err := sim.Start(chosen.Options)
	if err != nil {
		t.Fatalf("the simulator does not start: %v", err)
	}
	s := &Sim{Endpoint: server.Endpoint(), RootKey: server.RootKey(), t: t, server: server}
	t.Cleanup(func() {
		s.Stop()
		for _, violation := range server.Violations() {
			if !chosen.tolerant {
				t.Errorf("violation by device %d: %s: %s",
					violation.Device, violation.Kind, violation.Detail)
			}
		}
	})
	return s
}

// Stop stops the simulator before its test ends, as a crash would.
func (s *Sim) Stop() {
	if err := s.server.Close(); err != nil {
		s.t.Errorf("the simulator does not stop: %v", err)
	}
}

// Server returns the simulator itself.
func (s *Sim) Server() *sim.Server { return s.server }

// Faults returns the rules that disturb the traffic.
func (s *Sim) Faults() *faults.Engine { return s.server.Faults() }

// Fault adds a rule.
func (s *Sim) Fault(rule faults.Rule) int {
	s.t.Helper()
	id, err := s.Faults().Add(rule)
	if err != nil {
		s.t.Fatal(err)
	}
	return id
}

// HTTPClient returns a client that reaches the simulator and nothing else.
func (s *Sim) HTTPClient() *http.Client { return plain.HTTPClient(s.Endpoint) }

// Client makes a whatsmeow client that reaches only the simulator. It is disconnected when the
// test ends.
func (s *Sim) Client(t testing.TB, device *store.Device) *whatsmeow.Client {
	t.Helper()
	client := plain.Client(device, s.Endpoint)
	t.Cleanup(client.Disconnect)
	return client
}

// AddAccount makes an account.
func (s *Sim) AddAccount(spec Spec) *Account {
	s.t.Helper()
	account, err := s.server.AddAccount(spec)
	if err != nil {
		s.t.Fatal(err)
	}
	return &Account{Account: account, sim: s}
}

// Account returns an account that the state file brought back.
func (s *Sim) Account(pn string) *Account {
	s.t.Helper()
	account, ok := s.server.Account(pn)
	if !ok {
		s.t.Fatalf("no account %s", pn)
	}
	return &Account{Account: account, sim: s}
}

// Until waits for a condition, which is asked after every change in the simulator.
func (s *Sim) Until(what string, condition func() bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Timeout)
	defer cancel()
	if err := s.server.Wait(ctx, condition); err != nil {
		s.t.Fatalf("waiting until %s: %v", what, err)
	}
}
