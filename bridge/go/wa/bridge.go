package wa

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"

	"github.com/google/uuid"
	"go.mau.fi/whatsmeow/store"
)

const storeSuffix = ".db"

// Bridge holds every tenant's devices. One process has one.
//
// mu guards tenants and is held while a tenant's store is opened, so that no file is opened twice.
type Bridge struct {
	config Config
	spawn  *spawner
	queue  *queue
	gate   *versionGate
	http   *http.Client
	ctx    context.Context
	cancel context.CancelFunc

	counters  counters
	histories chan struct{}

	mu      sync.Mutex
	tenants map[string]*tenant
}

// Open opens every device store that it finds. Nothing is connected by it.
func Open(ctx context.Context, config Config) (*Bridge, error) {
	config = config.withDefaults()
	if err := os.MkdirAll(config.DevicesDir, 0o700); err != nil {
		return nil, storageError(err)
	}
	config.Network.install()
	if !config.Version.IsZero() && config.Version != store.GetWAVersion() {
		store.SetWAVersion(config.Version)
	}
	if config.OSName != "" {
		store.DeviceProps.Os = &config.OSName
	}
	b := &Bridge{
		config:  config,
		spawn:   &spawner{log: config.Log},
		http:    config.Network.newHTTPClient(),
		gate:    newVersionGate(config.Timing),
		tenants: map[string]*tenant{},

		histories: make(chan struct{}, historiesAtOnce),
	}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	b.queue = newQueue(config.SpoolLimit, b.release)
	if err := b.openStores(ctx); err != nil {
		b.Close(ctx)
		return nil, err
	}
	return b, nil
}

// openStores opens what is there. A store that can't be opened is left to the first call that needs it:
// one tenant's broken file must not keep the others offline. Files with another name are no stores.
func (b *Bridge) openStores(ctx context.Context) error {
	entries, err := os.ReadDir(b.config.DevicesDir)
	if err != nil {
		return storageError(err)
	}
	for _, entry := range entries {
		tenantID, isStore := strings.CutSuffix(entry.Name(), storeSuffix)
		if !isStore || uuid.Validate(tenantID) != nil {
			continue
		}
		if _, err := b.tenant(ctx, tenantID, false); err != nil {
			b.config.Log.Error("store_not_opened", "tenant_id", tenantID)
		}
	}
	return ctx.Err()
}

// Go runs f in a goroutine that survives a panic and that Close waits for.
func (b *Bridge) Go(name string, f func()) {
	b.spawn.Go(name, f)
}

// Context ends when the bridge is closed.
func (b *Bridge) Context() context.Context {
	return b.ctx
}

// Stores is the number of device stores that are open.
func (b *Bridge) Stores() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.tenants)
}

// CreateDevice makes a device without keys; one that exists is left as it is.
func (b *Bridge) CreateDevice(ctx context.Context, key DeviceKey) error {
	tenant, err := b.tenant(ctx, key.TenantID, true)
	if err != nil {
		return err
	}
	if err := tenant.store.createDevice(ctx, key.DeviceID); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ctx.Err() != nil {
		return ErrStopped
	}
	if b.tenants[key.TenantID] != tenant {
		return storageError(errErased) // the tenant was erased meanwhile
	}
	tenant.mu.Lock()
	defer tenant.mu.Unlock()
	if tenant.sessions[key.DeviceID] != nil {
		return nil
	}
	session, err := b.newSession(tenant, deviceRow{deviceID: key.DeviceID, condition: condition{state: StatusNew}})
	if err != nil {
		return err
	}
	session.start()
	tenant.sessions[key.DeviceID] = session
	return nil
}

// Devices lists a tenant's devices by their id. A tenant that has no store has none.
func (b *Bridge) Devices(ctx context.Context, tenantID string) ([]DeviceStatus, error) {
	list := []DeviceStatus{}
	tenant, err := b.tenant(ctx, tenantID, false)
	if errors.Is(err, ErrDeviceNotFound) {
		return list, nil
	}
	if err != nil {
		return nil, err
	}
	for _, session := range tenant.allSessions() {
		list = append(list, session.status())
	}
	sort.Slice(list, func(i, j int) bool { return list[i].DeviceID < list[j].DeviceID })
	return list, nil
}

// NextEvents acknowledges a batch and waits for the next one until the context ends.
func (b *Bridge) NextEvents(ctx context.Context, ack uint64) (Batch, error) {
	return b.queue.next(ctx, ack)
}

// Close ends every session and closes the stores. When the context ends it leaves what still runs.
func (b *Bridge) Close(ctx context.Context) {
	b.queue.close()
	b.mu.Lock()
	b.cancel()
	tenants := b.tenants
	b.tenants = map[string]*tenant{}
	b.mu.Unlock()
	for _, tenant := range tenants {
		tenant.stop()
	}
	if left := b.spawn.wait(ctx); left > 0 {
		b.config.Log.Warn("goroutines_left", "count", left)
	}
	b.http.CloseIdleConnections()
	for id, tenant := range tenants {
		if err := tenant.store.close(); err != nil {
			b.config.Log.Error("store_not_closed", "tenant_id", id)
		}
	}
}

func (b *Bridge) session(ctx context.Context, key DeviceKey) (*session, error) {
	tenant, err := b.tenant(ctx, key.TenantID, false)
	if err != nil {
		return nil, err
	}
	if session, ok := tenant.session(key.DeviceID); ok {
		return session, nil
	}
	return nil, ErrDeviceNotFound
}

// tenant finds a tenant, opening its store on first use. Without create it must have one.
func (b *Bridge) tenant(ctx context.Context, id string, create bool) (*tenant, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ctx.Err() != nil {
		return nil, ErrStopped
	}
	if found := b.tenants[id]; found != nil {
		return found, nil
	}
	path := filepath.Join(b.config.DevicesDir, id+storeSuffix)
	if _, err := os.Stat(path); !create && errors.Is(err, os.ErrNotExist) {
		return nil, ErrDeviceNotFound
	}
	opened, err := b.openTenant(ctx, id, path)
	if err != nil {
		return nil, err
	}
	b.tenants[id] = opened
	return opened, nil
}

func (b *Bridge) openTenant(ctx context.Context, id, path string) (*tenant, error) {
	store, err := openTenantStore(ctx, path)
	if err != nil {
		return nil, err
	}
	opened := &tenant{
		id: id, store: store, queue: b.queue, sessions: map[string]*session{},
		log: b.config.Log.With("tenant_id", id),
	}
	if err := b.loadTenant(ctx, opened); err != nil {
		for _, session := range opened.sessions {
			session.stop()
		}
		return nil, errors.Join(err, store.close())
	}
	for _, session := range opened.sessions {
		session.start()
	}
	return opened, nil
}

func (b *Bridge) loadTenant(ctx context.Context, opened *tenant) error {
	events, err := opened.store.spooled(ctx, opened.id)
	if err != nil {
		return err
	}
	rows, err := opened.store.devices(ctx)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if opened.sessions[row.deviceID], err = b.newSession(opened, row); err != nil {
			delete(opened.sessions, row.deviceID)
			return err
		}
	}
	b.queue.force(events...)
	return nil
}

// release frees the spool rows of a batch, tenant by tenant. What can't be freed is freed with a later
// batch or delivered again by the next process: one tenant's broken store must not keep the others'
// events back.
func (b *Bridge) release(events []Event) {
	newest := map[string]int64{}
	for _, event := range events {
		newest[event.TenantID] = max(newest[event.TenantID], event.SpoolID)
	}
	for tenantID, spoolID := range newest {
		if spoolID == 0 {
			continue
		}
		tenant, err := b.tenant(b.ctx, tenantID, false)
		if err == nil {
			err = tenant.store.release(b.ctx, spoolID)
		}
		// A tenant that is not there was erased, and its spool with it.
		if err != nil && !errors.Is(err, ErrDeviceNotFound) {
			b.config.Log.Error("spool_not_freed", "tenant_id", tenantID)
		}
	}
}
