package syncd

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"

	"go.mau.fi/whatsmeow/appstate"
	waBinary "go.mau.fi/whatsmeow/binary"
)

func errorCode(node waBinary.Node) string {
	child, _ := node.GetOptionalChildByTag("error")
	code, _ := child.Attrs["code"].(string)
	return code
}

func patchesIn(node waBinary.Node) int {
	if patches, ok := node.GetOptionalChildByTag("patches"); ok {
		return len(patches.GetChildren())
	}
	return 0
}

// An upload on the current base gets the next version, one change and no violation, and the phone reads it.
func TestUploadIsAccepted(t *testing.T) {
	book := New(Options{})
	device := newCompanion(t, book, 3)
	patch := device.patch("regular_low", archiveInfo(chat, true))
	reply, changes, violations := device.upload("regular_low", patch)
	if reply.Attrs["version"] != "1" || reply.Attrs["name"] != "regular_low" || reply.Attrs["type"] != nil {
		t.Fatalf("answer %v", reply.Attrs)
	}
	if !slices.Equal(changes, []Change{{"regular_low", 1, 3}}) || len(violations) != 0 {
		t.Fatalf("changes %v, violations %v", changes, violations)
	}
	view := mustView(t, book, "regular_low")
	if len(view.Entries) != 1 || view.Entries[0].Author != 3 ||
		string(view.Entries[0].Value) != `{"archiveChatAction":{"archived":true}}` {
		t.Fatalf("view %+v", view)
	}
}

// A stock reader reaches the phone's hash after writes of the phone and of two companions, in pages too.
func TestStockReadersConverge(t *testing.T) {
	for _, pageSize := range []int{0, 1, 3} {
		book := New(Options{PageSize: pageSize})
		first, second := newCompanion(t, book, 1), newCompanion(t, book, 2)
		for i := range 8 {
			mustWrite(t, book, "regular_low", archive(chatNumber(i), true), archive(chatNumber(99), i%2 == 0))
			writer := []*companion{first, second}[i%2]
			writer.fetch("regular_low")
			_, changes, _ := writer.upload("regular_low", writer.patch("regular_low", archiveInfo(chatNumber(i), false)))
			if len(changes) != 1 {
				t.Fatal("an upload on a fresh base was refused")
			}
		}
		mustWrite(t, book, "regular_low", remove("archive", chatNumber(2)))
		hash, version, _ := book.Hash("regular_low")
		for _, reader := range []*companion{first, second, newCompanion(t, book, 4)} {
			reader.fetch("regular_low")
			if got := reader.memory.states["regular_low"]; got.Hash != hash || got.Version != version {
				t.Fatalf("page size %d: device %d is at version %d of %d with another hash",
					pageSize, reader.device, got.Version, version)
			}
		}
	}
}

// A fetch of all five collections is answered in one node, and an empty collection has no children.
func TestFetchOfSeveralCollections(t *testing.T) {
	book := New(Options{})
	mustWrite(t, book, "regular_low", archive(chat, true))
	var wanted []waBinary.Node
	for _, name := range Names {
		request := fetchNode(name, 0)
		wanted = append(wanted, request.GetChildren()...)
	}
	reply, _, violations := book.Answer(1, waBinary.Node{Tag: "sync", Content: wanted})
	if len(violations) != 0 || len(reply.GetChildren()) != len(Names) {
		t.Fatalf("%d collections, violations %v", len(reply.GetChildren()), violations)
	}
	for i, node := range reply.GetChildren() {
		isEmpty := patchesIn(node) == 0
		if node.Attrs["name"] != Names[i] || isEmpty == (Names[i] == "regular_low") {
			t.Fatalf("collection %d: %v", i, node.Attrs)
		}
	}
}

// A page bounds the patches of a fetch and of a 409, and says that there are more.
func TestPages(t *testing.T) {
	book := New(Options{PageSize: 2})
	device := newCompanion(t, book, 1)
	patch := device.patch("regular_low", archiveInfo(chat, true))
	for i := range 3 {
		mustWrite(t, book, "regular_low", archive(chatNumber(i), true))
	}
	fetched, _, _ := book.Answer(1, fetchNode("regular_low", 0))
	conflict, _, _ := device.upload("regular_low", patch)
	for _, node := range []waBinary.Node{fetched.GetChildByTag("collection"), conflict} {
		if patchesIn(node) != 2 || node.Attrs["has_more_patches"] != "true" || node.Attrs["version"] != "3" {
			t.Fatalf("%d patches, %v", patchesIn(node), node.Attrs)
		}
	}
}

// An upload on an old base gets a 409 with the missing patches, and succeeds after applying them.
func TestConflictIsRebased(t *testing.T) {
	book := New(Options{})
	device := newCompanion(t, book, 1)
	mustWrite(t, book, "regular_low", archive(chatNumber(7), true))
	patch := device.patch("regular_low", archiveInfo(chat, true))
	reply, changes, violations := device.upload("regular_low", patch)
	if errorCode(reply) != "409" || reply.Attrs["type"] != "error" || reply.Attrs["version"] != "1" {
		t.Fatalf("answer %v", reply.String())
	}
	if len(changes)+len(violations) != 0 {
		t.Fatalf("changes %v, violations %v", changes, violations)
	}
	device.apply("regular_low", waBinary.Node{Tag: "sync", Content: []waBinary.Node{reply}})
	_, changes, _ = device.upload("regular_low", device.patch("regular_low", archiveInfo(chat, true)))
	if !slices.Equal(changes, []Change{{"regular_low", 2, 1}}) {
		t.Fatalf("changes %v", changes)
	}
}

// A base that the server never had gets a 409 without patches, and is a violation; so is a fetch from it.
func TestVersionAhead(t *testing.T) {
	book := New(Options{})
	mustWrite(t, book, "regular_low", archive(chat, true))
	device := newCompanion(t, book, 1)
	device.memory.states["regular_low"] = appstate.HashState{Version: 9}
	patch := device.patch("regular_low", archiveInfo(chat, true))
	reply, changes, violations := device.upload("regular_low", patch)
	if errorCode(reply) != "409" || patchesIn(reply) != 0 || len(changes) != 0 {
		t.Fatalf("answer %v", reply.String())
	}
	_, _, more := book.Answer(1, fetchNode("regular_low", 9))
	for _, violation := range append(violations, more...) {
		if violation.Kind != "version_ahead" || violation.Device != 1 {
			t.Fatalf("violation %v", violation)
		}
	}
	if len(violations) != 1 || len(more) != 1 {
		t.Fatalf("violations %v and %v", violations, more)
	}
}

// A forced conflict carries what the uploader lacks, nothing if its base is current, and applies nothing.
func TestForcedConflict(t *testing.T) {
	book := New(Options{})
	device := newCompanion(t, book, 1)
	request := uploadNode("regular_low", 0, device.patch("regular_low", archiveInfo(chat, true)))
	for version := range uint64(2) {
		reply := book.Conflict(1, overWire(t, request))
		node := reply.GetChildByTag("collection")
		if errorCode(node) != "409" || node.Attrs["version"] != strconv.FormatUint(version, 10) ||
			patchesIn(node) != int(version) {
			t.Fatalf("version %d: %v", version, node.String())
		}
		mustWrite(t, book, "regular_low", archive(chatNumber(3), true))
	}
	if view := mustView(t, book, "regular_low"); len(view.Entries) != 1 {
		t.Fatalf("the upload was applied: %+v", view)
	}
}

// Of a hundred uploads from one base exactly one is accepted, and the others get a 409 with its patch.
func TestConcurrentUploadsFromOneBase(t *testing.T) {
	book := New(Options{})
	requests := make([]waBinary.Node, 100)
	for i := range requests {
		device := newCompanion(t, book, uint16(i+1))
		requests[i] = uploadNode("regular_low", 0, device.patch("regular_low", archiveInfo(chatNumber(i), true)))
	}
	codes := make([]string, len(requests))
	var done sync.WaitGroup
	for i, request := range requests {
		done.Go(func() {
			reply, _, violations := book.Answer(uint16(i+1), request)
			codes[i] = errorCode(reply.GetChildByTag("collection")) + fmt.Sprint(violations)
		})
	}
	done.Wait()
	count := make(map[string]int)
	for _, code := range codes {
		count[code]++
	}
	if count["[]"] != 1 || count["409[]"] != 99 {
		t.Fatalf("answers %v", count)
	}
}

// What can't be understood is answered with 400 and named.
func TestMalformedRequests(t *testing.T) {
	patch := waBinary.Node{Tag: "patch", Content: []byte{1}}
	fromStart := waBinary.Attrs{"name": "regular", "version": "0"}
	cases := map[string]struct {
		attrs   waBinary.Attrs
		content any
		kind    string
	}{
		"unknown name":    {waBinary.Attrs{"name": "regular_middle", "version": "0"}, nil, "unknown_collection"},
		"no name":         {waBinary.Attrs{"version": "0"}, nil, "unknown_collection"},
		"bad version":     {waBinary.Attrs{"name": "regular", "version": "-1"}, nil, "malformed_request"},
		"no upload base":  {waBinary.Attrs{"name": "regular"}, []waBinary.Node{patch}, "malformed_request"},
		"two patches":     {fromStart, []waBinary.Node{patch, patch}, "malformed_request"},
		"no patch at all": {fromStart, []waBinary.Node{patch}, "malformed_patch"},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			request := waBinary.Node{Tag: "collection", Attrs: test.attrs, Content: test.content}
			reply, _, violations := New(Options{}).Answer(2, waBinary.Node{
				Tag: "sync", Content: []waBinary.Node{request},
			})
			isRefused := errorCode(reply.GetChildByTag("collection")) == "400"
			if !isRefused || len(violations) != 1 || violations[0].Kind != test.kind {
				t.Fatalf("answer %v, violations %v", reply.String(), violations)
			}
		})
	}
	if _, _, violations := New(Options{}).Answer(2, waBinary.Node{Tag: "sync"}); len(violations) != 1 {
		t.Fatalf("an empty request: violations %v", violations)
	}
}
