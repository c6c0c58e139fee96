package engine

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/appstate/lthash"
	"go.mau.fi/whatsmeow/store"
)

// deleteBatch bounds the parameters of one statement.
const deleteBatch = 400

const getLiveMACs = `
	SELECT index_mac, value_mac FROM whatsmeow_app_state_mutation_macs
	WHERE jid=$1 AND name=$2 ORDER BY version`

// state reads the version and hash that the next patch builds on.
func (e *Engine) state(
	ctx context.Context, name appstate.WAPatchName,
) (appstate.HashState, error) {
	version, hash, err := e.store.GetAppStateVersion(ctx, string(name))
	if err != nil {
		return appstate.HashState{}, fromStore(ctx, err)
	}
	return appstate.HashState{Version: version, Hash: hash}, nil
}

// commit stores what a scratch holds in one transaction, however late it is: the caller's deadline
// covers waiting, never this. An error may have come after the transaction: if the store then holds
// the version that was to be reached, it was. (A full copy proves nothing by its version.)
func (e *Engine) commit(ctx context.Context, c *collection, s *scratch) error {
	ctx = context.WithoutCancel(ctx)
	next := record{
		rung: rungFollow, version: s.state.Version, lastOK: e.now(), triedAt: e.now(),
		newestAt: c.record.newestAt, copyAt: c.record.copyAt,
	}
	err := e.options.DB.DoTxn(ctx, nil, func(ctx context.Context) error {
		if err := e.write(ctx, string(c.name), s); err != nil {
			return err
		}
		return e.saveRecord(ctx, c.name, next)
	})
	if err != nil {
		stored, readErr := e.state(ctx, c.name)
		if s.isFull() || readErr != nil || stored != s.state {
			e.options.Log.Error("app_state_commit_failed", "collection", c.name,
				"version", s.state.Version)
			return fromStore(ctx, err)
		}
	}
	c.record, c.isBehind = next, false
	return nil
}

// errMoved means that the stored version is not the one that was built on: the engine of an earlier
// connection has finished a commit of its own.
var errMoved = errors.New("the stored version has moved")

// write replaces the rows of each index that was written. Rows are keyed by version, too, and
// whatsmeow only ever adds to them.
func (e *Engine) write(ctx context.Context, name string, s *scratch) error {
	gone, live := s.differences()
	if err := e.clear(ctx, name, s); err != nil {
		return err
	}
	if s.isFull() {
		gone = nil
	}
	if s.state.Version == 0 {
		return nil
	}
	if err := e.store.PutAppStateVersion(ctx, name, s.state.Version, s.state.Hash); err != nil {
		return err
	}
	for batch := range slices.Chunk(gone, deleteBatch) {
		if err := e.store.DeleteAppStateMutationMACs(ctx, name, batch); err != nil {
			return err
		}
	}
	return e.store.PutAppStateMutationMACs(ctx, name, s.state.Version, live)
}

// clear makes way for a full copy, or makes sure that a difference still fits.
func (e *Engine) clear(ctx context.Context, name string, s *scratch) error {
	if s.isFull() {
		return e.store.DeleteAppStateVersion(ctx, name)
	}
	version, hash, err := e.store.GetAppStateVersion(ctx, name)
	if err == nil && (appstate.HashState{Version: version, Hash: hash}) != s.start {
		err = errMoved
	}
	return err
}

// verify runs the self check and sends a bad copy to the full sync.
func (e *Engine) verify(ctx context.Context, c *collection) error {
	sound, err := e.isSound(ctx, c)
	if err != nil || sound || c.record.rung != rungFollow {
		return err
	}
	e.options.Log.Warn("app_state_base_corrupt", "collection", c.name,
		"version", c.record.version)
	return e.climb(ctx, c, rungFull)
}

// isSound is the self check: the stored hash must be the sum of the live value MACs, and a version
// that was reached must not be gone.
func (e *Engine) isSound(ctx context.Context, c *collection) (bool, error) {
	macs, err := e.liveMACs(ctx, c.name)
	if err != nil {
		return false, fromStore(ctx, err)
	}
	version, hash, err := e.store.GetAppStateVersion(ctx, string(c.name))
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if err != nil || (version == 0 && c.record.version > 0) {
		return false, nil
	}
	var zero [128]byte
	sum := lthash.WAPatchIntegrity.SubtractThenAdd(zero[:], nil, macs)
	return bytes.Equal(sum, hash[:]), nil
}

// liveMACs returns the value MAC of the newest row of each index.
func (e *Engine) liveMACs(ctx context.Context, name appstate.WAPatchName) ([][]byte, error) {
	rows, err := e.options.DB.Query(ctx, getLiveMACs, e.jid, string(name))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	live := make(map[string][]byte)
	for rows.Next() {
		var row store.AppStateMutationMAC
		if err := rows.Scan(&row.IndexMAC, &row.ValueMAC); err != nil {
			return nil, err
		}
		live[string(row.IndexMAC)] = row.ValueMAC
	}
	macs := make([][]byte, 0, len(live))
	for _, mac := range live {
		macs = append(macs, mac)
	}
	return macs, rows.Err()
}

// climb moves a collection to another rung of the ladder and keeps that. It isn't undone by a store
// that fails: the check at the next start finds the same again.
func (e *Engine) climb(ctx context.Context, c *collection, to rung) error {
	c.record.rung, c.record.triedAt = to, e.now()
	err := e.saveRecord(context.WithoutCancel(ctx), c.name, c.record)
	e.publish(c, false)
	return fromStore(ctx, err)
}
