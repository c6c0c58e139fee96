package engine

import (
	"errors"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/proto/waServerSync"

	"wuts/sim/syncd"
)

// Without any key nothing is written; a fetch tells the ids, the phone is asked once, and with the
// keys the collection becomes usable.
func TestMissingKeysAreAskedFor(t *testing.T) {
	a := newAccount(t, syncd.Options{})
	a.write(phoneArchives(chatNumber(1)))
	r := newRig(t, a, t.TempDir()+"/device.db")
	r.run()
	if _, err := r.apply(archive(chat)); !errors.Is(err, ErrNoKeys) {
		t.Fatalf("error %v", err)
	}
	eventually(t, "the phone is asked", func() bool { return r.wire.requests() == 1 })
	if _, err := r.engine.Sync(r.context(longWait), low, false); !errors.Is(err, ErrNoKeys) {
		t.Fatalf("error %v", err)
	}
	if state := r.state(low); state != StateAwaitingKeys {
		t.Fatalf("state %s", state)
	}
	r.shareKeys()
	a.notify(0, low)
	eventually(t, "the collection is in order", func() bool { return r.state(low) == StateOK })
	r.mustApply(archive(chat))
	r.mustAgree()
	if requests := r.wire.requests(); requests != 1 {
		t.Fatalf("asked %d times", requests)
	}
}

// A question for keys that could not be sent is asked again by the next sync.
func TestFailedKeyRequestIsRepeated(t *testing.T) {
	a := newAccount(t, syncd.Options{})
	a.write(phoneArchives(chat))
	r := newRig(t, a, t.TempDir()+"/device.db")
	r.wire.requestErr = errors.New("no connection")
	eventually(t, "the phone is asked again", func() bool {
		_, err := r.engine.Sync(r.context(longWait), low, false)
		return errors.Is(err, ErrNoKeys) && r.wire.requests() >= 2
	})
}

// A chat that is archived under two keys has two live records: all devices agree on the sum, and a
// full sync reports the newer one only.
func TestKeyRotationBetweenTwoArchives(t *testing.T) {
	a := newAccount(t, syncd.Options{})
	r := a.link()
	r.mustApply(archive(chat))
	a.book.Rotate()
	r.shareKeys()
	r.mustApply(BuildArchive(chat, false, time.Unix(1_700_000_001, 0)))
	r.mustAgree()
	r.takeChanges()
	if _, err := r.engine.Sync(r.context(longWait), low, true); err != nil {
		t.Fatal(err)
	}
	changes := r.takeChanges()
	if len(changes) != 1 || !changes[0].Full ||
		changes[0].Value.GetArchiveChatAction().GetArchived() {
		t.Fatalf("changes %+v", changes)
	}
	r.mustAgree()
}

// Removing an old key's record of an index that is live under a new key is not reported.
func TestRemovalUnderOldKeyIsNoRemoval(t *testing.T) {
	a := newAccount(t, syncd.Options{})
	r := a.link()
	r.mustApply(archive(chat))
	oldKey := a.book.Keys()[0]
	a.book.Rotate()
	r.shareKeys()
	r.mustApply(archive(chat))
	s := newScratch(r.engine.store, appstate.HashState{})
	old := indexMAC(oldKey.Data, []byte(`["archive","`+chat.String()+`"]`))
	if err := s.DeleteAppStateMutationMACs(t.Context(), string(low), [][]byte{old}); err != nil {
		t.Fatal(err)
	}
	removal := appstate.Mutation{
		Operation: waServerSync.SyncdMutation_REMOVE,
		Index:     []string{"archive", chat.String()}, IndexMAC: old,
	}
	kept := r.engine.reportable(t.Context(), low, batch{
		scratch: s, mutations: []appstate.Mutation{removal},
	})
	if len(kept) != 0 {
		t.Fatalf("reported %+v", kept)
	}
}
