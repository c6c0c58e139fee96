package engine

import (
	"context"
	"slices"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/appstate"

	"wuts/sim/syncd"
)

// A notification that reaches the door makes the engine fetch.
func TestNotificationIsServed(t *testing.T) {
	a := newAccount(t, syncd.Options{})
	r := a.link()
	r.run()
	a.write(phoneArchives(chat))
	eventually(t, "the change is reported", func() bool { return len(r.takeChanges()) == 1 })
	r.mustAgree()
}

// A burst of notifications costs one fetch or few, not one each.
func TestNotificationsAreDebounced(t *testing.T) {
	a := newAccount(t, syncd.Options{})
	r := a.link()
	r.wire.roundTrip = 20 * time.Millisecond
	r.run()
	for i := range 200 {
		a.write(phoneArchives(chatNumber(i)))
	}
	total := 0
	eventually(t, "all changes are reported", func() bool {
		total += len(r.takeChanges())
		return total == 200
	})
	if queries := r.wire.takeQueries(); queries > 50 {
		t.Fatalf("%d requests", queries)
	}
}

// A connection that comes up makes the engine fetch what was never fetched, and nothing that is in
// order; without one it doesn't try.
func TestConnectedSyncsWhatIsPending(t *testing.T) {
	a := newAccount(t, syncd.Options{})
	r := newRig(t, a, t.TempDir()+"/device.db")
	r.shareKeys()
	r.wire.setConnected(false)
	r.run()
	r.engine.Connected()
	r.engine.poke(low)
	r.engine.poke("irregular")
	r.wire.setConnected(true)
	r.engine.Connected()
	eventually(t, "everything is in order", func() bool { return inOrder(r) })
	if queries := r.wire.takeQueries(); queries != len(appstate.AllPatchNames) {
		t.Fatalf("%d requests", queries)
	}
	r.engine.Connected()
	r.engine.poke(low)
	eventually(t, "one collection is fetched", func() bool { return r.wire.takeQueries() == 1 })
}

// A sync that fails is tried again without a new notification.
func TestFailedSyncIsRetried(t *testing.T) {
	a := newAccount(t, syncd.Options{})
	r := a.link()
	a.write(phoneArchives(chat))
	r.wire.next(answerError(500, "later"))
	r.run()
	r.engine.poke(low)
	eventually(t, "the change is reported", func() bool { return len(r.takeChanges()) == 1 })
}

// Run finds a damaged copy at its start and says so, before anybody writes.
func TestRunChecksAtStart(t *testing.T) {
	r := prepared(t)
	r.mustExec(damagedHash, string(low))
	r = newRig(t, r.account, r.path)
	r.run()
	eventually(t, "the damage is found", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return slices.ContainsFunc(r.statuses, func(s Status) bool {
			return s.Name == low && s.State == StateSyncing
		})
	})
	r.engine.Connected()
	eventually(t, "the damage is repaired", func() bool { return inOrder(r) })
	r.mustAgree()
}

// The first thing that is told of a collection is what its store has, and it is told once.
func TestLoadedComesFirst(t *testing.T) {
	r := prepared(t)
	stored := r.mustApply(archiveWithPin(chat)...).Version
	r = newRig(t, r.account, r.path)
	r.account.write(phoneArchives(chat))
	r.run()
	r.engine.poke(low)
	eventually(t, "the change is reported", func() bool { return len(r.takeChanges()) == 1 })
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, name := range appstate.AllPatchNames {
		told := slices.DeleteFunc(slices.Clone(r.statuses), func(s Status) bool { return s.Name != name })
		if !told[0].Loaded || (name == low && told[0].Version != stored) {
			t.Errorf("%s: the first status is %+v", name, told[0])
		}
		if slices.ContainsFunc(told[1:], func(s Status) bool { return s.Loaded }) {
			t.Errorf("%s is told to be loaded again: %+v", name, told)
		}
	}
}

// Run ends with its context while it waits for a retry.
func TestRunEnds(t *testing.T) {
	r := newAccount(t, syncd.Options{}).link()
	r.wire.setAlways(answerError(500, "later"))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.engine.Run(ctx)
	}()
	r.engine.poke(low)
	eventually(t, "a sync failed", func() bool { return r.wire.takeQueries() > 0 })
	cancel()
	<-done
}

// Statuses answers while a patch is in flight.
func TestStatusesDontWait(t *testing.T) {
	r := newAccount(t, syncd.Options{}).link()
	if err := r.engine.take(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer r.engine.giveBack()
	statuses, err := r.engine.Statuses(r.context(longWait))
	if err != nil || len(statuses) != len(appstate.AllPatchNames) {
		t.Fatalf("statuses %+v, error %v", statuses, err)
	}
	for _, status := range statuses {
		if status.State != StateOK || status.LastOK.IsZero() {
			t.Errorf("status %+v", status)
		}
	}
}

func inOrder(r *rig) bool {
	statuses, err := r.engine.Statuses(context.Background())
	return err == nil && !slices.ContainsFunc(statuses, func(s Status) bool {
		return s.State != StateOK
	})
}
