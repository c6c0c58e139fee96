package engine

import (
	"context"
	"errors"
	"testing"
	"time"

	"wuts/sim/syncd"
)

// A clock that is set back makes no mutation older than one of the phone's or an own one before it,
// also in the next process; a time beyond all reason is not followed.
func TestClockSetBack(t *testing.T) {
	a := newAccount(t, syncd.Options{})
	r := a.link()
	ahead := phoneArchives(chat)
	ahead.TimestampMS = time.Now().Add(24 * time.Hour).UnixMilli()
	absurd := phoneArchives(chatNumber(1))
	absurd.TimestampMS = endOfTime.Add(time.Hour).UnixMilli()
	a.write(ahead, absurd)
	r.sync(low)
	last := ahead.TimestampMS
	for _, back := range []time.Duration{0, -time.Hour, -24 * 365 * time.Hour} {
		r.start()
		r.at(back)
		r.takeChanges()
		r.mustApply(archive(chat))
		at := r.takeChanges()[0].Timestamp.UnixMilli()
		if at <= last || at > last+1000 {
			t.Errorf("%d comes %d ms after %d", at, at-last, last)
		}
		last = at
	}
	r.mustAgree()
}

// A store that can't be written is known before anything is sent.
func TestUnwritableStoreSendsNothing(t *testing.T) {
	r := prepared(t)
	r.wire.takeQueries()
	undo := atStep(1, func() error { return errStep })
	_, err := r.apply(archive(chat))
	undo()
	if !errors.Is(err, ErrStorage) || r.wire.takeQueries() != 0 {
		t.Fatalf("error %v", err)
	}
	r.mustApply(archive(chat))
	r.mustAgree()
}

// A deadline that comes while a healthy store takes a record is the deadline, not the store's failure.
func TestDeadlineMeetsTheStore(t *testing.T) {
	r := prepared(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := r.engine.intend(ctx, r.engine.collections[low], time.Now())
	if !errors.Is(err, context.Canceled) || errors.Is(err, ErrStorage) {
		t.Fatalf("error %v", err)
	}
}

// A read-only store is one, and a locked one is given up on when the deadline comes.
func TestReadOnlyAndLockedStores(t *testing.T) {
	r := prepared(t)
	r.wire.takeQueries()
	blocker, err := r.db.RawDB.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = blocker.Close() }()
	if _, err := blocker.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = r.engine.Apply(ctx, low, archives(1))
	if !errors.Is(err, ErrStorage) || errors.Is(err, context.DeadlineExceeded) || r.wire.takeQueries() != 0 {
		t.Fatalf("locked: error %v", err)
	}
	if _, err := blocker.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	r.db.RawDB.SetMaxOpenConns(1)
	_ = blocker.Close()
	r.mustExec("PRAGMA query_only=on")
	if _, err := r.apply(archive(chat)); !errors.Is(err, ErrStorage) || r.wire.takeQueries() != 0 {
		t.Fatalf("read-only: error %v", err)
	}
	r.mustExec("PRAGMA query_only=off")
	r.mustApply(archive(chat))
}

// Once a full disk has kept an accepted patch from being stored, nothing more is sent until there is
// room; then the device catches up by itself.
func TestFullStoreStopsWriting(t *testing.T) {
	r := prepared(t)
	r.db.RawDB.SetMaxOpenConns(1)
	r.mustExec("PRAGMA max_page_count=1") // SQLite takes the present number of pages
	for full, tries := false, 0; !full; tries++ {
		_, err := r.apply(archives(MaxMutations)[tries%2:]...)
		full = errors.Is(err, ErrStorage)
		if !full && (err != nil || tries > 2) {
			t.Fatalf("after %d tries: %v", tries, err)
		}
	}
	_, before, err := r.account.book.Hash(string(low))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.apply(archive(chatNumber(7))); !errors.Is(err, ErrStorage) {
		t.Fatalf("error %v", err)
	}
	if _, after, _ := r.account.book.Hash(string(low)); after != before {
		t.Errorf("version %d became %d", before, after)
	}
	r.mustExec("PRAGMA max_page_count=1000000")
	r.mustApply(archive(chatNumber(7)))
	r.mustAgree()
}
