package engine

import (
	"context"
	"database/sql"
	"errors"
	"testing"

	"go.mau.fi/whatsmeow/appstate"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/store"
	"google.golang.org/protobuf/proto"

	"wuts/sim/syncd"
)

// expected are the errors that reading what the other side wrote may end with.
var expected = []error{ErrBadAnswer, errCorrupt, ErrNoKeys}

func isExpected(err error) bool {
	for _, kind := range expected {
		if errors.Is(err, kind) {
			return true
		}
	}
	return err == nil
}

// fuzzedRig is a linked device whose collection has some history. The engine's own loop does not run.
func fuzzedRig(f *testing.F) (*Engine, *syncd.Book) {
	f.Helper()
	book := syncd.New(syncd.Options{})
	if _, err := book.Write(string(low), phoneArchives(chat), phoneArchives(chatNumber(1))); err != nil {
		f.Fatal(err)
	}
	db, device := openDevice(f, f.TempDir()+"/device.db", 1)
	for _, key := range book.Keys() {
		shared := store.AppStateSyncKey{Data: key.Data, Fingerprint: []byte{1}, Timestamp: key.TimestampMS}
		if err := device.AppStateKeys.PutAppStateSyncKey(f.Context(), key.ID, shared); err != nil {
			f.Fatal(err)
		}
	}
	e := New(Options{
		Device: device, DB: db, Wire: &memoryWire{}, Log: discardLog, Counters: &Counters{},
		OnChange: func(Change) {}, OnStatus: func(Status) {}, Go: func(string, func()) {},
	})
	return e, book
}

// unmarshal reads a node as whatsmeow does before it hands one over; its own panics are not ours.
func unmarshal(data []byte) (node *waBinary.Node) {
	defer func() {
		if recover() != nil {
			node = nil
		}
	}()
	read, err := waBinary.Unmarshal(data)
	if err != nil {
		return nil
	}
	return read
}

// No answer of a server makes the engine panic, or end with anything but an error it knows; and what
// it does not accept leaves no trace in the store.
func FuzzAnswerOfServer(f *testing.F) {
	e, book := fuzzedRig(f)
	request := waBinary.Node{Tag: "sync", Content: []waBinary.Node{{
		Tag: "collection", Attrs: waBinary.Attrs{"name": string(low), "return_snapshot": "true"},
	}}}
	answer, _, _ := book.Answer(1, request)
	seed, err := waBinary.Marshal(answer.GetChildByTag("collection"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed[1:])
	f.Fuzz(func(t *testing.T, data []byte) {
		node := unmarshal(data)
		if node == nil {
			return
		}
		_ = refusalIn(*node)
		list, err := e.parse(t.Context(), *node)
		if err != nil {
			if !isExpected(err) {
				t.Errorf("parsing ends with %v", err)
			}
			return
		}
		s := newScratch(nil, appstate.HashState{})
		if _, _, err = e.decode(context.Background(), s, patches{list: list}); !isExpected(err) {
			t.Errorf("decoding ends with %v", err)
		}
		_, _, err = e.store.GetAppStateVersion(t.Context(), string(low))
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			t.Errorf("the store: %v", err)
		}
	})
}

// No copy of a phone makes the engine panic, and none that fails the self check is taken.
func FuzzCopyOfPhone(f *testing.F) {
	e, book := fuzzedRig(f)
	recovery, err := book.Recovery(string(low))
	if err != nil {
		f.Fatal(err)
	}
	seed, err := proto.Marshal(recovery)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed, false)
	f.Add([]byte{0x1f, 0x8b}, true)
	f.Fuzz(func(t *testing.T, data []byte, isCompressed bool) {
		found, err := parseCopy(&Copy{CollectionSnapshot: data, IsCompressed: &isCompressed})
		if err != nil {
			return
		}
		s := newScratch(nil, appstate.HashState{})
		if _, err := e.decodeCopy(context.Background(), s, found); !isExpected(err) {
			t.Errorf("decoding ends with %v", err)
		}
		_ = s.isSound()
	})
}
