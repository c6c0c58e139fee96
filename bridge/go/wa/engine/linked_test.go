package engine_test

import (
	"context"
	"database/sql"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.mau.fi/util/dbutil"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/store/sqlstore/upgrades"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	waLog "go.mau.fi/whatsmeow/util/log"
	"google.golang.org/protobuf/proto"

	"wuts/sim/syncd"
	"wuts/sim/wasimtest"
	"wuts/wa/engine"
)

// linked is a real whatsmeow client with an engine, connected to the simulator.
type linked struct {
	t       *testing.T
	account *wasimtest.Account
	db      *dbutil.Database
	engine  *engine.Engine
	tables  store.AppStateStore // the real ones behind the door

	mu      sync.Mutex
	changes []engine.Change
}

// link seeds a device, connects it and waits until it is online.
func link(
	t *testing.T, s *wasimtest.Sim, account *wasimtest.Account, options ...wasimtest.SeedOption,
) *linked {
	t.Helper()
	db, container := openStore(t)
	device := account.Seed(t, container, options...)
	client := s.Client(t, device)
	l := &linked{t: t, account: account, db: db, tables: device.AppState}
	l.engine = engine.New(engine.Options{
		Device: device, DB: db, Wire: engine.NewWire(client),
		OnChange: l.keep, OnStatus: func(engine.Status) {},
		Go:       func(_ string, task func()) { go task() },
		Log:      slog.New(slog.NewTextHandler(io.Discard, nil)),
		Counters: &engine.Counters{},
	})
	l.run(client)
	account.WaitOnline(device.ID.Device)
	return l
}

func (l *linked) run(client *whatsmeow.Client) {
	l.t.Helper()
	client.AddEventHandler(func(event any) {
		if _, ok := event.(*events.Connected); ok {
			l.engine.Connected()
		}
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.engine.Run(ctx)
	}()
	l.t.Cleanup(func() {
		client.Disconnect()
		cancel()
		<-done
	})
	if err := client.Connect(); err != nil {
		l.t.Fatal(err)
	}
}

func openStore(t *testing.T) (*dbutil.Database, *sqlstore.Container) {
	t.Helper()
	raw, err := sql.Open("sqlite3", "file:"+filepath.Join(t.TempDir(), "device.db")+
		"?_foreign_keys=on&_journal_mode=WAL&_synchronous=NORMAL"+
		"&_busy_timeout=5000&_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = raw.Close() })
	db, err := dbutil.NewWithDB(raw, "sqlite3")
	if err != nil {
		t.Fatal(err)
	}
	db.UpgradeTable, db.VersionTable = upgrades.Table, "whatsmeow_version"
	container := sqlstore.NewWithWrappedDB(db, waLog.Noop)
	if err := container.Upgrade(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := engine.Upgrade(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	return db, container
}

func (l *linked) keep(change engine.Change) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changes = append(l.changes, change)
}

// has tells whether a change of an index has been reported.
func (l *linked) has(index ...string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.changes, func(change engine.Change) bool {
		return slices.Equal(change.Index, index)
	})
}

func (l *linked) apply(mutations ...appstate.MutationInfo) engine.Outcome {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), wasimtest.Timeout)
	defer cancel()
	outcome, err := l.engine.Apply(ctx, low, mutations)
	if err != nil {
		l.t.Errorf("apply: %v", err)
	}
	return outcome
}

func (l *linked) awaitOrder() {
	l.t.Helper()
	l.await("everything is in order", func() bool {
		statuses, err := l.engine.Statuses(context.Background())
		return err == nil && !slices.ContainsFunc(statuses, func(s engine.Status) bool {
			return s.State != engine.StateOK
		})
	})
}

func (l *linked) await(what string, condition func() bool) {
	l.t.Helper()
	deadline := time.Now().Add(wasimtest.Timeout)
	for !condition() {
		if time.Now().After(deadline) {
			l.t.Fatalf("not in time: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// mustAgree asserts that the stored version and hash are the server's.
func (l *linked) mustAgree() {
	l.t.Helper()
	if _, err := l.engine.Sync(context.Background(), low, false); err != nil {
		l.t.Fatal(err)
	}
	hash, version, err := l.account.Book().Hash(string(low))
	if err != nil {
		l.t.Fatal(err)
	}
	stored, storedHash, err := l.tables.GetAppStateVersion(context.Background(), string(low))
	if err != nil || stored != version || storedHash != hash {
		l.t.Fatalf("device at v%d, server at v%d, error %v", stored, version, err)
	}
}

func archiveWithPin(chat types.JID) []appstate.MutationInfo {
	return []appstate.MutationInfo{
		engine.BuildArchive(chat, true, time.Unix(1_700_000_000, 0)), engine.BuildPin(chat, false),
	}
}

func (l *linked) phoneWrites(index ...string) {
	l.t.Helper()
	if _, err := l.account.Write(string(low), syncd.Mutation{
		Operation: "set", Index: index, Version: 3,
		Value: &waSyncAction.SyncActionValue{
			ArchiveChatAction: &waSyncAction.ArchiveChatAction{Archived: proto.Bool(true)},
		},
	}); err != nil {
		l.t.Error(err)
	}
}
