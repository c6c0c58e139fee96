package engine

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"go.mau.fi/whatsmeow/proto/waSyncdSnapshotRecovery"
	"google.golang.org/protobuf/proto"

	"wuts/sim/syncd"
)

// corruptWhole damages the answers to full syncs alone.
func corruptWhole(request waBinary.Node, forward func() waBinary.Node) (waBinary.Node, error) {
	if wanted := request.GetChildByTag("collection"); wanted.Attrs["version"] != nil {
		return forward(), nil
	}
	return corruptPatches(request, forward)
}

// phoneCopy is the phone's answer with the whole of regular_low, made of what a healthy device reads.
func phoneCopy(t *testing.T, healthy *rig) *waSyncdSnapshotRecovery.SyncdSnapshotRecovery {
	t.Helper()
	e, s := healthy.engine, newScratch(nil, appstate.HashState{})
	list, err := e.fetch(healthy.context(longWait), low, 0, true)
	if err != nil {
		t.Fatal(err)
	}
	mutations, state, err := e.decode(t.Context(), s, patches{list: list})
	if err != nil {
		t.Fatal(err)
	}
	found := &waSyncdSnapshotRecovery.SyncdSnapshotRecovery{
		Version:          &waSyncdSnapshotRecovery.SyncdVersion{Version: proto.Uint64(state.Version)},
		CollectionName:   proto.String(string(low)),
		CollectionLthash: state.Hash[:],
	}
	for _, mutation := range newest(batch{scratch: s, mutations: mutations}) {
		index, err := json.Marshal(mutation.Index)
		if err != nil {
			t.Fatal(err)
		}
		found.MutationRecords = append(found.MutationRecords,
			&waSyncdSnapshotRecovery.SyncdPlainTextRecord{
				Value: &waSyncAction.SyncActionData{
					Index: index, Value: mutation.Action, Version: proto.Int32(mutation.Version),
				},
				KeyID: mutation.KeyID, Mac: mutation.ValueMAC,
			})
	}
	return found
}

func answerOf(t *testing.T, found *waSyncdSnapshotRecovery.SyncdSnapshotRecovery) *Copy {
	t.Helper()
	raw, err := proto.Marshal(found)
	if err != nil {
		t.Fatal(err)
	}
	return &Copy{CollectionSnapshot: raw}
}

// awaitingPhone is a device whose full sync never verifies, beside a healthy one.
func awaitingPhone(t *testing.T) (broken, healthy *rig) {
	t.Helper()
	a := newAccount(t, syncd.Options{})
	broken, healthy = a.link(), a.link()
	a.write(phoneArchives(chatNumber(1)), phoneArchives(chatNumber(2)))
	broken.wire.next(corruptPatches, corruptPatches)
	broken.wire.setAlways(corruptWhole)
	_, err := broken.engine.Sync(broken.context(longWait), low, false)
	if !errors.Is(err, ErrAwaitingPhone) || broken.state(low) != StateAwaitingPhone {
		t.Fatalf("state %s, error %v", broken.state(low), err)
	}
	eventually(t, "the phone is asked", func() bool { return broken.wire.copiesAsked() == 1 })
	return broken, healthy
}

// While the phone is awaited writing is not ready; its copy mends the collection, also when others have
// written since it was made, and what it says is reported as a full sync.
func TestPhonesCopyMends(t *testing.T) {
	r, healthy := awaitingPhone(t)
	if _, err := r.apply(archive(chat)); !errors.Is(err, ErrAwaitingPhone) {
		t.Fatalf("error %v", err)
	}
	answer := answerOf(t, phoneCopy(t, healthy))
	healthy.mustApply(archive(chatNumber(3)))
	r.takeChanges()
	if err := r.engine.TakeCopy(r.context(longWait), answer); err != nil {
		t.Fatal(err)
	}
	changes := r.takeChanges()
	if len(changes) != 3 || !changes[0].Full || changes[2].Full || r.state(low) != StateOK {
		t.Fatalf("state %s, changes %+v", r.state(low), changes)
	}
	r.mustAgree()
	r.mustApply(archive(chat))
	r.mustAgree()
}

// A copy that fails the self check, has no version or can't be read changes nothing.
func TestBadCopiesAreRefused(t *testing.T) {
	r, healthy := awaitingPhone(t)
	for name, spoil := range map[string]func(*waSyncdSnapshotRecovery.SyncdSnapshotRecovery){
		"hash":    func(c *waSyncdSnapshotRecovery.SyncdSnapshotRecovery) { c.CollectionLthash[5] ^= 1 },
		"mac":     func(c *waSyncdSnapshotRecovery.SyncdSnapshotRecovery) { c.MutationRecords[0].Mac[0] ^= 1 },
		"missing": func(c *waSyncdSnapshotRecovery.SyncdSnapshotRecovery) { c.MutationRecords = c.MutationRecords[1:] },
		"short":   func(c *waSyncdSnapshotRecovery.SyncdSnapshotRecovery) { c.CollectionLthash = nil },
		"version": func(c *waSyncdSnapshotRecovery.SyncdSnapshotRecovery) { c.Version = nil },
		"index": func(c *waSyncdSnapshotRecovery.SyncdSnapshotRecovery) {
			c.MutationRecords[0].Value.Index = []byte("[")
		},
	} {
		found := phoneCopy(t, healthy)
		spoil(found)
		err := r.engine.TakeCopy(r.context(longWait), answerOf(t, found))
		if !errors.Is(err, errCorrupt) || r.state(low) != StateAwaitingPhone {
			t.Errorf("%s: state %s, error %v", name, r.state(low), err)
		}
	}
	unreadable := &Copy{CollectionSnapshot: []byte("\xff"), IsCompressed: proto.Bool(true)}
	if err := r.engine.TakeCopy(r.context(longWait), unreadable); !errors.Is(err, ErrBadAnswer) {
		t.Errorf("error %v", err)
	}
	r.mustBeSound()
}

// A copy of a collection that is in order is left alone, whoever sends it.
func TestUnwantedCopyIsIgnored(t *testing.T) {
	a := newAccount(t, syncd.Options{})
	r := a.link()
	r.mustApply(archive(chat))
	old := answerOf(t, phoneCopy(t, r))
	r.mustApply(archive(chatNumber(1)))
	r.takeChanges()
	if err := r.engine.TakeCopy(r.context(longWait), old); err != nil {
		t.Fatal(err)
	}
	if changes := r.takeChanges(); len(changes) != 0 {
		t.Fatalf("changes %+v", changes)
	}
	r.mustAgree()
}

// Without an answer in time the collection is wedged by itself; a copy that comes late still mends it.
func TestPhoneDoesNotAnswer(t *testing.T) {
	r, healthy := awaitingPhone(t)
	r.at(copyWait)
	r.run()
	r.engine.poke(low)
	eventually(t, "the collection is wedged", func() bool { return r.state(low) == StateWedged })
	answer := answerOf(t, phoneCopy(t, healthy))
	if err := r.engine.TakeCopy(r.context(longWait), answer); err != nil || r.state(low) != StateOK {
		t.Fatalf("state %s, error %v", r.state(low), err)
	}
	r.mustAgree()
}

// The phone is asked at most once in 48 hours, also by the next process, and then again; also when the
// clock was set back behind the moment when it was asked.
func TestPhoneIsAskedSeldom(t *testing.T) {
	r, _ := awaitingPhone(t)
	r.start()
	for _, step := range []struct {
		at    time.Duration
		asked int
		state State
	}{
		{0, 1, StateAwaitingPhone}, {copyWait, 1, StateWedged}, {copyPause - time.Minute, 1, StateWedged},
		{copyPause + time.Minute, 2, StateAwaitingPhone}, {-time.Hour, 3, StateAwaitingPhone},
	} {
		r.at(step.at)
		_, err := r.engine.Sync(r.context(longWait), low, step.at != 0)
		if err == nil || r.state(low) != step.state {
			t.Errorf("after %s: state %s, error %v", step.at, r.state(low), err)
		}
		eventually(t, "the phone is asked", func() bool { return r.wire.copiesAsked() == step.asked })
	}
}

// A request that can't be sent leaves the collection wedged and does not count as asked.
func TestPhoneCannotBeAsked(t *testing.T) {
	r := newAccount(t, syncd.Options{}).link()
	r.account.write(phoneArchives(chatNumber(1)))
	r.wire.copyErr = whatsmeow.ErrNoSession
	r.wire.setAlways(corruptPatches)
	for asked := 1; asked <= 2; asked++ {
		_, err := r.engine.Sync(r.context(longWait), low, true)
		if !errors.Is(err, ErrAwaitingPhone) {
			t.Fatalf("error %v", err)
		}
		eventually(t, "it is wedged", func() bool { return r.state(low) == StateWedged })
		if r.wire.copiesAsked() != asked {
			t.Fatalf("asked %d times", r.wire.copiesAsked())
		}
	}
}
