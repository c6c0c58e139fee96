package syncd

import (
	"testing"

	waBinary "go.mau.fi/whatsmeow/binary"
)

// No node that a client can send makes Answer or Conflict panic, none changes a strict book without a
// patch being accepted, and every answer can be encoded.
func FuzzAnswer(f *testing.F) {
	book := New(Options{})
	f.Add("regular_low", "0", validPatch(f, book), true)
	f.Add("regular_low", "", []byte{}, false)
	f.Add("regular", "18446744073709551615", []byte{0x12, 0}, true)
	f.Add("", "-1", []byte(nil), true)
	f.Fuzz(func(t *testing.T, name, version string, content []byte, isUpload bool) {
		node := waBinary.Node{Tag: "collection", Attrs: waBinary.Attrs{"name": name, "version": version}}
		if isUpload {
			node.Content = []waBinary.Node{{Tag: "patch", Content: content}, {Tag: "other"}}
		}
		answerAny(t, book, waBinary.Node{Tag: "sync", Content: []waBinary.Node{node, {Tag: "collection"}}})
		if decoded := decodeAny(content); decoded != nil {
			answerAny(t, book, *decoded)
		}
	})
}

func answerAny(t *testing.T, book *Book, node waBinary.Node) {
	before := countPatches(book)
	reply, changes, _ := book.Answer(1, node)
	if after := countPatches(book); after-before != len(changes) {
		t.Fatalf("%d patches more, %d changes", after-before, len(changes))
	}
	for _, answer := range []waBinary.Node{reply, book.Conflict(1, node)} {
		if _, err := waBinary.Marshal(answer); err != nil {
			t.Fatal(err)
		}
	}
}

func countPatches(book *Book) int {
	count := 0
	for _, name := range Names {
		count += len(book.Patches(name))
	}
	return count
}

// decodeAny reads bytes as a node if they are one; whatsmeow's decoder panics on some that are not.
func decodeAny(data []byte) (node *waBinary.Node) {
	defer func() {
		if recover() != nil {
			node = nil
		}
	}()
	node, err := waBinary.Unmarshal(data)
	if err != nil {
		return nil
	}
	return node
}

// validPatch makes a patch that verifies, for the fuzzer to start from.
func validPatch(f *testing.F, book *Book) []byte {
	twin := New(Options{})
	twin.keys = book.keys
	if _, err := twin.Write("regular_low", archive(chat, true)); err != nil {
		f.Fatal(err)
	}
	return twin.Patches("regular_low")[0]
}
