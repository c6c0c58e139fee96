package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"go.mau.fi/util/dbutil"
	"go.mau.fi/whatsmeow/appstate"
)

// rung is the step of the repair ladder that a collection stands on.
type rung string

const (
	rungFollow rung = "follow" // in order: incremental fetches
	rungFull   rung = "full"   // the stored copy is bad: a full sync comes before any write
	rungCopy   rung = "copy"   // the full sync did not verify: the phone was asked for its copy
	rungWedged rung = "wedged" // that did not help either, or may not be tried again yet
)

// record is what is kept about a collection beside whatsmeow's own version row. It is written in
// the transaction that writes that row.
type record struct {
	rung     rung
	version  uint64
	lastOK   time.Time // zero: never fetched
	triedAt  time.Time // when the present rung was last tried
	newestAt time.Time // the newest mutation's own time, as far as known
	copyAt   time.Time // when the phone was last asked for its copy; zero: never
}

func (r record) isFetched() bool { return !r.lastOK.IsZero() }

func (r record) state(awaitingKeys bool) State {
	switch {
	case r.rung == rungWedged:
		return StateWedged
	case r.rung == rungCopy:
		return StateAwaitingPhone
	case awaitingKeys:
		return StateAwaitingKeys
	case r.rung == rungFull || !r.isFetched():
		return StateSyncing
	default:
		return StateOK
	}
}

const (
	createRecords = `
		CREATE TABLE wuts_app_state (
			jid      TEXT,
			name     TEXT,
			rung     TEXT   NOT NULL,
			version  BIGINT NOT NULL,
			last_ok  BIGINT NOT NULL,
			tried_at BIGINT NOT NULL,

			PRIMARY KEY (jid, name),
			FOREIGN KEY (jid) REFERENCES whatsmeow_device(jid) ON DELETE CASCADE ON UPDATE CASCADE
		)`
	// whatsmeow looks rows up by index MAC, which its primary key does not lead with.
	createIndex = `
		CREATE INDEX wuts_app_state_by_index
		ON whatsmeow_app_state_mutation_macs (jid, name, index_mac, version)`
	addNewest = `ALTER TABLE wuts_app_state ADD COLUMN newest_at BIGINT NOT NULL DEFAULT 0`
	addCopy   = `ALTER TABLE wuts_app_state ADD COLUMN copy_at BIGINT NOT NULL DEFAULT 0`
	putRecord = `
		INSERT INTO wuts_app_state (jid, name, rung, version, last_ok, tried_at, newest_at, copy_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (jid, name) DO UPDATE SET rung=excluded.rung, version=excluded.version,
			last_ok=excluded.last_ok, tried_at=excluded.tried_at, newest_at=excluded.newest_at,
			copy_at=excluded.copy_at`
	getRecord = `
		SELECT rung, version, last_ok, tried_at, newest_at, copy_at
		FROM wuts_app_state WHERE jid=$1 AND name=$2`
)

// Upgrade creates the engine's own tables in a device store that whatsmeow's upgrade has run on.
func Upgrade(ctx context.Context, db *dbutil.Database) error {
	table := dbutil.BuildUpgradeTable().
		WithRaw(0, 1, 1, "Keep the state of collections", dbutil.TxnModeOn,
			execute(createRecords, createIndex)).
		WithRaw(1, 2, 1, "Keep the newest time and the phone's copy", dbutil.TxnModeOn,
			execute(addNewest, addCopy)).
		Finish()
	if err := db.Child("wuts_app_state_schema", table, nil).Upgrade(ctx); err != nil {
		return fmt.Errorf("upgrading the app-state tables: %w", err)
	}
	return nil
}

func execute(statements ...string) func(context.Context, *dbutil.Database) error {
	return func(ctx context.Context, db *dbutil.Database) error {
		for _, statement := range statements {
			if _, err := db.Exec(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	}
}

// loadRecord reads what is kept about a collection. A store filled by someone else has a version
// and no record: it counts as fetched.
func (e *Engine) loadRecord(ctx context.Context, name appstate.WAPatchName) (record, error) {
	stored := record{rung: rungFollow}
	var lastOK, triedAt, newestAt, copyAt int64
	err := e.options.DB.QueryRow(ctx, getRecord, e.jid, string(name)).
		Scan(&stored.rung, &stored.version, &lastOK, &triedAt, &newestAt, &copyAt)
	switch {
	case err == nil:
		stored.lastOK, stored.triedAt = fromMillis(lastOK), fromMillis(triedAt)
		stored.newestAt, stored.copyAt = fromMillis(newestAt), fromMillis(copyAt)
		return stored, nil
	case !errors.Is(err, sql.ErrNoRows):
		return record{}, fromStore(ctx, err)
	}
	version, _, err := e.store.GetAppStateVersion(ctx, string(name))
	if err == nil && version > 0 {
		stored.version, stored.lastOK = version, e.now()
	}
	return stored, nil
}

func (e *Engine) saveRecord(ctx context.Context, name appstate.WAPatchName, r record) error {
	_, err := e.options.DB.Exec(ctx, putRecord, e.jid, string(name), string(r.rung), r.version,
		toMillis(r.lastOK), toMillis(r.triedAt), toMillis(r.newestAt), toMillis(r.copyAt))
	return err
}

func fromMillis(millis int64) time.Time {
	if millis == 0 {
		return time.Time{}
	}
	return time.UnixMilli(millis)
}

func toMillis(at time.Time) int64 {
	if at.IsZero() {
		return 0
	}
	return at.UnixMilli()
}
