package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"wuts/sim/syncd"
)

// Environment of the child process that kills itself in the middle of a commit.
const (
	envStore = "WUTS_TEST_KILL_STORE"
	envStep  = "WUTS_TEST_KILL_STEP"
)

// Damage that the self check has to find.
const (
	damagedHash = `UPDATE whatsmeow_app_state_version SET hash=randomblob(128) WHERE name=$1`
	damagedMAC  = `UPDATE whatsmeow_app_state_mutation_macs SET value_mac=randomblob(32)
		WHERE name=$1`
)

// firstOfCommit is the first step that belongs to a commit: before it the engine has noted the time of
// what it is about to send.
const firstOfCommit = 2

var errStep = errors.New("step failed")

// atStep runs an action before the given step of the write transactions to come; it returns how
// many steps there were when it is undone.
func atStep(step int, action func() error) (undo func() int) {
	var mu sync.Mutex
	seen := 0
	before := func(string) error {
		mu.Lock()
		defer mu.Unlock()
		seen++
		if seen == step {
			return action()
		}
		return nil
	}
	beforeStep.Store(&before)
	return func() int {
		beforeStep.Store(nil)
		mu.Lock()
		defer mu.Unlock()
		return seen
	}
}

// prepared is a device with some history, so that a commit replaces rows as well as adding them.
func prepared(t *testing.T) *rig {
	t.Helper()
	r := newAccount(t, syncd.Options{}).link()
	r.mustApply(archiveWithPin(chat)...)
	r.takeChanges()
	return r
}

// stepsOfCommit counts the steps of the commit that archiveWithPin makes on a prepared device.
func stepsOfCommit(t *testing.T) int {
	t.Helper()
	r := prepared(t)
	undo := atStep(0, nil)
	r.mustApply(archiveWithPin(chat)...)
	return undo()
}

// Wherever the commit of an accepted patch fails, the request succeeds, the store is unharmed, and
// the next fetch brings the patch and reports it.
func TestFailedCommitIsRepaired(t *testing.T) {
	steps := stepsOfCommit(t)
	if steps < 5 {
		t.Fatalf("only %d steps", steps)
	}
	for step := firstOfCommit; step <= steps; step++ {
		t.Run(fmt.Sprintf("step %d", step), func(t *testing.T) {
			r := prepared(t)
			undo := atStep(step, func() error { return errStep })
			outcome := r.mustApply(archiveWithPin(chat)...)
			undo()
			if outcome.Version != 2 || len(r.takeChanges()) != 0 {
				t.Fatalf("outcome %+v", outcome)
			}
			r.mustBeSound()
			r.sync(low)
			if changes := r.takeChanges(); len(changes) != 2 {
				t.Fatalf("changes %+v", changes)
			}
			r.mustAgree()
		})
	}
}

// Wherever the deadline strikes in a commit, the commit is finished.
func TestCancelledCommitIsFinished(t *testing.T) {
	for step := firstOfCommit; step <= stepsOfCommit(t); step++ {
		t.Run(fmt.Sprintf("step %d", step), func(t *testing.T) {
			r := prepared(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			undo := atStep(step, func() error {
				cancel()
				return nil
			})
			outcome, err := r.engine.Apply(ctx, low, archiveWithPin(chat))
			undo()
			if err != nil || outcome.Version != 2 || len(r.takeChanges()) != 2 {
				t.Fatalf("outcome %+v, error %v", outcome, err)
			}
			r.mustAgree()
		})
	}
}

// Wherever the process is killed in a commit, the store that is left passes the self check, and
// the next fetch brings the patch.
func TestKilledCommitLeavesSoundStore(t *testing.T) {
	for step := firstOfCommit; step <= stepsOfCommit(t); step++ {
		t.Run(fmt.Sprintf("step %d", step), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "device.db")
			a := newAccount(t, syncd.Options{})
			child := exec.Command(os.Args[0], "-test.run=^TestKillChild$")
			child.Env = append(os.Environ(), envStore+"="+path, envStep+"="+strconv.Itoa(step))
			output, err := child.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) ||
				exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				t.Fatalf("child ended with %v: %s", err, output)
			}
			book, err := os.ReadFile(path + ".book")
			if err != nil {
				t.Fatal(err)
			}
			if err := a.book.UnmarshalJSON(book); err != nil {
				t.Fatal(err)
			}
			r := newRig(t, a, path)
			r.mustBeSound()
			r.sync(low)
			r.mustAgree()
		})
	}
}

// The child of TestKilledCommitLeavesSoundStore: it is killed at one step of a commit.
func TestKillChild(t *testing.T) {
	path := os.Getenv(envStore)
	if path == "" {
		t.Skip("only runs as a child process")
	}
	step, err := strconv.Atoi(os.Getenv(envStep))
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, newAccount(t, syncd.Options{}), path)
	r.shareKeys()
	r.mustApply(archiveWithPin(chat)...)
	atStep(step, func() error {
		book, err := r.account.book.MarshalJSON()
		if err == nil {
			err = os.WriteFile(path+".book", book, 0o600)
		}
		if err == nil {
			err = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
		if err != nil {
			t.Error(err)
		}
		select {}
	})
	r.mustApply(archiveWithPin(chat)...)
}

// A damaged copy is found by the self check when it is first opened, and fetched anew before a
// patch is built on it.
func TestDamagedCopyIsRepairedBeforeWrite(t *testing.T) {
	for name, damage := range map[string]string{
		"a value MAC":       damagedMAC,
		"a row too few":     `DELETE FROM whatsmeow_app_state_mutation_macs WHERE name=$1`,
		"the hash":          damagedHash,
		"the version":       `UPDATE whatsmeow_app_state_version SET version=0 WHERE name=$1`,
		"no version at all": `DELETE FROM whatsmeow_app_state_version WHERE name=$1`,
	} {
		t.Run(name, func(t *testing.T) {
			r := prepared(t)
			r.mustExec(damage, string(low))
			r = newRig(t, r.account, r.path)
			outcome := r.mustApply(archive(chatNumber(1)))
			if outcome.Version != 2 || outcome.Trips != 2 {
				t.Fatalf("outcome %+v", outcome)
			}
			r.mustAgree()
		})
	}
}

// Damage that happens while the engine runs is found when the server refuses the patch for it.
func TestDamageIsFoundAfterRefusal(t *testing.T) {
	r := prepared(t)
	r.mustExec(damagedMAC, string(low))
	if outcome := r.mustApply(archiveWithPin(chat)...); outcome.Version != 2 {
		t.Fatalf("outcome %+v", outcome)
	}
	if violations := r.wire.takeViolations(); len(violations) == 0 {
		t.Fatal("the server did not notice")
	}
	r.mustAgree()
}

// A commit that an earlier engine of the device finishes late doesn't overwrite a newer version.
func TestLateCommitIsRefused(t *testing.T) {
	r := prepared(t)
	former := r.engine
	late, err := former.encode(t.Context(), former.collections[low], archiveWithPin(chatNumber(1)))
	if err != nil {
		t.Fatal(err)
	}
	r.start()
	r.mustApply(archive(chat))
	err = former.commit(t.Context(), former.collections[low], late.scratch)
	if !errors.Is(err, errMoved) {
		t.Fatalf("error %v", err)
	}
	r.mustAgree()
}

// Writing one chat many times keeps one row an index.
func TestOldRowsArePruned(t *testing.T) {
	r := prepared(t)
	for range 30 {
		r.mustApply(archiveWithPin(chat)...)
	}
	rows := r.count(`SELECT COUNT(*) FROM whatsmeow_app_state_mutation_macs WHERE name='regular_low'`)
	if rows != 2 {
		t.Fatalf("%d rows", rows)
	}
	r.mustAgree()
}

// A store that fails is its own error, and nothing is sent.
func TestFailingStoreIsReported(t *testing.T) {
	r := prepared(t)
	r.wire.takeQueries()
	if err := r.db.RawDB.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.apply(archive(chat)); !errors.Is(err, ErrStorage) {
		t.Fatalf("error %v", err)
	}
	if queries := r.wire.takeQueries(); queries != 0 {
		t.Fatalf("%d requests", queries)
	}
}

// The rung of the ladder and the version are kept over a restart, and go with the device.
func TestRecordSurvivesRestart(t *testing.T) {
	r := prepared(t)
	r.account.write(phoneArchives(chat))
	r.wire.setAlways(corruptPatches)
	if _, err := r.engine.Sync(r.context(longWait), low, false); !errors.Is(err, ErrAwaitingPhone) {
		t.Fatalf("error %v", err)
	}
	again := newRig(t, r.account, r.path)
	if state := again.state(low); state != StateAwaitingPhone {
		t.Fatalf("state %s", state)
	}
	if err := again.device.Delete(t.Context()); err != nil {
		t.Fatal(err)
	}
	if rows := again.count(`SELECT COUNT(*) FROM wuts_app_state`); rows != 0 {
		t.Fatalf("%d rows", rows)
	}
}

// A store that was filled by whatsmeow alone is taken over without a full sync.
func TestForeignStoreIsTakenOver(t *testing.T) {
	r := prepared(t)
	r.mustExec(`DELETE FROM wuts_app_state`)
	r = newRig(t, r.account, r.path)
	if outcome := r.mustApply(archive(chat)); outcome.Version != 2 || outcome.Trips != 1 {
		t.Fatalf("outcome %+v", outcome)
	}
	r.mustAgree()
}

// Upgrade can be repeated, and its index serves the lookup that whatsmeow makes for each mutation.
func TestUpgradeIsRepeatable(t *testing.T) {
	r := prepared(t)
	if err := Upgrade(t.Context(), r.db); err != nil {
		t.Fatal(err)
	}
	var plan, ignored string
	err := r.db.QueryRow(t.Context(), `EXPLAIN QUERY PLAN SELECT value_mac
		FROM whatsmeow_app_state_mutation_macs WHERE jid=$1 AND name=$2 AND index_mac=$3
		ORDER BY version DESC LIMIT 1`, "", "", []byte{}).Scan(&ignored, &ignored, &ignored, &plan)
	if err != nil || !strings.Contains(plan, "wuts_app_state_by_index") {
		t.Fatalf("plan %q, error %v", plan, err)
	}
}
