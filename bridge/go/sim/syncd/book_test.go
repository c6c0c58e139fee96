package syncd

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"go.mau.fi/whatsmeow/util/hkdfutil"
	"google.golang.org/protobuf/proto"
)

// recompute adds up the live value MACs lane by lane, from nothing.
func recompute(target *collection) [128]byte {
	var lanes [64]uint16
	for _, valueMAC := range target.live {
		expanded := hkdfutil.SHA256(valueMAC[:], nil, []byte("WhatsApp Patch Integrity"), 128)
		for i := range lanes {
			lanes[i] += binary.LittleEndian.Uint16(expanded[2*i:])
		}
	}
	var out [128]byte
	for i, lane := range lanes {
		binary.LittleEndian.PutUint16(out[2*i:], lane)
	}
	return out
}

// After any sequence of sets, removes and key rotations the LTHash is the sum of the live value MACs, a
// stock reader agrees, and the view holds what was set last.
func TestHashIsTheSumOfLiveValues(t *testing.T) {
	for seed := range uint64(10) {
		random := rand.New(rand.NewPCG(seed, 1))
		now := newClock()
		book := New(Options{Now: now.Now})
		expected := make(map[string]string)
		for range 40 {
			now.now = now.now.Add(time.Second)
			if random.IntN(6) == 0 {
				book.Rotate()
			}
			mustWrite(t, book, "regular_low", randomMutations(random, expected)...)
			target := book.collections["regular_low"]
			if target.hash != recompute(target) {
				t.Fatalf("seed %d: version %d has another hash than its live values", seed, target.version())
			}
		}
		reader := newCompanion(t, book, 1)
		reader.fetch("regular_low")
		if hash, _, _ := book.Hash("regular_low"); reader.memory.states["regular_low"].Hash != hash {
			t.Fatalf("seed %d: a stock reader has another hash", seed)
		}
		seen := make(map[string]string)
		for _, entry := range mustView(t, book, "regular_low").Entries {
			seen[entry.Index[1]] = string(entry.Value)
		}
		if len(seen) != len(expected) {
			t.Fatalf("seed %d: %d entries instead of %d", seed, len(seen), len(expected))
		}
		for jid, value := range expected {
			if seen[jid] != value {
				t.Fatalf("seed %d: %s is %s instead of %s", seed, jid, seen[jid], value)
			}
		}
	}
}

func randomMutations(random *rand.Rand, expected map[string]string) []Mutation {
	var mutations []Mutation
	for _, number := range random.Perm(6)[:1+random.IntN(4)] {
		jid := chatNumber(number)
		switch random.IntN(3) {
		case 0:
			mutations = append(mutations, remove("archive", jid))
			delete(expected, jid)
		case 1:
			mutations = append(mutations, archive(jid, true))
			expected[jid] = `{"archiveChatAction":{"archived":true}}`
		default:
			mutations = append(mutations, archive(jid, false))
			expected[jid] = `{"archiveChatAction":{"archived":false}}`
		}
	}
	return mutations
}

// The indexes that crash careless readers can be written, and are read back as they are.
func TestOddIndexesFromThePhone(t *testing.T) {
	book := New(Options{})
	mustWrite(t, book, "regular", Mutation{Operation: "set", Index: []string{}, Version: 1},
		Mutation{Operation: "set", Index: []string{"label_edit"}, Version: 3})
	view := mustView(t, book, "regular")
	if len(view.Entries) != 2 || len(view.Entries[0].Index) != 0 ||
		!slices.Equal(view.Entries[1].Index, []string{"label_edit"}) {
		t.Fatalf("view %+v", view)
	}
	if mutations := newCompanion(t, book, 1).fetch("regular"); len(mutations) != 2 {
		t.Fatalf("a stock reader saw %d mutations", len(mutations))
	}
}

// After a rotation one index is live under two keys, and the newest timestamp counts whichever came last.
func TestRotationBetweenTwoWrites(t *testing.T) {
	for _, test := range []struct {
		secondMS int64
		expected string
	}{
		{2_000, `{"archiveChatAction":{"archived":false}}`},
		{1_000, `{"archiveChatAction":{"archived":false}}`},
		{500, `{"archiveChatAction":{"archived":true}}`},
	} {
		book := New(Options{})
		first, second := archive(chat, true), archive(chat, false)
		first.TimestampMS, second.TimestampMS = 1_000, test.secondMS
		mustWrite(t, book, "regular_low", first)
		book.Rotate()
		mustWrite(t, book, "regular_low", second)
		if live := len(book.collections["regular_low"].live); live != 2 {
			t.Fatalf("%d live records instead of 2", live)
		}
		view := mustView(t, book, "regular_low")
		if len(view.Entries) != 1 || string(view.Entries[0].Value) != test.expected {
			t.Fatalf("second write at %d: %s", test.secondMS, view.Entries[0].Value)
		}
		mustWrite(t, book, "regular_low", remove("archive", chat))
		view = mustView(t, book, "regular_low")
		if len(view.Entries) != 0 || len(book.collections["regular_low"].live) != 0 {
			t.Fatalf("something of the index outlived its removal: %+v", view)
		}
	}
}

// A companion's removal under a new key hides an older key's record; one under an old key leaves the new
// one alone, even in the patch that sets it.
func TestRemovalUnderAnotherKey(t *testing.T) {
	book := New(Options{})
	mustWrite(t, book, "regular_low", archive(chat, true), archive(chatNumber(9), true))
	oldKey := book.keys.newest()
	book.Rotate()
	target := book.collections["regular_low"]
	for _, step := range []struct {
		key      *expandedKey
		wanted   Mutation
		expected int
	}{
		{book.keys.newest(), archive(chat, false), 2},
		{oldKey, remove("archive", chat), 2},
		{book.keys.newest(), remove("archive", chatNumber(9)), 1},
	} {
		entry, err := encrypt(step.key, step.wanted)
		if err != nil {
			t.Fatal(err)
		}
		check := verification{collection: target, keys: &book.keys}
		decoded := []mutation{check.decode(1, entry)}
		patch := target.seal(book.keys.newest(), nil, nil)
		if err = target.commit(1, patch, target.preview(decoded)); err != nil {
			t.Fatal(err)
		}
		if view := mustView(t, book, "regular_low"); len(view.Entries) != step.expected {
			t.Fatalf("%s %v: %d entries", step.wanted.Operation, step.wanted.Index, len(view.Entries))
		}
	}
}

// To set an index under a new key and to remove it under the old one in a single patch is no duplicate.
func TestRotationInOnePatchIsNoDuplicate(t *testing.T) {
	book := New(Options{})
	oldKey := book.keys.newest()
	book.Rotate()
	target := book.collections["regular"]
	check := verification{collection: target, keys: &book.keys}
	var decoded []mutation
	for _, step := range []struct {
		key    *expandedKey
		wanted Mutation
	}{{book.keys.newest(), archive(chat, true)}, {oldKey, remove("archive", chat)}} {
		entry, err := encrypt(step.key, step.wanted)
		if err != nil {
			t.Fatal(err)
		}
		decoded = append(decoded, check.decode(1, entry))
	}
	if check.checkDuplicates(decoded); len(check.findings) != 0 {
		t.Fatalf("findings %v", check.findings)
	}
	if check.checkDuplicates(slices.Repeat(decoded[:1], 2)); len(check.findings) != 1 {
		t.Fatalf("findings %v", check.findings)
	}
}

// The phone refuses to write what no reader could agree on, and leaves the caller's values alone.
func TestWriteRefusesInvalidMutations(t *testing.T) {
	book := New(Options{})
	value := archiveValue(true)
	broken := &waSyncAction.SyncActionValue{
		PushNameSetting: &waSyncAction.PushNameSetting{Name: proto.String("\xff")},
	}
	for name, mutations := range map[string][]Mutation{
		"none":         {},
		"operation":    {{Operation: "toggle", Index: []string{"archive", chat}}},
		"twice":        {archive(chat, true), remove("archive", chat)},
		"twice nil":    {{Operation: "set"}, {Operation: "set", Index: []string{}}},
		"invalid text": {{Operation: "set", Index: []string{"setting_pushName"}, Value: broken}},
	} {
		if _, err := book.Write("regular_low", mutations...); !errors.Is(err, ErrInvalidMutation) {
			t.Fatalf("%s: %v", name, err)
		}
	}
	mustWrite(t, book, "regular_low", Mutation{Operation: "set", Index: []string{"archive", chat}, Value: value})
	if value.Timestamp != nil {
		t.Fatal("the caller's value was changed")
	}
}

// Unknown collections are an error everywhere.
func TestUnknownCollection(t *testing.T) {
	book := New(Options{})
	_, writeErr := book.Write("regular_middle", archive(chat, true))
	_, viewErr := book.View("regular_middle")
	_, _, hashErr := book.Hash("regular_middle")
	for _, err := range []error{writeErr, viewErr, hashErr} {
		if !errors.Is(err, ErrUnknownCollection) {
			t.Fatal(err)
		}
	}
	if book.Patches("regular_middle") != nil {
		t.Fatal("an unknown collection has patches")
	}
}

// Keys have distinct ids and rising timestamps although the clock stands still, and are copies.
func TestRotatedKeysRise(t *testing.T) {
	book := New(Options{Now: newClock().Now})
	for range 5 {
		book.Rotate()
	}
	keys := book.Keys()
	for i := 1; i < len(keys); i++ {
		if keys[i].TimestampMS <= keys[i-1].TimestampMS || slices.Equal(keys[i].ID, keys[i-1].ID) ||
			slices.Equal(keys[i].Data, keys[i-1].Data) {
			t.Fatalf("key %d does not differ from the one before it", i)
		}
	}
	keys[0].Data[0]++
	if book.Keys()[0].Data[0] == keys[0].Data[0] {
		t.Fatal("a caller can change the book's key")
	}
}

// The fixed shape of a view: snake case, a list of entries even if empty, no timestamp in a value.
func TestViewShape(t *testing.T) {
	book := New(Options{})
	empty, _ := json.Marshal(mustView(t, book, "regular"))
	mustWrite(t, book, "regular", Mutation{Operation: "set", Index: []string{"nux", "a"}, TimestampMS: 5})
	view := mustView(t, book, "regular")
	full, _ := json.Marshal(view)
	expected := `{"name":"regular","version":1,"hash":"` + view.Hash + `",` +
		`"entries":[{"index":["nux","a"],"value":{},"version":1,"author":0}]}`
	nothing := `{"name":"regular","version":0,"hash":"` + strings.Repeat("00", 128) + `","entries":[]}`
	if string(empty) != nothing || string(full) != expected {
		t.Fatalf("%s\n%s", empty, full)
	}
}
