package engine

import (
	"context"
	"database/sql"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/mattn/go-sqlite3"
	"go.mau.fi/util/dbutil"
	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/proto/waAdv"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/store/sqlstore/upgrades"
	"go.mau.fi/whatsmeow/types"
	waLog "go.mau.fi/whatsmeow/util/log"
)

const (
	low       = appstate.WAPatchRegularLow
	longWait  = 20 * time.Second
	pollEvery = 2 * time.Millisecond
)

func init() { sql.Register("sqlite3-faulty", &faultyDriver{&sqlite3.SQLiteDriver{}}) }

var discardLog = slog.New(slog.DiscardHandler)

var chat = types.NewJID("15550001000", types.DefaultUserServer)

// rig is one device with its store, its engine and everything that they reported.
type rig struct {
	t       *testing.T
	account *account
	path    string
	db      *dbutil.Database
	device  *store.Device
	wire    *memoryWire
	engine  *Engine

	mu       sync.Mutex
	changes  []Change
	statuses []Status
	onChange func(Change)
}

// newRig opens a device on a store file, which may be new.
func newRig(t *testing.T, account *account, path string) *rig {
	t.Helper()
	account.mu.Lock()
	number := uint16(len(account.rigs) + 1)
	account.mu.Unlock()
	r := &rig{t: t, account: account, path: path, onChange: func(Change) {}}
	r.db, r.device = openDevice(t, path, number)
	r.wire = &memoryWire{t: t, account: account, device: number, connected: true}
	t.Cleanup(r.wire.mustBeClean)
	r.start()
	account.mu.Lock()
	account.rigs = append(account.rigs, r)
	account.mu.Unlock()
	return r
}

func (r *rig) start() {
	r.engine = New(Options{
		Device: r.device, DB: r.db, Wire: r.wire,
		OnChange: r.keepChange, OnStatus: r.keepStatus,
		Go:       func(_ string, task func()) { go task() },
		Log:      discardLog,
		Counters: &Counters{},
	})
}

// run starts the engine's loop until the test ends.
func (r *rig) run() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.engine.Run(ctx)
	}()
	r.t.Cleanup(func() {
		cancel()
		<-done
	})
}

func (r *rig) shareKeys() {
	r.t.Helper()
	for _, key := range r.account.book.Keys() {
		shared := store.AppStateSyncKey{
			Data: key.Data, Fingerprint: []byte{1}, Timestamp: key.TimestampMS,
		}
		err := r.device.AppStateKeys.PutAppStateSyncKey(r.t.Context(), key.ID, shared)
		if err != nil {
			r.t.Fatal(err)
		}
	}
}

func (r *rig) keepChange(change Change) {
	r.mu.Lock()
	r.changes = append(r.changes, change)
	handler := r.onChange
	r.mu.Unlock()
	handler(change)
}

func (r *rig) keepStatus(status Status) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.statuses = append(r.statuses, status)
}

// at sets the engine's clock to so much from now.
func (r *rig) at(fromNow time.Duration) {
	_ = r.engine.take(context.Background())
	defer r.engine.giveBack()
	r.engine.now = func() time.Time { return time.Now().Add(fromNow) }
}

func (r *rig) takeChanges() []Change {
	r.mu.Lock()
	defer r.mu.Unlock()
	taken := r.changes
	r.changes = nil
	return taken
}

func (r *rig) state(name appstate.WAPatchName) State {
	r.t.Helper()
	statuses, err := r.engine.Statuses(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	i := slices.IndexFunc(statuses, func(s Status) bool { return s.Name == name })
	return statuses[i].State
}

func (r *rig) sync(name appstate.WAPatchName) {
	r.t.Helper()
	if _, err := r.engine.Sync(r.context(longWait), name, false); err != nil {
		r.t.Fatalf("sync of %s: %v", name, err)
	}
}

func (r *rig) apply(mutations ...appstate.MutationInfo) (Outcome, error) {
	return r.engine.Apply(r.context(longWait), low, mutations)
}

func (r *rig) mustApply(mutations ...appstate.MutationInfo) Outcome {
	r.t.Helper()
	outcome, err := r.apply(mutations...)
	if err != nil {
		r.t.Fatalf("apply: %v", err)
	}
	return outcome
}

func (r *rig) context(length time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), length)
	r.t.Cleanup(cancel)
	return ctx
}

// mustAgree asserts that the stored copy passes the self check and equals the server's.
func (r *rig) mustAgree() {
	r.t.Helper()
	hash, version, err := r.account.book.Hash(string(low))
	if err != nil {
		r.t.Fatal(err)
	}
	state, err := r.engine.state(r.t.Context(), low)
	if err != nil || state.Version != version || state.Hash != hash {
		r.t.Fatalf("device at v%d, server at v%d, error %v", state.Version, version, err)
	}
	r.mustBeSound()
}

func (r *rig) mustBeSound() {
	r.t.Helper()
	sound, err := r.engine.isSound(r.t.Context(), r.engine.collections[low])
	if err != nil || !sound {
		r.t.Fatalf("self check: %v, error %v", sound, err)
	}
}

func (r *rig) mustExec(query string, arguments ...any) {
	r.t.Helper()
	if _, err := r.db.Exec(r.t.Context(), query, arguments...); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) count(query string) (rows int) {
	r.t.Helper()
	if err := r.db.QueryRow(r.t.Context(), query).Scan(&rows); err != nil {
		r.t.Fatal(err)
	}
	return rows
}

// openDevice opens a store file and saves a linked device in it.
func openDevice(t testing.TB, path string, number uint16) (*dbutil.Database, *store.Device) {
	t.Helper()
	raw, err := sql.Open("sqlite3-faulty", "file:"+path+
		"?_foreign_keys=on&_journal_mode=WAL&_synchronous=NORMAL"+
		"&_busy_timeout=5000&_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = raw.Close() })
	raw.SetMaxOpenConns(4)
	db, err := dbutil.NewWithDB(raw, "sqlite3")
	if err != nil {
		t.Fatal(err)
	}
	db.UpgradeTable, db.VersionTable = upgrades.Table, "whatsmeow_version"
	container := sqlstore.NewWithWrappedDB(db, waLog.Noop)
	for _, upgrade := range []func() error{
		func() error { return container.Upgrade(t.Context()) },
		func() error { return Upgrade(t.Context(), db) },
	} {
		if err := upgrade(); err != nil {
			t.Fatal(err)
		}
	}
	devices, err := container.GetAllDevices(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(devices) > 0 {
		return db, devices[0]
	}
	device := container.NewDevice()
	device.ID = &types.JID{User: "15550000001", Device: number, Server: types.DefaultUserServer}
	device.Account = &waAdv.ADVSignedDeviceIdentity{
		Details: []byte{1}, AccountSignature: make([]byte, 64),
		AccountSignatureKey: make([]byte, 32), DeviceSignature: make([]byte, 64),
	}
	if err := device.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db, device
}

// eventually waits for a condition, at most longWait.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(longWait)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
		time.Sleep(pollEvery)
	}
}
