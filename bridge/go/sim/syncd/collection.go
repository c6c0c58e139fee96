package syncd

import (
	"cmp"
	"encoding/json"
	"slices"

	"go.mau.fi/whatsmeow/appstate/lthash"
	"go.mau.fi/whatsmeow/proto/waServerSync"
	"google.golang.org/protobuf/proto"
)

// Names are the five collections of an account.
var Names = []string{"critical_block", "critical_unblock_low", "regular_high", "regular", "regular_low"}

// storedPatch is a patch with its version inside. Served is the copy that was damaged, if one was.
type storedPatch struct {
	Author uint16 `json:"author"`
	Data   []byte `json:"data"`
	Served []byte `json:"served,omitempty"`
}

// served is what clients get to see.
func (p storedPatch) served() []byte {
	if p.Served != nil {
		return p.Served
	}
	return p.Data
}

// record is the live value of one index under one key. The MAC of an index depends on the key, so after
// a rotation one index can have two live records.
type record struct {
	index     []string
	value     json.RawMessage
	key       *expandedKey
	version   uint64
	author    uint16
	mutatedMS int64
	valueMAC  mac
	plain     []byte // the SyncActionData
}

// collection is the server's list of patches and the phone's reading of them. Patch i has version i+1.
type collection struct {
	name    string
	patches []storedPatch
	hash    [128]byte
	live    map[mac]mac                       // index MAC → value MAC of its last SET
	sealed  map[mac]*waServerSync.SyncdRecord // index MAC → its last SET as it was uploaded
	records map[string]map[string]*record     // index as JSON → key id → record
}

func newCollection(name string) *collection {
	return &collection{
		name: name, live: make(map[mac]mac), sealed: make(map[mac]*waServerSync.SyncdRecord),
		records: make(map[string]map[string]*record),
	}
}

func (c *collection) version() uint64 {
	return uint64(len(c.patches))
}

// mutation is one entry of a patch. Without content it could not be read: it counts for the hash alone.
type mutation struct {
	operation waServerSync.SyncdMutation_SyncdOperation
	indexMAC  mac
	valueMAC  mac
	key       *expandedKey
	sealed    *waServerSync.SyncdRecord
	content   *content
}

// content is what a mutation says, decrypted. Value is protojson without the timestamp.
type content struct {
	rawIndex  []byte
	index     []string
	value     json.RawMessage
	mutatedMS int64
	plain     []byte
}

// outcome is what a patch would make of a collection.
type outcome struct {
	hash      [128]byte
	changed   map[mac]*mac // nil: removed
	mutations []mutation
}

// preview computes the hash after the mutations without touching the collection. A SET adds its value
// MAC and subtracts the one before it, which may stand in the same patch; a REMOVE subtracts only.
func (c *collection) preview(mutations []mutation) outcome {
	result := outcome{hash: c.hash, changed: make(map[mac]*mac), mutations: mutations}
	var added, removed [][]byte
	for i := range mutations {
		entry := &mutations[i]
		if before, ok := c.before(result.changed, entry.indexMAC); ok {
			removed = append(removed, before[:])
		}
		if entry.operation == waServerSync.SyncdMutation_SET {
			added = append(added, entry.valueMAC[:])
			result.changed[entry.indexMAC] = &entry.valueMAC
		} else {
			result.changed[entry.indexMAC] = nil
		}
	}
	lthash.WAPatchIntegrity.SubtractThenAddInPlace(result.hash[:], removed, added)
	return result
}

func (c *collection) before(changed map[mac]*mac, indexMAC mac) (mac, bool) {
	if value, ok := changed[indexMAC]; ok {
		if value == nil {
			return mac{}, false
		}
		return *value, true
	}
	value, ok := c.live[indexMAC]
	return value, ok
}

// commit appends the patch, with its version put into it, and applies its outcome.
func (c *collection) commit(author uint16, patch *waServerSync.SyncdPatch, result outcome) error {
	patch.Version = &waServerSync.SyncdVersion{Version: proto.Uint64(c.version() + 1)}
	data, err := proto.Marshal(patch)
	if err != nil {
		return err
	}
	c.patches = append(c.patches, storedPatch{Author: author, Data: data})
	c.hash = result.hash
	for indexMAC, valueMAC := range result.changed {
		if valueMAC == nil {
			delete(c.live, indexMAC)
		} else {
			c.live[indexMAC] = *valueMAC
		}
	}
	for _, entry := range result.mutations {
		if entry.operation == waServerSync.SyncdMutation_SET {
			c.sealed[entry.indexMAC] = entry.sealed
		} else {
			delete(c.sealed, entry.indexMAC)
		}
		if entry.content != nil {
			c.apply(entry, author)
		}
	}
	return nil
}

// apply changes the phone's view. A REMOVE takes the records under its own key and older ones: a later
// key's record was written knowing of the earlier one, whose removal only tidies up.
func (c *collection) apply(entry mutation, author uint16) {
	text := indexText(entry.content.index)
	records := c.records[text]
	if entry.operation == waServerSync.SyncdMutation_SET {
		if records == nil {
			records = make(map[string]*record)
			c.records[text] = records
		}
		records[string(entry.key.id)] = &record{
			index: entry.content.index, value: entry.content.value, key: entry.key,
			version: c.version(), author: author, mutatedMS: entry.content.mutatedMS,
			valueMAC: entry.valueMAC, plain: entry.content.plain,
		}
		return
	}
	for id, old := range records {
		if old.key.timestampMS <= entry.key.timestampMS {
			delete(records, id)
		}
	}
	if len(records) == 0 {
		delete(c.records, text)
	}
}

// keysOf lists the keys under which an index is live, the oldest first.
func (c *collection) keysOf(index []string) []*expandedKey {
	var keys []*expandedKey
	for _, entry := range c.records[indexText(index)] {
		keys = append(keys, entry.key)
	}
	slices.SortFunc(keys, func(a, b *expandedKey) int { return cmp.Compare(a.timestampMS, b.timestampMS) })
	return keys
}

// indexText is an index as clients write it, a JSON array of strings.
func indexText(index []string) string {
	if index == nil {
		index = []string{}
	}
	text, _ := json.Marshal(index) // strings always marshal
	return string(text)
}
