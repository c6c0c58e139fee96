package syncd

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// A book that was saved and loaded answers, hashes and shows as before, and goes on from there.
func TestSaveAndLoad(t *testing.T) {
	book := New(Options{})
	device := newCompanion(t, book, 4)
	mustWrite(t, book, "regular_low", archive(chat, true), archive(chatNumber(8), true))
	book.Rotate()
	device.takeKeys()
	device.fetch("regular_low")
	device.upload("regular_low", device.patch("regular_low", archiveInfo(chat, false)))
	saved, err := json.Marshal(book)
	if err != nil {
		t.Fatal(err)
	}
	loaded := New(Options{PageSize: 1})
	if err = json.Unmarshal(saved, loaded); err != nil {
		t.Fatal(err)
	}
	before, after := mustView(t, book, "regular_low"), mustView(t, loaded, "regular_low")
	beforeText, _ := json.Marshal(before)
	afterText, _ := json.Marshal(after)
	if string(beforeText) != string(afterText) || loaded.options.PageSize != 1 {
		t.Fatalf("saved %s, loaded %s", beforeText, afterText)
	}
	device.book = loaded
	device.fetch("regular_low")
	_, changes, violations := device.upload("regular_low", device.patch("regular_low", archiveInfo(chat, true)))
	if len(changes) != 1 || changes[0].Version != 3 || len(violations) != 0 {
		t.Fatalf("changes %v, violations %v", changes, violations)
	}
}

// A saved book that was changed by hand is refused, and the book that should have taken it keeps its own.
func TestLoadRefusesBrokenState(t *testing.T) {
	book := New(Options{})
	mustWrite(t, book, "regular_low", archive(chat, true))
	saved, _ := json.Marshal(book)
	keyless := strings.Replace(string(saved), `"keys":[`, `"keys":[],"former":[`, 1)
	misnamed := strings.Replace(string(saved), `"regular_low"`, `"regular_middle"`, 1)
	moved := strings.NewReplacer(`"regular_low"`, `"regular_high"`, `"regular_high"`, `"regular_low"`).
		Replace(string(saved))
	for name, text := range map[string]string{
		"no object": `[]`, "no keys": keyless, "unknown collection": misnamed, "patch of another": moved,
	} {
		if err := json.Unmarshal([]byte(text), book); !errors.Is(err, ErrInvalidState) {
			t.Fatalf("%s: %v", name, err)
		}
	}
	if _, version, _ := book.Hash("regular_low"); version != 1 {
		t.Fatalf("version %d after a failed load", version)
	}
}
