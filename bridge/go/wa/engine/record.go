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
	rungWedged rung = "wedged" // the full sync did not verify either
)

// record is what is kept about a collection beside whatsmeow's own version row. It is written in
// the transaction that writes that row.
type record struct {
	rung    rung
	version uint64
	lastOK  time.Time // zero: never fetched
	triedAt time.Time // when the present rung was last tried
}

func (r record) isFetched() bool { return !r.lastOK.IsZero() }

func (r record) state(awaitingKeys bool) State {
	switch {
	case r.rung == rungWedged:
		return StateWedged
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
	putRecord = `
		INSERT INTO wuts_app_state (jid, name, rung, version, last_ok, tried_at)
		VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (jid, name) DO UPDATE SET rung=excluded.rung, version=excluded.version,
			last_ok=excluded.last_ok, tried_at=excluded.tried_at`
	getRecord = `
		SELECT rung, version, last_ok, tried_at FROM wuts_app_state WHERE jid=$1 AND name=$2`
)

// Upgrade creates the engine's own tables in a device store that whatsmeow's upgrade has run on.
func Upgrade(ctx context.Context, db *dbutil.Database) error {
	table := dbutil.BuildUpgradeTable().WithRaw(
		0, 1, 1, "Keep the state of collections", dbutil.TxnModeOn,
		func(ctx context.Context, db *dbutil.Database) error {
			if _, err := db.Exec(ctx, createRecords); err != nil {
				return err
			}
			_, err := db.Exec(ctx, createIndex)
			return err
		}).Finish()
	if err := db.Child("wuts_app_state_schema", table, nil).Upgrade(ctx); err != nil {
		return fmt.Errorf("upgrading the app-state tables: %w", err)
	}
	return nil
}

// loadRecord reads what is kept about a collection. A store filled by someone else has a version
// and no record: it counts as fetched.
func (e *Engine) loadRecord(ctx context.Context, name appstate.WAPatchName) (record, error) {
	stored := record{rung: rungFollow}
	var lastOK, triedAt int64
	err := e.options.DB.QueryRow(ctx, getRecord, e.jid, string(name)).
		Scan(&stored.rung, &stored.version, &lastOK, &triedAt)
	switch {
	case err == nil:
		stored.lastOK, stored.triedAt = fromMillis(lastOK), fromMillis(triedAt)
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
		toMillis(r.lastOK), toMillis(r.triedAt))
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
