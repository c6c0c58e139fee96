package sim

import (
	"os"
	"path/filepath"
	"testing"
)

// A server can save everything once, and another one begin with it and leave the file as it is.
func TestSaveAndBeginFrom(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	before := start(t, Options{})
	addAccount(t, before, Spec{PN: "15550000001"})
	if err := before.Save(path); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	after := start(t, Options{From: path})
	again, ok := after.Account("15550000001")
	if !ok || after.RootKey() != before.RootKey() {
		t.Fatal("account or root key is missing")
	}
	if _, err = again.Rename("Another"); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadFile(path); err != nil || string(left) != string(text) {
		t.Errorf("the file was changed: %v", err)
	}
	if _, err = Start(Options{From: path + ".missing"}); err == nil {
		t.Error("a missing file to begin with was accepted")
	}
}
