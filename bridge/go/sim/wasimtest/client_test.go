package wasimtest_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types/events"

	"wuts/sim/wasimtest"
)

// client is a real whatsmeow client whose events a test can wait for.
type client struct {
	*whatsmeow.Client

	t      *testing.T
	events chan any
}

// newContainer makes a device store of its own for a test.
func newContainer(t *testing.T) *sqlstore.Container {
	t.Helper()
	return openContainer(t, filepath.Join(t.TempDir(), "devices.db"))
}

func openContainer(t *testing.T, path string) *sqlstore.Container {
	t.Helper()
	address := "file:" + path +
		"?_foreign_keys=on&_journal_mode=WAL&_synchronous=OFF&_busy_timeout=5000&_txlock=immediate"
	container, err := sqlstore.New(context.Background(), "sqlite3", address, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := container.Close(); err != nil {
			t.Error(err)
		}
	})
	return container
}

// watched collects the events of a client.
func watched(t *testing.T, cli *whatsmeow.Client) *client {
	c := &client{Client: cli, t: t, events: make(chan any, 1000)}
	cli.AddEventHandler(func(event any) {
		select {
		case c.events <- event:
		default:
		}
	})
	return c
}

// fresh makes a client of a device that is not linked.
func fresh(t *testing.T, s *wasimtest.Sim, container *sqlstore.Container) *client {
	t.Helper()
	return watched(t, s.Client(t, container.NewDevice()))
}

func (c *client) connect() {
	c.t.Helper()
	if err := c.Connect(); err != nil {
		c.t.Fatalf("connect: %v", err)
	}
}

// await returns the next event of a type and drops what comes before it.
func await[T any](c *client) T {
	c.t.Helper()
	deadline := time.After(wasimtest.Timeout)
	for {
		select {
		case event := <-c.events:
			if wanted, ok := event.(T); ok {
				return wanted
			}
		case <-deadline:
			var wanted T
			c.t.Fatalf("no %T came", wanted)
			return wanted
		}
	}
}

// collect waits for a number of events of a type.
func collect[T any](c *client, count int) []T {
	c.t.Helper()
	found := make([]T, 0, count)
	for range count {
		found = append(found, await[T](c))
	}
	return found
}

// link pairs the client by a code and waits until it is logged in.
func (c *client) link(account *wasimtest.Account) uint16 {
	c.t.Helper()
	c.connect()
	qr := await[*events.QR](c)
	ctx, cancel := context.WithTimeout(context.Background(), wasimtest.Timeout)
	defer cancel()
	device, err := account.Scan(ctx, qr.Codes[0])
	if err != nil {
		c.t.Fatalf("scan: %v", err)
	}
	await[*events.PairSuccess](c)
	await[*events.Connected](c)
	return device
}

// eventually asks for a condition that the simulator can't see until it holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(wasimtest.Timeout)
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for !condition() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("not reached: %s", what)
		}
	}
}

// internals lets a test send what no method of the client sends.
func internals(c *client) *whatsmeow.DangerousInternalClient {
	//lint:ignore SA1019 dangerous is what these tests need
	return c.DangerousInternals()
}
