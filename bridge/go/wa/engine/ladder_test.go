package engine

import (
	"errors"
	"testing"

	"wuts/sim/syncd"
)

// Patches damaged on the way are fetched again; damage that stays leads to the phone being asked and,
// if that does not help, to wedged, which refuses writes until a full sync succeeds.
func TestLadder(t *testing.T) {
	a := newAccount(t, syncd.Options{})
	r := a.link()
	a.write(phoneArchives(chatNumber(1)))
	r.wire.next(corruptPatches)
	r.sync(low)
	r.mustAgree()

	a.write(phoneArchives(chatNumber(2)))
	r.wire.next(corruptPatches, corruptPatches)
	r.sync(low)
	r.mustAgree()

	a.write(phoneArchives(chatNumber(3)))
	r.wire.setAlways(corruptPatches)
	if _, err := r.engine.Sync(r.context(longWait), low, false); !errors.Is(err, ErrAwaitingPhone) {
		t.Fatalf("error %v", err)
	}
	r.at(copyWait)
	r.wire.takeQueries()
	if _, err := r.apply(archive(chat)); !errors.Is(err, ErrBroken) || r.state(low) != StateWedged {
		t.Fatalf("state %s, error %v", r.state(low), err)
	}
	if queries := r.wire.takeQueries(); queries != 0 {
		t.Fatalf("%d requests", queries)
	}
	r.wire.setAlways(nil)
	_, err := r.engine.Sync(r.context(longWait), low, true)
	if err != nil || r.state(low) != StateOK {
		t.Fatalf("state %s, error %v", r.state(low), err)
	}
	r.mustApply(archive(chat))
	r.mustAgree()
}

// A conflict whose patches are damaged is repaired by a fetch.
func TestDamagedConflictIsFetched(t *testing.T) {
	a := newAccount(t, syncd.Options{})
	r := a.link()
	a.write(phoneArchives(chatNumber(1)))
	r.wire.next(corruptPatches)
	if outcome := r.mustApply(archive(chat)); outcome.Version != 2 || outcome.Trips != 3 {
		t.Fatalf("outcome %+v", outcome)
	}
	r.mustAgree()
}

// A wedged collection is tried again after a pause, without being asked.
func TestWedgedIsTriedAgainAfterPause(t *testing.T) {
	a := newAccount(t, syncd.Options{})
	r := a.link()
	a.write(phoneArchives(chatNumber(1)))
	r.wire.setAlways(corruptPatches)
	if _, err := r.apply(archive(chat)); !errors.Is(err, ErrAwaitingPhone) {
		t.Fatalf("error %v", err)
	}
	r.at(copyWait)
	if _, err := r.apply(archive(chat)); !errors.Is(err, ErrBroken) {
		t.Fatalf("error %v", err)
	}
	r.wire.setAlways(nil)
	r.at(copyWait + wedgedPause)
	r.mustApply(archive(chat))
	r.mustAgree()
}

// A stored copy that is ahead of the server is thrown away for the server's.
func TestCopyAheadOfServerIsReplaced(t *testing.T) {
	a := newAccount(t, syncd.Options{})
	r := a.link()
	r.mustApply(archive(chat))
	r.mustExec(`UPDATE whatsmeow_app_state_version SET version=9 WHERE name=$1`, string(low))
	r.mustApply(archive(chat))
	r.mustAgree()
	violations := r.wire.takeViolations()
	if len(violations) != 1 || violations[0].Kind != "version_ahead" {
		t.Fatalf("violations %v", violations)
	}
}

// A fetch that the server refuses is its error; before the first success writing is not ready.
func TestRefusedFirstFetch(t *testing.T) {
	r := newRig(t, newAccount(t, syncd.Options{}), t.TempDir()+"/device.db")
	r.shareKeys()
	r.wire.next(answerError(503, "later"), refuse("500", "later"))
	var refused *ServerError
	if _, err := r.engine.Sync(r.context(longWait), low, false); !errors.As(err, &refused) {
		t.Fatalf("error %v", err)
	}
	if _, err := r.apply(archive(chat)); !errors.Is(err, ErrNotFetched) {
		t.Fatalf("error %v", err)
	}
	if state := r.state(low); state != StateSyncing {
		t.Fatalf("state %s", state)
	}
	r.mustApply(archive(chat))
	r.mustAgree()
}
