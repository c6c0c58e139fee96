package syncd

import (
	"context"
	"strconv"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waServerSync"
	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"go.mau.fi/whatsmeow/store"
	waLog "go.mau.fi/whatsmeow/util/log"
	"google.golang.org/protobuf/proto"
)

const chat = "15550000001@s.whatsapp.net"

// memory is the part of a device store that whatsmeow's app-state processor needs.
type memory struct {
	store.NoopStore
	keys   map[string]*store.AppStateSyncKey
	states map[string]appstate.HashState
	macs   map[string]map[string][]byte
}

func (m *memory) GetAppStateSyncKey(_ context.Context, id []byte) (*store.AppStateSyncKey, error) {
	return m.keys[string(id)], nil
}

func (m *memory) PutAppStateVersion(_ context.Context, name string, version uint64, hash [128]byte) error {
	m.states[name] = appstate.HashState{Version: version, Hash: hash}
	return nil
}

func (m *memory) PutAppStateMutationMACs(
	_ context.Context, name string, _ uint64, macs []store.AppStateMutationMAC,
) error {
	if m.macs[name] == nil {
		m.macs[name] = make(map[string][]byte)
	}
	for _, entry := range macs {
		m.macs[name][string(entry.IndexMAC)] = entry.ValueMAC
	}
	return nil
}

func (m *memory) DeleteAppStateMutationMACs(_ context.Context, name string, indexMACs [][]byte) error {
	for _, indexMAC := range indexMACs {
		delete(m.macs[name], string(indexMAC))
	}
	return nil
}

func (m *memory) GetAppStateMutationMAC(_ context.Context, name string, indexMAC []byte) ([]byte, error) {
	return m.macs[name][string(indexMAC)], nil
}

// companion is a linked device that reads and writes with whatsmeow's own processor.
type companion struct {
	t      *testing.T
	book   *Book
	device uint16
	memory *memory
	keyID  []byte
	reader *appstate.Processor
}

func newCompanion(t *testing.T, book *Book, device uint16) *companion {
	t.Helper()
	c := &companion{t: t, book: book, device: device, memory: &memory{
		keys: make(map[string]*store.AppStateSyncKey), states: make(map[string]appstate.HashState),
		macs: make(map[string]map[string][]byte),
	}}
	c.reader = appstate.NewProcessor(&store.Device{AppStateKeys: c.memory, AppState: c.memory}, waLog.Noop)
	c.takeKeys()
	return c
}

// takeKeys receives the phone's key share and writes with its newest key from then on.
func (c *companion) takeKeys() {
	for _, key := range c.book.Keys() {
		c.memory.keys[string(key.ID)] = &store.AppStateSyncKey{Data: key.Data, Timestamp: key.TimestampMS}
		c.keyID = key.ID
	}
}

// fetch reads what is new in a collection, page by page, verifying every MAC.
func (c *companion) fetch(name string) []appstate.Mutation {
	c.t.Helper()
	var mutations []appstate.Mutation
	for more := true; more; {
		request := fetchNode(name, c.memory.states[name].Version)
		reply, changes, violations := c.book.Answer(c.device, overWire(c.t, request))
		if len(changes)+len(violations) > 0 {
			c.t.Fatalf("fetching changed %v and violated %v", changes, violations)
		}
		var page []appstate.Mutation
		page, more = c.apply(name, reply)
		mutations = append(mutations, page...)
	}
	return mutations
}

func (c *companion) apply(name string, reply waBinary.Node) ([]appstate.Mutation, bool) {
	c.t.Helper()
	reply = overWire(c.t, reply)
	node := reply.GetChildByTag("collection")
	list, err := appstate.ParsePatchList(c.t.Context(), &node, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	mutations, state, err := c.reader.DecodePatches(c.t.Context(), list, c.memory.states[name], true)
	if err != nil {
		c.t.Fatal(err)
	}
	if len(list.Patches) > 0 {
		c.memory.states[name] = state
	}
	return mutations, list.HasMorePatches
}

// patch encodes mutations on top of what the companion knows.
func (c *companion) patch(name string, mutations ...appstate.MutationInfo) []byte {
	c.t.Helper()
	raw, err := c.reader.EncodePatch(c.t.Context(), c.keyID, c.memory.states[name], appstate.PatchInfo{
		Type: appstate.WAPatchName(name), Mutations: mutations,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return raw
}

// upload sends a patch on the companion's base, and returns the collection node of the answer.
func (c *companion) upload(name string, patch []byte) (waBinary.Node, []Change, []Violation) {
	c.t.Helper()
	request := uploadNode(name, c.memory.states[name].Version, patch)
	reply, changes, violations := c.book.Answer(c.device, overWire(c.t, request))
	reply = overWire(c.t, reply)
	return reply.GetChildByTag("collection"), changes, violations
}

func fetchNode(name string, version uint64) waBinary.Node {
	return waBinary.Node{Tag: "sync", Content: []waBinary.Node{{Tag: "collection", Attrs: waBinary.Attrs{
		"name": name, "version": version, "return_snapshot": version == 0,
	}}}}
}

func uploadNode(name string, base uint64, patch []byte) waBinary.Node {
	return waBinary.Node{Tag: "sync", Content: []waBinary.Node{{
		Tag:     "collection",
		Attrs:   waBinary.Attrs{"name": name, "version": base, "return_snapshot": false},
		Content: []waBinary.Node{{Tag: "patch", Content: patch}},
	}}}
}

// overWire gives a node the form that it has after WhatsApp's binary encoding.
func overWire(t *testing.T, node waBinary.Node) waBinary.Node {
	t.Helper()
	data, err := waBinary.Marshal(node)
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := waBinary.Unmarshal(data[1:])
	if err != nil {
		t.Fatal(err)
	}
	return *decoded
}

func archiveInfo(jid string, archived bool) appstate.MutationInfo {
	return appstate.MutationInfo{Index: []string{"archive", jid}, Version: 3, Value: archiveValue(archived)}
}

func archiveValue(archived bool) *waSyncAction.SyncActionValue {
	return &waSyncAction.SyncActionValue{
		ArchiveChatAction: &waSyncAction.ArchiveChatAction{Archived: proto.Bool(archived)},
	}
}

func archive(jid string, archived bool) Mutation {
	return Mutation{Operation: "set", Index: []string{"archive", jid}, Version: 3, Value: archiveValue(archived)}
}

func remove(index ...string) Mutation {
	return Mutation{Operation: "remove", Index: index, Version: 3}
}

func chatNumber(number int) string {
	return strconv.Itoa(15550000000+number) + "@s.whatsapp.net"
}

func mustWrite(t *testing.T, book *Book, name string, mutations ...Mutation) uint64 {
	t.Helper()
	version, err := book.Write(name, mutations...)
	if err != nil {
		t.Fatal(err)
	}
	return version
}

func mustView(t *testing.T, book *Book, name string) View {
	t.Helper()
	view, err := book.View(name)
	if err != nil {
		t.Fatal(err)
	}
	return view
}

// tamper decodes a patch, lets change spoil it and encodes it again.
func tamper(t *testing.T, raw []byte, change func(*waServerSync.SyncdPatch)) []byte {
	t.Helper()
	patch := &waServerSync.SyncdPatch{}
	if err := proto.Unmarshal(raw, patch); err != nil {
		t.Fatal(err)
	}
	change(patch)
	out, err := proto.Marshal(patch)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// clock is a time that tests move.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func newClock() *clock { return &clock{now: time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)} }
