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

	"wuts/sim/faults"
	"wuts/sim/syncd"
	"wuts/sim/wasimtest"
	"wuts/wa/engine"
)

const (
	low     = appstate.WAPatchRegularLow
	appSync = "w:sync:app:state"
)

var chat = types.NewJID("15550001000", types.DefaultUserServer)

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
		Go:  func(_ string, task func()) { go task() },
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
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
		"?_foreign_keys=on&_journal_mode=WAL&_synchronous=NORMAL&_busy_timeout=5000&_txlock=immediate")
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

// With a real client an archive costs one trip, and the phone sees it.
func TestClientArchives(t *testing.T) {
	s := wasimtest.New(t)
	l := link(t, s, s.AddAccount(wasimtest.Spec{Name: "Ada"}))
	l.awaitOrder()
	_, before, _ := l.account.Book().Hash(string(low))
	outcome := l.apply(archiveWithPin(chat)...)
	if outcome.Trips != 1 || outcome.Version != before+1 {
		t.Fatalf("outcome %+v", outcome)
	}
	if _, ok := l.account.Entry(string(low), "archive", chat.String()); !ok {
		t.Fatal("the phone does not see it")
	}
	l.mustAgree()
}

// A real conflict and a bare one are both overcome.
func TestClientOvercomesConflicts(t *testing.T) {
	s := wasimtest.New(t)
	l := link(t, s, s.AddAccount(wasimtest.Spec{Name: "Ada"}))
	l.awaitOrder()
	for _, bare := range []bool{false, true} {
		s.Fault(faults.Rule{Action: "conflict", N: 2, Bare: bare})
		if outcome := l.apply(archiveWithPin(chat)...); outcome.Conflicts != 2 {
			t.Fatalf("outcome %+v", outcome)
		}
	}
	l.mustAgree()
}

// A patch that is swallowed or cut off, before or after the server applies it, ends as one version.
func TestClientSurvivesLostAnswers(t *testing.T) {
	for _, action := range []string{"swallow", "close"} {
		for _, when := range []string{"before", "after"} {
			t.Run(action+" "+when, func(t *testing.T) {
				s := wasimtest.New(t)
				l := link(t, s, s.AddAccount(wasimtest.Spec{Name: "Ada"}))
				l.awaitOrder()
				_, before, _ := l.account.Book().Hash(string(low))
				s.Fault(faults.Rule{
					Action: action, When: when, Direction: "in", XMLNS: appSync,
					Collection: string(low), Times: 1,
				})
				ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
				defer cancel()
				outcome, err := l.engine.Apply(ctx, low, archiveWithPin(chat))
				if err != nil || outcome.Version != before+1 {
					t.Fatalf("outcome %+v, error %v", outcome, err)
				}
				if _, after, _ := l.account.Book().Hash(string(low)); after != before+1 {
					t.Fatalf("server at v%d", after)
				}
				l.mustAgree()
			})
		}
	}
}

// What the phone writes is reported through the door, and indexes that make whatsmeow panic do not
// end the process.
func TestClientSurvivesPanickingIndexes(t *testing.T) {
	s := wasimtest.New(t)
	l := link(t, s, s.AddAccount(wasimtest.Spec{Name: "Ada"}))
	l.awaitOrder()
	l.phoneWrites()
	l.phoneWrites("label_edit")
	l.phoneWrites("archive", chat.String())
	l.await("the phone's archive is reported", func() bool { return l.has("archive", chat.String()) })
	if !l.has() || !l.has("label_edit") {
		t.Fatal("an odd index was not reported")
	}
	l.apply(archiveWithPin(chat)...)
	l.mustAgree()
}

// Two real devices and the phone that write at once end with equal hashes.
func TestClientsConverge(t *testing.T) {
	s := wasimtest.New(t)
	account := s.AddAccount(wasimtest.Spec{Name: "Ada"})
	devices := []*linked{link(t, s, account), link(t, s, account)}
	s.Fault(faults.Rule{Action: "delay", Direction: "both", XMLNS: appSync, MS: 5})
	var group sync.WaitGroup
	for _, l := range devices {
		l.awaitOrder()
		group.Go(func() {
			for i := range 20 {
				l.apply(archiveWithPin(types.NewJID("1555000"+string(rune('0'+i%10)), types.DefaultUserServer))...)
			}
		})
	}
	for range 20 {
		devices[0].phoneWrites("archive", chat.String())
	}
	group.Wait()
	for _, l := range devices {
		l.mustAgree()
	}
}

// A device without keys asks the phone for them and becomes usable by itself, also after a rotation
// that it missed.
func TestClientAsksForKeys(t *testing.T) {
	s := wasimtest.New(t)
	l := link(t, s, s.AddAccount(wasimtest.Spec{Name: "Ada"}), wasimtest.WithoutKeys())
	l.awaitOrder()
	l.apply(archiveWithPin(chat)...)
	l.account.Book().Rotate()
	l.phoneWrites("archive", "15550003000@s.whatsapp.net")
	l.await("the new key is there", func() bool {
		return l.has("archive", "15550003000@s.whatsapp.net")
	})
	l.awaitOrder()
	l.apply(archiveWithPin(chat)...)
	l.mustAgree()
}

// Names that come with app state are kept where whatsmeow keeps them.
func TestClientKeepsNames(t *testing.T) {
	s := wasimtest.New(t)
	account := s.AddAccount(wasimtest.Spec{Name: "Ada"})
	l := link(t, s, account)
	l.awaitOrder()
	friend := types.NewJID("15550002000", types.DefaultUserServer)
	if _, err := account.Write(string(appstate.WAPatchCriticalUnblockLow), syncd.Mutation{
		Operation: "set", Index: []string{"contact", friend.String()}, Version: 2,
		Value: &waSyncAction.SyncActionValue{
			ContactAction: &waSyncAction.ContactAction{FullName: proto.String("Grace")},
		},
	}); err != nil {
		t.Fatal(err)
	}
	l.await("the contact is stored", func() bool {
		var name string
		err := l.db.QueryRow(context.Background(),
			`SELECT full_name FROM whatsmeow_contacts WHERE their_jid=$1`, friend).Scan(&name)
		return err == nil && name == "Grace"
	})
}
