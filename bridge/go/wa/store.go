package wa

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	_ "github.com/mattn/go-sqlite3"
	"go.mau.fi/util/dbutil"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/store/sqlstore/upgrades"
	"go.mau.fi/whatsmeow/types"
	waLog "go.mau.fi/whatsmeow/util/log"

	"wuts/wa/engine"
)

const (
	// A patch asks for each of its indexes by itself: with its statements kept it takes a third less.
	storeOptions = "_foreign_keys=on&_journal_mode=WAL&_synchronous=NORMAL&_busy_timeout=5000" +
		"&_txlock=immediate&_secure_delete=on&_stmt_cache_size=64"
	storeConnections = 4
)

const ownTables = `
CREATE TABLE IF NOT EXISTS wuts_devices (
	device_id TEXT PRIMARY KEY,
	jid       TEXT UNIQUE,
	status    TEXT NOT NULL DEFAULT 'new',
	reason    TEXT NOT NULL DEFAULT ''
);
CREATE TABLE IF NOT EXISTS wuts_spool (
	spool_id  INTEGER PRIMARY KEY AUTOINCREMENT,
	device_id TEXT NOT NULL,
	type      TEXT NOT NULL,
	at        INTEGER NOT NULL,
	data      TEXT NOT NULL
);`

const addBannedUntil = "ALTER TABLE wuts_devices ADD COLUMN banned_until BIGINT NOT NULL DEFAULT 0"

// tenantStore is one tenant's device store: a SQLite file with whatsmeow's tables and our own. Tenants
// share nothing, because whatsmeow's table of PN and LID pairs has no owner column.
type tenantStore struct {
	db        *dbutil.Database
	container *sqlstore.Container
}

// deviceRow is what is kept of a device besides its keys. The JID is empty while it has none.
type deviceRow struct {
	deviceID string
	jid      types.JID
	condition
}

// condition is how a device is, in the words of docs/bridge.md. until is when a ban ends; zero: unknown.
type condition struct {
	state, reason string
	until         time.Time
}

func openTenantStore(ctx context.Context, path string) (*tenantStore, error) {
	// SQLite gives its -wal and -shm files the mode of the database.
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, storageError(err)
	}
	if err = file.Close(); err != nil {
		return nil, storageError(err)
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, storageError(err)
	}
	address := url.URL{Scheme: "file", Path: absolute, RawQuery: storeOptions}
	raw, err := sql.Open("sqlite3", address.String())
	if err != nil {
		return nil, storageError(err)
	}
	raw.SetMaxOpenConns(storeConnections)
	store, err := wrapTenantStore(ctx, raw)
	if err != nil {
		return nil, storageError(errors.Join(err, raw.Close()))
	}
	return store, nil
}

func wrapTenantStore(ctx context.Context, raw *sql.DB) (*tenantStore, error) {
	db, err := dbutil.NewWithDB(raw, "sqlite3")
	if err != nil {
		return nil, err
	}
	db.UpgradeTable = upgrades.Table
	db.VersionTable = "whatsmeow_version"
	store := &tenantStore{db: db, container: sqlstore.NewWithWrappedDB(db, waLog.Noop)}
	if err = store.container.Upgrade(ctx); err != nil {
		return nil, fmt.Errorf("upgrading whatsmeow's tables: %w", err)
	}
	if err = engine.Upgrade(ctx, db); err != nil {
		return nil, fmt.Errorf("upgrading the engine's tables: %w", err)
	}
	if err = upgradeOwnTables(ctx, db); err != nil {
		return nil, fmt.Errorf("upgrading our tables: %w", err)
	}
	return store, nil
}

func upgradeOwnTables(ctx context.Context, db *dbutil.Database) error {
	execute := func(statements string) func(context.Context, *dbutil.Database) error {
		return func(ctx context.Context, db *dbutil.Database) error {
			_, err := db.Exec(ctx, statements)
			return err
		}
	}
	table := dbutil.BuildUpgradeTable().
		WithRaw(0, 1, 1, "Keep devices and the spool", dbutil.TxnModeOn, execute(ownTables)).
		WithRaw(1, 2, 1, "Keep the end of bans", dbutil.TxnModeOn, execute(addBannedUntil)).
		WithRaw(2, 3, 1, "Keep notices of history", dbutil.TxnModeOn, execute(historyTable)).
		WithRaw(3, 4, 1, "Keep the phone's settings", dbutil.TxnModeOn, execute(settingsTable)).
		Finish()
	return db.Child("wuts_schema", table, nil).Upgrade(ctx)
}

func (t *tenantStore) close() error {
	return t.db.Close()
}

func (t *tenantStore) createDevice(ctx context.Context, deviceID string) error {
	_, err := t.db.Exec(ctx, "INSERT INTO wuts_devices (device_id) VALUES ($1) ON CONFLICT DO NOTHING", deviceID)
	return storageError(err)
}

func (t *tenantStore) devices(ctx context.Context) ([]deviceRow, error) {
	rows, err := t.db.Query(ctx, "SELECT device_id, jid, status, reason, banned_until FROM wuts_devices ORDER BY device_id")
	list, err := dbutil.NewRowIterWithError(rows, scanDeviceRow, err).AsList()
	return list, storageError(err)
}

func scanDeviceRow(row dbutil.Scannable) (found deviceRow, err error) {
	var jid sql.Null[types.JID]
	var until int64
	err = row.Scan(&found.deviceID, &jid, &found.state, &found.reason, &until)
	found.jid = jid.V
	if until > 0 {
		found.until = time.UnixMilli(until)
	}
	return found, err
}

// remember keeps why a device is not to be connected, for the next process.
func (t *tenantStore) remember(ctx context.Context, deviceID string, found condition) error {
	const statement = "UPDATE wuts_devices SET status=$2, reason=$3, banned_until=$4 WHERE device_id=$1"
	_, err := t.db.Exec(ctx, statement, deviceID, found.state, found.reason, found.bannedUntil())
	return storageError(err)
}

// bannedUntil is the end of a ban as Unix milliseconds, 0 for none or unknown.
func (c condition) bannedUntil() int64 {
	if c.until.IsZero() {
		return 0
	}
	return c.until.UnixMilli()
}

// isFinal tells whether a device in this condition has lost its keys.
func (c condition) isFinal() bool {
	return c.state == StatusLoggedOut || c.reason == reasonAccountBanned
}

// erase deletes a device's keys, if it still has those of this JID, and notes how the device is then.
func (t *tenantStore) erase(ctx context.Context, deviceID string, jid types.JID, left condition) error {
	err := t.db.DoTxn(ctx, nil, func(ctx context.Context) error {
		result, err := t.db.Exec(ctx,
			"UPDATE wuts_devices SET jid=NULL, status=$3, reason=$4 WHERE device_id=$1 AND jid=$2",
			deviceID, jid, left.state, left.reason)
		if err != nil {
			return err
		}
		// The keys may by now be those of a later pairing of another device under the same JID.
		if owned, err := result.RowsAffected(); err != nil || owned == 0 {
			return err
		}
		return t.deleteKeys(ctx, jid)
	})
	return storageError(err)
}

// deleteKeys deletes all that whatsmeow keeps of a JID. One of its tables does not follow the device's.
func (t *tenantStore) deleteKeys(ctx context.Context, jid types.JID) error {
	for _, statement := range []string{
		"DELETE FROM whatsmeow_privacy_tokens WHERE our_jid=$1",
		"DELETE FROM whatsmeow_device WHERE jid=$1",
	} {
		if _, err := t.db.Exec(ctx, statement, jid); err != nil {
			return err
		}
	}
	return nil
}

// deleteOwnKeys deletes the keys that a device still has because erasing them failed.
func (t *tenantStore) deleteOwnKeys(ctx context.Context, deviceID string) error {
	var jid sql.Null[types.JID]
	err := t.db.QueryRow(ctx, "SELECT jid FROM wuts_devices WHERE device_id=$1", deviceID).Scan(&jid)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return errErased
	case err != nil || !jid.Valid:
		return err
	}
	return t.deleteKeys(ctx, jid.V)
}

// checkOwner refuses to save keys that were erased meanwhile.
func (t *tenantStore) checkOwner(ctx context.Context, deviceID string, jid types.JID) error {
	var owned bool
	const query = "SELECT EXISTS(SELECT 1 FROM wuts_devices WHERE device_id=$1 AND jid=$2)"
	if err := t.db.QueryRow(ctx, query, deviceID, jid).Scan(&owned); err != nil {
		return err
	}
	if !owned {
		return errErased
	}
	return nil
}

// claim makes a JID this device's own before its keys are saved. Old keys of a JID that WhatsApp has
// given out again are deleted: whatsmeow would keep them in place of the new ones. A device that was
// erased while it was being linked may not claim anything.
func (t *tenantStore) claim(ctx context.Context, deviceID string, jid types.JID) error {
	if err := t.deleteOwnKeys(ctx, deviceID); err != nil {
		return err
	}
	if err := t.deleteKeys(ctx, jid); err != nil {
		return err
	}
	for _, statement := range []string{
		"UPDATE wuts_devices SET jid=NULL, status='logged_out', reason='linked_elsewhere' WHERE jid=$2 AND device_id<>$1",
		"UPDATE wuts_devices SET jid=$2, status='new', reason='' WHERE device_id=$1",
	} {
		if _, err := t.db.Exec(ctx, statement, deviceID, jid); err != nil {
			return err
		}
	}
	return nil
}
