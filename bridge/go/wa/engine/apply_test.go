package engine

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	waBinary "go.mau.fi/whatsmeow/binary"

	"wuts/sim/syncd"
)

// An archive with its pin costs one round trip and one version, is on the server as the phone reads
// it, and is reported once as this device's own.
func TestApplyTakesOneRoundTrip(t *testing.T) {
	r := newAccount(t, syncd.Options{}).link()
	outcome := r.mustApply(archiveWithPin(chat)...)
	if outcome.Version != 1 || outcome.Trips != 1 || outcome.Conflicts != 0 {
		t.Fatalf("outcome %+v", outcome)
	}
	if queries := r.wire.takeQueries(); queries != 1 {
		t.Fatalf("%d requests", queries)
	}
	changes := r.takeChanges()
	if len(changes) != 2 || !changes[0].Own || changes[0].Last || !changes[1].Last ||
		changes[1].Version != 1 || changes[0].Timestamp.IsZero() ||
		!slices.Equal(changes[0].Index, []string{"archive", chat.String()}) ||
		!changes[0].Value.GetArchiveChatAction().GetArchived() {
		t.Fatalf("changes %+v", changes)
	}
	view, err := r.account.book.View(string(low))
	if err != nil || len(view.Entries) != 2 || view.Entries[0].Author != 1 {
		t.Fatalf("view %+v, error %v", view, err)
	}
	r.mustAgree()
}

// Another device's patch in between costs one more trip, because the conflict's answer carries it.
func TestConflictIsRebased(t *testing.T) {
	a := newAccount(t, syncd.Options{})
	r := a.link()
	a.write(phoneArchives(chatNumber(1)))
	outcome := r.mustApply(archive(chat))
	if outcome.Version != 2 || outcome.Trips != 2 || outcome.Conflicts != 1 {
		t.Fatalf("outcome %+v", outcome)
	}
	changes := r.takeChanges()
	if len(changes) != 2 || changes[0].Own || !changes[1].Own {
		t.Fatalf("changes %+v", changes)
	}
	r.mustAgree()
}

// A conflict without patches, inside the answer or as the request's own error, is fetched and then
// retried.
func TestConflictWithoutPatchesIsFetched(t *testing.T) {
	for name, conflict := range map[string]disturbance{
		"inside the answer": refuse("409", "conflict"),
		"of the request":    answerError(409, "conflict"),
	} {
		t.Run(name, func(t *testing.T) {
			r := newAccount(t, syncd.Options{}).link()
			r.wire.next(conflict)
			outcome := r.mustApply(archive(chat))
			if outcome.Version != 1 || outcome.Conflicts != 1 || outcome.Trips != 3 {
				t.Fatalf("outcome %+v", outcome)
			}
			r.mustAgree()
		})
	}
}

// Who is overtaken every time until the deadline is told so, and that nothing was applied.
func TestEndlessConflicts(t *testing.T) {
	a := newAccount(t, syncd.Options{})
	r := a.link()
	writes := 0
	r.wire.setAlways(func(_ waBinary.Node, forward func() waBinary.Node) (waBinary.Node, error) {
		writes++
		a.write(phoneArchives(chatNumber(writes)))
		return forward(), nil
	})
	outcome, err := r.engine.Apply(r.context(300*time.Millisecond), low, archiveWithPin(chat))
	if !errors.Is(err, ErrConflict) || outcome.Conflicts == 0 {
		t.Errorf("outcome %+v, error %v", outcome, err)
	}
	r.wire.setAlways(nil)
	if outcome := r.mustApply(archive(chat)); outcome.Version != uint64(writes)+1 {
		t.Errorf("after %d writes of others the outcome is %+v", writes, outcome)
	}
	r.mustAgree()
}

// A patch that would probably not be answered in time is not sent again.
func TestNoTimeForAnotherTrip(t *testing.T) {
	u := &upload{trip: time.Minute}
	for left, late := range map[time.Duration]bool{time.Minute: true, time.Hour: false} {
		ctx, cancel := context.WithTimeout(t.Context(), left)
		if u.isLate(ctx) != late {
			t.Errorf("with %v left it is late: %v", left, !late)
		}
		cancel()
	}
}

// Serial writers succeed while the phone writes without pause, and all copies end up equal.
func TestManyForeignWriters(t *testing.T) {
	a := newAccount(t, syncd.Options{})
	r := a.link()
	r.run()
	r.wire.roundTrip = 5 * time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; sleep(ctx, 15*time.Millisecond) == nil; i++ {
			a.write(phoneArchives(chatNumber(1000 + i%50)))
		}
	}()
	for i := range 30 {
		r.mustApply(archive(chatNumber(i)))
	}
	cancel()
	<-done
	r.sync(low)
	r.mustAgree()
}

// Waiting for the device's turn ends with the deadline.
func TestTurnIsWaitedForWithDeadline(t *testing.T) {
	r := newAccount(t, syncd.Options{}).link()
	if err := r.engine.take(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer r.engine.giveBack()
	_, err := r.engine.Apply(r.context(10*time.Millisecond), low, archiveWithPin(chat))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("error %v", err)
	}
}

// What can't be one valid patch is refused before anything is sent.
func TestApplyRefusesBadRequests(t *testing.T) {
	r := newAccount(t, syncd.Options{}).link()
	huge := BuildPin(chat, true)
	huge.Index = append(huge.Index, string(bytes.Repeat([]byte("x"), MaxPatchBytes)))
	for _, bad := range []struct {
		want       error
		collection appstate.WAPatchName
		mutations  []appstate.MutationInfo
	}{
		{ErrDuplicateIndex, low, []appstate.MutationInfo{archive(chat), archive(chat)}},
		{ErrTooLarge, low, archives(MaxMutations + 1)},
		{ErrTooLarge, low, []appstate.MutationInfo{huge}},
		{ErrEmpty, low, nil},
		{ErrEmpty, low, []appstate.MutationInfo{{Index: []string{"archive"}}}},
		{ErrUnknownCollection, "irregular", archives(1)},
	} {
		_, err := r.engine.Apply(r.context(longWait), bad.collection, bad.mutations)
		if !errors.Is(err, bad.want) {
			t.Errorf("got %v, want %v", err, bad.want)
		}
	}
	if queries := r.wire.takeQueries(); queries != 0 {
		t.Fatalf("%d requests", queries)
	}
}

// A hundred mutations fit in one patch.
func TestHundredMutationsAreOnePatch(t *testing.T) {
	r := newAccount(t, syncd.Options{}).link()
	outcome := r.mustApply(archives(MaxMutations)...)
	if outcome.Version != 1 || outcome.Trips != 1 {
		t.Fatalf("outcome %+v", outcome)
	}
	r.mustAgree()
}

// If the server refuses one mutation of a patch, the others are accepted and only it is rejected.
func TestRefusedPatchIsHalved(t *testing.T) {
	r := newAccount(t, syncd.Options{}).link()
	r.wire.setAlways(refuseIndex(r.account.book, chatNumber(37).String()))
	outcome := r.mustApply(archives(MaxMutations)...)
	rejected := []Rejection{{Position: 37, Code: 400, Text: "bad-request"}}
	if !slices.Equal(outcome.Rejected, rejected) {
		t.Fatalf("outcome %+v", outcome)
	}
	if view, _ := r.account.book.View(string(low)); len(view.Entries) != 99 {
		t.Fatalf("%d entries", len(view.Entries))
	}
	r.mustAgree()
}

// A single refused mutation is the server's error and is not tried again.
func TestRefusedMutationFailsItsRequest(t *testing.T) {
	for _, code := range []int{400, 404, 405, 406} {
		r := newAccount(t, syncd.Options{}).link()
		r.wire.next(answerError(code, "refused"))
		outcome, err := r.apply(archive(chat))
		var refused *ServerError
		if !errors.As(err, &refused) || refused.Code != code || outcome.Trips != 1 ||
			len(outcome.Rejected) != 1 {
			t.Fatalf("outcome %+v, error %v", outcome, err)
		}
	}
}

// A passing error of the server ends the request with its code.
func TestPassingServerError(t *testing.T) {
	for _, disturb := range []disturbance{answerError(503, "later"), refuse("503", "later")} {
		r := newAccount(t, syncd.Options{}).link()
		r.wire.next(disturb)
		var refused *ServerError
		if _, err := r.apply(archive(chat)); !errors.As(err, &refused) || refused.Code != 503 {
			t.Fatalf("error %v", err)
		}
		r.mustApply(archive(chat))
		r.mustAgree()
	}
}

// An accepted patch whose answer names another version is fetched from the server, not trusted.
func TestOddAcceptanceIsFetched(t *testing.T) {
	r := newAccount(t, syncd.Options{}).link()
	r.wire.next(func(_ waBinary.Node, forward func() waBinary.Node) (waBinary.Node, error) {
		answer := forward()
		answer.GetChildren()[0].Attrs["version"] = "77"
		return answer, nil
	})
	if outcome := r.mustApply(archive(chat)); outcome.Version != 1 || outcome.Trips != 2 {
		t.Fatalf("outcome %+v", outcome)
	}
	if changes := r.takeChanges(); len(changes) != 1 || !changes[0].Own {
		t.Fatalf("changes %+v", changes)
	}
	r.mustAgree()
}

// A hundred goroutines that apply and sync at once all succeed, while the phone writes too.
func TestParallelCallsAllSucceed(t *testing.T) {
	a := newAccount(t, syncd.Options{})
	r := a.link()
	r.run()
	var group sync.WaitGroup
	for i := range 100 {
		group.Go(func() {
			switch i % 4 {
			case 0:
				if _, err := r.engine.Sync(r.context(longWait), low, i%8 == 0); err != nil {
					t.Error(err)
				}
			case 1:
				a.write(phoneArchives(chatNumber(i)))
			default:
				if _, err := r.apply(archiveWithPin(chatNumber(i))...); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	r.sync(low)
	r.mustAgree()
}

// refuseIndex refuses every patch that sets the archive of a chat.
func refuseIndex(book *syncd.Book, jid string) disturbance {
	bad := indexMAC(book.Keys()[0].Data, []byte(`["archive","`+jid+`"]`))
	return func(request waBinary.Node, forward func() waBinary.Node) (waBinary.Node, error) {
		for _, mutation := range uploaded(request).GetMutations() {
			if bytes.Equal(mutation.GetRecord().GetIndex().GetBlob(), bad) {
				return refusedAnswer(request, "400", "bad-request"), nil
			}
		}
		return forward(), nil
	}
}
