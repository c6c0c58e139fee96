package sim

import (
	"os"
	"path/filepath"
	"testing"
)

// A crowd of chats is kept across restarts with its numbers, and costs the state file next to nothing.
func TestCrowdIsKeptShort(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	before := start(t, Options{StateFile: path})
	addAccount(t, before, Spec{PN: "15550000001"})
	plain := sizeOf(t, path)
	a := addAccount(t, before, Spec{PN: "15550000002", Chats: Chats{Count: 10_000, LIDs: 8000}})
	if more := sizeOf(t, path) - plain; more > 2*plain {
		t.Errorf("a crowd takes %d bytes", more)
	}
	first, _ := a.chats.person(0)
	if err := before.Close(); err != nil {
		t.Fatal(err)
	}
	after := start(t, Options{StateFile: path})
	again, ok := after.Account("15550000002")
	if !ok || len(again.conversations()) != 10_000 {
		t.Fatal("the crowd is gone")
	}
	next := addAccount(t, after, Spec{PN: "15550000003", Chats: Chats{Count: 1}})
	if second, _ := next.chats.person(0); first == second {
		t.Error("a number was given twice")
	}
}

// An acknowledgement is written later, together with others.
func TestAcknowledgementsAreWrittenLater(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	server := start(t, Options{StateFile: path})
	a := addAccount(t, server, Spec{PN: "15550000001"})
	for range 100 {
		a.update(func(b *batch) { b.stale = true })
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.isSaveDue {
		t.Error("nothing is due to be written")
	}
}

func sizeOf(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
