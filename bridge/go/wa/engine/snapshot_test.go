package engine

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"testing"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waServerSync"
	"go.mau.fi/whatsmeow/util/hkdfutil"
	"google.golang.org/protobuf/proto"

	"wuts/sim/syncd"
)

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
	changes := r.takeChanges()
	if len(changes) != 1 || !changes[0].Full || changes[0].Version != 2 {
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

// serveSnapshot answers a fetch of everything with a reference to a blob.
func serveSnapshot(request waBinary.Node, _ func() waBinary.Node) (waBinary.Node, error) {
	reference, err := proto.Marshal(&waServerSync.ExternalBlobReference{
		DirectPath: proto.String("/x?y="),
	})
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
