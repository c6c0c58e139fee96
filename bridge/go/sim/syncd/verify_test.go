package syncd

import (
	"slices"
	"testing"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/proto/waServerSync"
	"google.golang.org/protobuf/proto"
)

// Every way to spoil a patch is refused with 400 by a strict book, named, and leaves the state as it was.
// A lenient book names it too, and stores all that can be stored.
func TestTamperedPatches(t *testing.T) {
	type patch = waServerSync.SyncdPatch
	record := func(p *patch) *waServerSync.SyncdRecord { return p.Mutations[0].Record }
	remove := waServerSync.SyncdMutation_REMOVE.Enum()
	unknown := waServerSync.SyncdMutation_SyncdOperation(5).Enum()
	seventh := &waServerSync.SyncdVersion{Version: proto.Uint64(7)}
	external := &waServerSync.ExternalBlobReference{}
	cases := map[string]struct {
		spoil     func(*patch)
		kind      string
		storeable bool
	}{
		"snapshot MAC": {func(p *patch) { p.SnapshotMAC[0]++ }, "snapshot_mac", true},
		"patch MAC":    {func(p *patch) { p.PatchMAC[0]++ }, "patch_mac", true},
		"value MAC": {func(p *patch) {
			blob := record(p).Value.Blob
			blob[len(blob)-1]++
		}, "value_mac", true},
		"ciphertext":    {func(p *patch) { record(p).Value.Blob[20]++ }, "value_mac", true},
		"operation":     {func(p *patch) { p.Mutations[0].Operation = remove }, "value_mac", true},
		"index MAC":     {func(p *patch) { record(p).Index.Blob[0]++ }, "index_mac", true},
		"patch's key":   {func(p *patch) { p.KeyID.ID = []byte{9} }, "unknown_key", true},
		"value's key":   {func(p *patch) { record(p).KeyID.ID = []byte{9} }, "unknown_key", true},
		"version":       {func(p *patch) { p.Version = seventh }, "patch_version", true},
		"duplicate":     {func(p *patch) { p.Mutations = append(p.Mutations, p.Mutations[0]) }, "duplicate_index", true},
		"short value":   {func(p *patch) { record(p).Value.Blob = make([]byte, 31) }, "malformed_patch", false},
		"uneven value":  {func(p *patch) { record(p).Value.Blob = make([]byte, 65) }, "malformed_patch", false},
		"short index":   {func(p *patch) { record(p).Index.Blob = nil }, "malformed_patch", false},
		"no record":     {func(p *patch) { p.Mutations[0].Record = nil }, "malformed_patch", false},
		"bad operation": {func(p *patch) { p.Mutations[0].Operation = unknown }, "malformed_patch", false},
		"no mutations":  {func(p *patch) { p.Mutations = nil }, "empty_patch", false},
		"external":      {func(p *patch) { p.ExternalMutations = external }, "external_mutations", false},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			for _, lenient := range []bool{false, true} {
				book := New(Options{Lenient: lenient})
				mustWrite(t, book, "regular_low", archive(chat, true))
				device := newCompanion(t, book, 5)
				device.fetch("regular_low")
				raw := tamper(t, device.patch("regular_low", archiveInfo(chat, false)), test.spoil)
				reply, changes, violations := device.upload("regular_low", raw)
				isNamed := slices.ContainsFunc(violations, func(v Violation) bool { return v.Kind == test.kind })
				if !isNamed {
					t.Fatalf("violations %v lack %s", violations, test.kind)
				}
				isStored := len(changes) == 1 && len(book.Patches("regular_low")) == 2
				if isStored != (lenient && test.storeable) || (errorCode(reply) == "400") == isStored {
					t.Fatalf("lenient %v: stored %v, answer %v", lenient, isStored, reply.String())
				}
			}
		})
	}
}

// A patch with one index twice is refused although whatsmeow makes such patches.
func TestDuplicateIndexOfStockEncoder(t *testing.T) {
	book := New(Options{})
	device := newCompanion(t, book, 1)
	raw := device.patch("regular_low", archiveInfo(chat, true), archiveInfo(chat, false))
	reply, _, violations := device.upload("regular_low", raw)
	if errorCode(reply) != "400" || len(violations) == 0 || violations[0].Kind != "duplicate_index" {
		t.Fatalf("answer %v, violations %v", reply.String(), violations)
	}
}

// More than 100 mutations, or too many bytes, are refused when they come inline; 100 are not.
func TestInlineBounds(t *testing.T) {
	for count, kind := range map[int]string{100: "", 101: "too_many_mutations"} {
		book := New(Options{})
		device := newCompanion(t, book, 1)
		mutations := make([]appstate.MutationInfo, count)
		for i := range mutations {
			mutations[i] = archiveInfo(chatNumber(i), true)
		}
		_, changes, violations := device.upload("regular_low", device.patch("regular_low", mutations...))
		if (len(changes) == 1) != (kind == "") || (kind != "" && violations[0].Kind != kind) {
			t.Fatalf("%d mutations: changes %v, violations %v", count, changes, violations)
		}
	}
	book := New(Options{})
	device := newCompanion(t, book, 1)
	long := archiveInfo(string(make([]byte, maxInlineBytes)), true)
	_, changes, violations := device.upload("regular_low", device.patch("regular_low", long))
	if len(changes) != 0 || len(violations) != 1 || violations[0].Kind != "too_large" {
		t.Fatalf("changes %v, violations %v", changes, violations)
	}
}
