package engine

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"wuts/sim/syncd"
)

func chatNumber(n int) types.JID {
	return types.NewJID(fmt.Sprintf("1555000%04d", n), types.DefaultUserServer)
}

func archive(chat types.JID) appstate.MutationInfo {
	return BuildArchive(chat, true, time.Unix(1_700_000_000, 0))
}

func archiveWithPin(chat types.JID) []appstate.MutationInfo {
	return []appstate.MutationInfo{archive(chat), BuildPin(chat, false)}
}

func archives(count int) []appstate.MutationInfo {
	mutations := make([]appstate.MutationInfo, count)
	for i := range mutations {
		mutations[i] = archive(chatNumber(i))
	}
	return mutations
}

func phoneArchives(chat types.JID) syncd.Mutation {
	return syncd.Mutation{
		Operation: "set", Index: []string{appstate.IndexArchive, chat.String()}, Version: 3,
		Value: &waSyncAction.SyncActionValue{
			ArchiveChatAction: &waSyncAction.ArchiveChatAction{Archived: proto.Bool(true)},
		},
	}
}

func phoneRemoves(index ...string) syncd.Mutation {
	return syncd.Mutation{Operation: "remove", Index: index, Version: 3}
}

// account is the simulated server and phone with the devices that are linked to it.
type account struct {
	t    *testing.T
	book *syncd.Book
	mu   sync.Mutex
	rigs []*rig
}

func newAccount(t *testing.T, options syncd.Options) *account {
	t.Helper()
	return &account{t: t, book: syncd.New(options)}
}

// write lets the phone write to regular_low and notifies the devices.
func (a *account) write(mutations ...syncd.Mutation) {
	a.t.Helper()
	if _, err := a.book.Write(string(low), mutations...); err != nil {
		a.t.Error(err)
	}
	a.notify(0, low)
}

func (a *account) notify(author uint16, name appstate.WAPatchName) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range a.rigs {
		if r.wire.device != author {
			// whatsmeow looks the version up when a notification comes.
			_, _, _ = r.device.AppState.GetAppStateVersion(context.Background(), string(name))
		}
	}
}

// link adds a device that has the phone's keys and has fetched everything once.
func (a *account) link() *rig {
	a.t.Helper()
	r := newRig(a.t, a, filepath.Join(a.t.TempDir(), "device.db"))
	r.shareKeys()
	for _, name := range appstate.AllPatchNames {
		r.sync(name)
	}
	r.takeChanges()
	r.wire.takeQueries()
	return r
}
