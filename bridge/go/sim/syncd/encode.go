package syncd

import (
	"errors"
	"fmt"
	"slices"

	"go.mau.fi/whatsmeow/proto/waServerSync"
	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"go.mau.fi/whatsmeow/util/cbcutil"
	"google.golang.org/protobuf/proto"
)

// ErrInvalidMutation is returned for a write that the phone can't make a patch of.
var ErrInvalidMutation = errors.New("invalid mutation")

// Mutation is one thing that the phone writes. Operation is "set" or "remove"; Version is the fixed
// number of the index's kind; TimestampMS 0 means now.
type Mutation struct {
	Operation   string
	Index       []string
	Version     int32
	Value       *waSyncAction.SyncActionValue
	TimestampMS int64
}

func (m Mutation) check(seen map[string]bool) error {
	text := indexText(m.Index)
	if m.Operation != "set" && m.Operation != "remove" {
		return fmt.Errorf("%w: operation %q is neither set nor remove", ErrInvalidMutation, m.Operation)
	}
	if seen[text] {
		return fmt.Errorf("%w: index %s stands twice in one patch", ErrInvalidMutation, text)
	}
	seen[text] = true
	return nil
}

func checkMutations(mutations []Mutation) error {
	if len(mutations) == 0 {
		return fmt.Errorf("%w: a patch needs at least one", ErrInvalidMutation)
	}
	seen := make(map[string]bool)
	for _, entry := range mutations {
		if err := entry.check(seen); err != nil {
			return err
		}
	}
	return nil
}

// write appends a patch of the phone's, which reads its own entries back as it reads any others.
func (c *collection) write(keys *keyring, nowMS int64, mutations []Mutation) error {
	key := keys.newest()
	entries, err := c.encode(key, nowMS, mutations)
	if err != nil {
		return err
	}
	check := verification{collection: c, keys: keys}
	decoded := make([]mutation, len(entries))
	for i, entry := range entries {
		decoded[i] = check.decode(i+1, entry)
	}
	if len(check.findings) > 0 {
		return fmt.Errorf("%w: %s", ErrInvalidMutation, check.findings[0].detail)
	}
	result := c.preview(decoded)
	return c.commit(0, c.seal(key, entries, result.hash[:]), result)
}

// encode turns mutations into the entries of a patch. A remove becomes one entry for each key under which
// the index is live, so that nothing of it stays; with none, one under the newest key.
func (c *collection) encode(
	newest *expandedKey, nowMS int64, mutations []Mutation,
) ([]*waServerSync.SyncdMutation, error) {
	var entries []*waServerSync.SyncdMutation
	for _, wanted := range mutations {
		if wanted.TimestampMS == 0 {
			wanted.TimestampMS = nowMS
		}
		keys := []*expandedKey{newest}
		if live := c.keysOf(wanted.Index); wanted.Operation == "remove" && len(live) > 0 {
			keys = live
		}
		for _, key := range keys {
			entry, err := encrypt(key, wanted)
			if err != nil {
				return nil, err
			}
			entries = append(entries, entry)
		}
	}
	return entries, nil
}

func encrypt(key *expandedKey, wanted Mutation) (*waServerSync.SyncdMutation, error) {
	operation := waServerSync.SyncdMutation_SET
	value := &waSyncAction.SyncActionValue{}
	if wanted.Operation == "remove" {
		operation = waServerSync.SyncdMutation_REMOVE
	} else if wanted.Value != nil {
		value = proto.CloneOf(wanted.Value)
	}
	value.Timestamp = proto.Int64(wanted.TimestampMS)
	index := []byte(indexText(wanted.Index))
	plaintext, err := proto.Marshal(&waSyncAction.SyncActionData{
		Index: index, Value: value, Padding: []byte{}, Version: proto.Int32(wanted.Version),
	})
	if err != nil {
		return nil, fmt.Errorf("%w: the value can't be encoded: %w", ErrInvalidMutation, err)
	}
	encrypted, err := cbcutil.Encrypt(key.valueEncryption, nil, plaintext)
	if err != nil {
		return nil, fmt.Errorf("encrypt a mutation: %w", err)
	}
	encrypted = slices.Clip(encrypted)
	return &waServerSync.SyncdMutation{
		Operation: operation.Enum(),
		Record: &waServerSync.SyncdRecord{
			Index: &waServerSync.SyncdIndex{Blob: key.indexMAC(index)},
			Value: &waServerSync.SyncdValue{Blob: append(encrypted, key.valueMAC(operation, encrypted)...)},
			KeyID: &waServerSync.KeyId{ID: key.id},
		},
	}, nil
}

// seal makes a patch of the entries: the hash they lead to is in its snapshot MAC.
func (c *collection) seal(
	key *expandedKey, entries []*waServerSync.SyncdMutation, lthash []byte,
) *waServerSync.SyncdPatch {
	patch := &waServerSync.SyncdPatch{
		Mutations:   entries,
		KeyID:       &waServerSync.KeyId{ID: key.id},
		SnapshotMAC: key.snapshotMAC(c.name, c.version()+1, lthash),
	}
	patch.PatchMAC = key.patchMAC(c.name, c.version()+1, patch)
	return patch
}
