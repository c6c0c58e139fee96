package engine

import (
	"errors"
	"slices"
	"strings"
	"testing"

	waBinary "go.mau.fi/whatsmeow/binary"

	"wuts/sim/syncd"
)

// A foreign patch is reported in order and once, and the stored copy follows.
func TestSyncFollowsTheServer(t *testing.T) {
	a := newAccount(t, syncd.Options{})
	r := a.link()
	a.write(phoneArchives(chatNumber(1)), phoneArchives(chatNumber(2)))
	a.write(phoneArchives(chatNumber(3)))
	r.sync(low)
	r.sync(low)
	var told []string
	for _, change := range r.takeChanges() {
		told = append(told, change.Index[1])
		if change.Own || change.Full || change.Last != (change.Index[1] != chatNumber(1).String()) {
			t.Errorf("change %+v", change)
		}
	}
	want := []string{chatNumber(1).String(), chatNumber(2).String(), chatNumber(3).String()}
	if !slices.Equal(told, want) {
		t.Fatalf("told %v", told)
	}
	r.mustAgree()
}

// Patches that come in pages are all taken, in a first fetch, an incremental one and a conflict.
func TestPaging(t *testing.T) {
	a := newAccount(t, syncd.Options{PageSize: 2})
	for i := range 7 {
		a.write(phoneArchives(chatNumber(i)))
	}
	r := a.link()
	r.mustAgree()
	for i := range 5 {
		a.write(phoneArchives(chatNumber(10 + i)))
	}
	r.sync(low)
	r.mustAgree()
	for i := range 5 {
		a.write(phoneArchives(chatNumber(20 + i)))
	}
	if outcome := r.mustApply(archive(chat)); outcome.Version != 18 {
		t.Fatalf("outcome %+v", outcome)
	}
	r.mustAgree()
}

// A server that keeps announcing more pages without sending any doesn't hold the engine.
func TestPageWithoutNewsIsAnError(t *testing.T) {
	r := newAccount(t, syncd.Options{}).link()
	r.wire.setAlways(func(_ waBinary.Node, forward func() waBinary.Node) (waBinary.Node, error) {
		answer := forward()
		answer.GetChildren()[0].Attrs["has_more_patches"] = "true"
		return answer, nil
	})
	for _, full := range []bool{false, true} {
		if _, err := r.engine.Sync(r.context(longWait), low, full); !errors.Is(err, ErrBadAnswer) {
			t.Fatalf("error %v", err)
		}
	}
}

// A removal by the phone is reported as such, and the removed index is not in a full sync.
func TestRemovalIsReported(t *testing.T) {
	a := newAccount(t, syncd.Options{})
	r := a.link()
	r.mustApply(archiveWithPin(chat)...)
	r.takeChanges()
	a.write(phoneRemoves("pin_v1", chat.String()))
	r.sync(low)
	changes := r.takeChanges()
	if len(changes) != 1 || !changes[0].Remove || changes[0].Index[0] != "pin_v1" {
		t.Fatalf("changes %+v", changes)
	}
	if _, err := r.engine.Sync(r.context(longWait), low, true); err != nil {
		t.Fatal(err)
	}
	for _, change := range r.takeChanges() {
		if !change.Full || change.Remove != (change.Index[0] == "pin_v1") {
			t.Errorf("change %+v", change)
		}
	}
	r.mustAgree()
}

// Indexes that make whatsmeow panic are survived and don't keep others from being reported.
func TestPanickingIndexesAreSurvived(t *testing.T) {
	a := newAccount(t, syncd.Options{})
	r := a.link()
	for _, index := range [][]string{{}, {"label_edit"}, {"archive"}} {
		mutation := phoneArchives(chat)
		mutation.Index = index
		a.write(mutation)
	}
	a.write(phoneArchives(chat))
	r.sync(low)
	if changes := r.takeChanges(); len(changes) != 4 {
		t.Fatalf("changes %+v", changes)
	}
	r.mustApply(archive(chatNumber(1)))
	r.mustAgree()
}

// A change handler that panics stops neither the other changes nor the commit.
func TestPanickingHandlerIsSurvived(t *testing.T) {
	r := newAccount(t, syncd.Options{}).link()
	r.onChange = func(Change) { panic("handler") }
	r.mustApply(archiveWithPin(chat)...)
	if changes := r.takeChanges(); len(changes) != 2 {
		t.Fatalf("changes %+v", changes)
	}
	r.mustAgree()
}

// Two devices and the phone that write to one collection end with equal hashes.
func TestDevicesConverge(t *testing.T) {
	a := newAccount(t, syncd.Options{})
	first, second := a.link(), a.link()
	first.run()
	second.run()
	done := make(chan struct{}, 2)
	for _, r := range []*rig{first, second} {
		go func() {
			for i := range 25 {
				if _, err := r.apply(archiveWithPin(chatNumber(i))...); err != nil {
					t.Error(err)
				}
			}
			done <- struct{}{}
		}()
	}
	for i := range 25 {
		a.write(phoneArchives(chatNumber(i)), phoneRemoves("pin_v1", chatNumber(i).String()))
	}
	<-done
	<-done
	first.sync(low)
	second.sync(low)
	first.mustAgree()
	second.mustAgree()
}

// No error of the engine names a chat, a key or what the server wrote into a node.
func TestErrorsNameNoChat(t *testing.T) {
	r := newAccount(t, syncd.Options{}).link()
	r.wire.next(loseAnswer, answerError(500, "broken"))
	_, err := r.apply(archive(chat))
	if !errors.Is(err, ErrUnknownOutcome) || strings.Contains(err.Error(), chat.User) {
		t.Fatalf("error %v", err)
	}
}
