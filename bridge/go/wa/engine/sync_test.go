package engine

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waServerSync"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/util/hkdfutil"
	"google.golang.org/protobuf/proto"

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
	if len(changes) != 1 || changes[0].Value.GetArchiveChatAction().GetArchived() || !changes[0].Full {
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
	kept := r.engine.reportable(t.Context(), low, batch{scratch: s, mutations: []appstate.Mutation{removal}})
	if len(kept) != 0 {
		t.Fatalf("reported %+v", kept)
	}
}

// A snapshot is taken for the first fetch, and an incremental fetch goes on from it.
func TestSnapshotAtVersionZero(t *testing.T) {
	a := newAccount(t, syncd.Options{})
	a.write(phoneArchives(chatNumber(1)), phoneArchives(chatNumber(2)))
	a.write(phoneRemoves("archive", chatNumber(2).String()))
	r := newRig(t, a, t.TempDir()+"/device.db")
	r.shareKeys()
	r.wire.blob = snapshot(t, a.book)
	r.wire.next(serveSnapshot)
	r.sync(low)
	if changes := r.takeChanges(); len(changes) != 1 || !changes[0].Full || changes[0].Version != 2 {
		t.Fatalf("changes %+v", changes)
	}
	r.mustAgree()
	a.write(phoneArchives(chatNumber(3)))
	r.mustApply(archive(chat))
	r.mustAgree()
}

// A snapshot that can't be downloaded leaves everything as it was.
func TestMissingSnapshotBlob(t *testing.T) {
	a := newAccount(t, syncd.Options{})
	r := a.link()
	r.mustApply(archive(chat))
	r.wire.next(serveSnapshot)
	if _, err := r.engine.Sync(r.context(longWait), low, true); !errors.Is(err, ErrBadAnswer) {
		t.Fatalf("error %v", err)
	}
	r.mustAgree()
}

// Patches damaged on the way are fetched again; damage that stays leads to wedged, which refuses
// writes until a full sync succeeds.
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
	if _, err := r.engine.Sync(r.context(longWait), low, false); !errors.Is(err, ErrBroken) {
		t.Fatalf("error %v", err)
	}
	r.wire.takeQueries()
	if _, err := r.apply(archive(chat)); !errors.Is(err, ErrBroken) || r.state(low) != StateWedged {
		t.Fatalf("state %s, error %v", r.state(low), err)
	}
	if queries := r.wire.takeQueries(); queries != 0 {
		t.Fatalf("%d requests", queries)
	}
	r.wire.setAlways(nil)
	if _, err := r.engine.Sync(r.context(longWait), low, true); err != nil || r.state(low) != StateOK {
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
	if _, err := r.apply(archive(chat)); !errors.Is(err, ErrBroken) {
		t.Fatalf("error %v", err)
	}
	r.wire.setAlways(nil)
	r.engine.now = func() time.Time { return time.Now().Add(wedgedPause) }
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
	if violations := r.wire.takeViolations(); len(violations) != 1 || violations[0].Kind != "version_ahead" {
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

// serveSnapshot answers a fetch of everything with a reference to a blob.
func serveSnapshot(request waBinary.Node, _ func() waBinary.Node) (waBinary.Node, error) {
	reference, err := proto.Marshal(&waServerSync.ExternalBlobReference{DirectPath: proto.String("/x?y=")})
	wanted := request.GetChildByTag("collection")
	return waBinary.Node{Tag: "sync", Content: []waBinary.Node{{
		Tag:     "collection",
		Attrs:   waBinary.Attrs{"name": wanted.Attrs["name"], "version": "2"},
		Content: []waBinary.Node{{Tag: "snapshot", Content: reference}},
	}}}, err
}

// snapshot makes the blob that a server keeps of regular_low: the live records under one MAC.
func snapshot(t *testing.T, book *syncd.Book) []byte {
	t.Helper()
	live := make(map[string]*waServerSync.SyncdRecord)
	for _, raw := range book.Patches(string(low)) {
		var patch waServerSync.SyncdPatch
		if err := proto.Unmarshal(raw, &patch); err != nil {
			t.Fatal(err)
		}
		for _, mutation := range patch.GetMutations() {
			index := string(mutation.GetRecord().GetIndex().GetBlob())
			live[index] = mutation.GetRecord()
			if mutation.GetOperation() == waServerSync.SyncdMutation_REMOVE {
				delete(live, index)
			}
		}
	}
	key := book.Keys()[0]
	hash, version, err := book.Hash(string(low))
	if err != nil {
		t.Fatal(err)
	}
	whole := &waServerSync.SyncdSnapshot{
		Version: &waServerSync.SyncdVersion{Version: proto.Uint64(version)},
		KeyID:   &waServerSync.KeyId{ID: key.ID},
		Mac:     snapshotMAC(key, hash, version),
	}
	for _, record := range live {
		whole.Records = append(whole.Records, record)
	}
	blob, err := proto.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	return blob
}

func snapshotMAC(key syncd.Key, hash [128]byte, version uint64) []byte {
	expanded := hkdfutil.SHA256(key.Data, nil, []byte("WhatsApp Mutation Keys"), 160)
	mac := hmac.New(sha256.New, expanded[96:128])
	mac.Write(hash[:])
	mac.Write(binary.BigEndian.AppendUint64(nil, version))
	mac.Write([]byte(low))
	return mac.Sum(nil)
}

// The door refuses whatsmeow every call, and says nothing about the real tables.
func TestDoorRefusesEveryCall(t *testing.T) {
	r := newAccount(t, syncd.Options{}).link()
	r.mustApply(archive(chat))
	ctx, shut := t.Context(), r.device.AppState
	version, _, err := shut.GetAppStateVersion(ctx, string(low))
	_, macErr := shut.GetAppStateMutationMAC(ctx, string(low), []byte("x"))
	for _, err := range []error{
		err, macErr,
		shut.PutAppStateVersion(ctx, string(low), 5, [128]byte{}),
		shut.DeleteAppStateVersion(ctx, string(low)),
		shut.PutAppStateMutationMACs(ctx, string(low), 5, []store.AppStateMutationMAC{{}}),
		shut.DeleteAppStateMutationMACs(ctx, string(low), [][]byte{{1}}),
	} {
		if !errors.Is(err, ErrDoor) || version != 0 {
			t.Errorf("version %d, error %v", version, err)
		}
	}
	r.mustAgree()
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
