package engine

import (
	"context"
	"errors"
	"testing"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"

	"wuts/sim/syncd"
)

// If the server applied the patch and the answer is lost, it is found: one version is used.
func TestLostAnswerIsFound(t *testing.T) {
	r := newAccount(t, syncd.Options{}).link()
	r.wire.next(loseAnswer)
	outcome := r.mustApply(archive(chat))
	if outcome.Version != 1 || outcome.Trips != 2 {
		t.Fatalf("outcome %+v", outcome)
	}
	if changes := r.takeChanges(); len(changes) != 1 || !changes[0].Own {
		t.Fatalf("changes %+v", changes)
	}
	r.mustAgree()
}

// A successful answer that does not name the collection is as good as a lost one: the patch is looked
// for, and found.
func TestAnswerWithoutCollection(t *testing.T) {
	r := newAccount(t, syncd.Options{}).link()
	r.wire.next(func(_ waBinary.Node, forward func() waBinary.Node) (waBinary.Node, error) {
		forward()
		return waBinary.Node{Tag: "sync"}, nil
	})
	if outcome := r.mustApply(archive(chat)); outcome.Version != 1 || outcome.Trips != 2 {
		t.Fatalf("outcome %+v", outcome)
	}
	r.mustAgree()
}

// A patch that never reached the server is sent again.
func TestLostRequestIsSentAgain(t *testing.T) {
	r := newAccount(t, syncd.Options{}).link()
	r.wire.next(loseRequest)
	if outcome := r.mustApply(archive(chat)); outcome.Version != 1 || outcome.Trips != 3 {
		t.Fatalf("outcome %+v", outcome)
	}
	r.mustAgree()
}

// After a cut the search waits for the connection to come back.
func TestSearchWaitsForConnection(t *testing.T) {
	r := newAccount(t, syncd.Options{}).link()
	r.wire.next(func(n waBinary.Node, forward func() waBinary.Node) (waBinary.Node, error) {
		r.wire.setConnected(false)
		go func() {
			r.wire.setConnected(true)
			r.engine.Connected()
		}()
		return loseAnswer(n, forward)
	})
	if outcome := r.mustApply(archive(chat)); outcome.Version != 1 {
		t.Fatalf("outcome %+v", outcome)
	}
	r.mustAgree()
}

// If the patch turns up in a later conflict, the request succeeds without being applied twice.
func TestLatePatchIsFoundInConflict(t *testing.T) {
	r := newAccount(t, syncd.Options{}).link()
	var late func() waBinary.Node
	r.wire.next(
		func(n waBinary.Node, forward func() waBinary.Node) (waBinary.Node, error) {
			late = forward
			return loseRequest(n, forward)
		},
		func(_ waBinary.Node, forward func() waBinary.Node) (waBinary.Node, error) {
			answer := forward()
			late()
			return answer, nil
		},
	)
	outcome := r.mustApply(archive(chat))
	if outcome.Version != 1 || outcome.Conflicts != 1 {
		t.Fatalf("outcome %+v", outcome)
	}
	r.mustAgree()
}

// A lost answer that can't be looked up by the deadline is an unknown outcome; the next sync tells.
func TestUnknownOutcomeAtDeadline(t *testing.T) {
	r := newAccount(t, syncd.Options{}).link()
	r.wire.next(func(n waBinary.Node, forward func() waBinary.Node) (waBinary.Node, error) {
		r.wire.setConnected(false)
		return loseAnswer(n, forward)
	})
	_, err := r.engine.Apply(r.context(100*time.Millisecond), low, archiveWithPin(chat))
	if !errors.Is(err, ErrUnknownOutcome) || errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("error %v", err)
	}
	r.wire.setConnected(true)
	r.sync(low)
	if changes := r.takeChanges(); len(changes) != 2 {
		t.Fatalf("changes %+v", changes)
	}
	r.mustAgree()
}

// Without a connection nothing is sent, and the error is the deadline's or says so.
func TestNotConnected(t *testing.T) {
	r := newAccount(t, syncd.Options{}).link()
	r.wire.setConnected(false)
	_, err := r.engine.Apply(r.context(30*time.Millisecond), low, archiveWithPin(chat))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("error %v", err)
	}
	err = r.engine.awaitConnection(t.Context(), time.Millisecond)
	if !errors.Is(err, ErrNotConnected) {
		t.Fatalf("error %v", err)
	}
	if queries := r.wire.takeQueries(); queries != 0 {
		t.Fatalf("%d requests", queries)
	}
}
