package syncd

import (
	"bytes"
	"crypto/hmac"
	"encoding/json"
	"errors"
	"fmt"

	"go.mau.fi/whatsmeow/proto/waServerSync"
	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"go.mau.fi/whatsmeow/util/cbcutil"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// The bounds inside which WhatsApp Web keeps mutations inline.
const (
	maxInlineMutations = 100
	maxInlineBytes     = 100 * 1024
)

const blockSize = 16

// finding is one thing that is wrong with a request; the kinds are part of the control API.
type finding struct{ kind, detail string }

// parsePatch reads a patch and refuses what nobody could store or hash: such a patch is turned away even
// when the book is lenient.
func parsePatch(raw []byte) (*waServerSync.SyncdPatch, *finding) {
	patch := &waServerSync.SyncdPatch{}
	if err := proto.Unmarshal(raw, patch); err != nil {
		return nil, &finding{"malformed_patch", "the patch is not a SyncdPatch"}
	}
	if patch.GetExternalMutations() != nil {
		return nil, &finding{"external_mutations", "mutations outside of the patch are not offered"}
	}
	if len(patch.GetMutations()) == 0 {
		return nil, &finding{"empty_patch", "the patch has no mutations"}
	}
	for i, entry := range patch.GetMutations() {
		if problem := shapeProblem(entry); problem != "" {
			return nil, &finding{"malformed_patch", fmt.Sprintf("mutation %d %s", i+1, problem)}
		}
	}
	return patch, nil
}

func shapeProblem(entry *waServerSync.SyncdMutation) string {
	operation := entry.GetOperation()
	encrypted := len(entry.GetRecord().GetValue().GetBlob()) - blockSize - macSize
	switch {
	case operation != waServerSync.SyncdMutation_SET && operation != waServerSync.SyncdMutation_REMOVE:
		return "has an unknown operation"
	case len(entry.GetRecord().GetIndex().GetBlob()) != macSize:
		return "has an index MAC of the wrong length"
	case encrypted < blockSize || encrypted%blockSize != 0:
		return "has a value of the wrong length"
	}
	return ""
}

// verification checks one patch, as the phone does, against the collection it would be appended to.
type verification struct {
	collection *collection
	keys       *keyring
	findings   []finding
}

func (v *verification) complain(kind, format string, arguments ...any) {
	v.findings = append(v.findings, finding{kind, fmt.Sprintf(format, arguments...)})
}

// run decodes and checks a parsed patch. Its outcome is usable even if there are findings.
func (v *verification) run(patch *waServerSync.SyncdPatch) outcome {
	version := v.collection.version() + 1
	if patch.Version != nil && patch.GetVersion().GetVersion() != version {
		v.complain("patch_version", "the patch says version %d, its base makes it %d",
			patch.GetVersion().GetVersion(), version)
	}
	mutations := make([]mutation, len(patch.GetMutations()))
	for i, entry := range patch.GetMutations() {
		mutations[i] = v.decode(i+1, entry)
	}
	v.checkDuplicates(mutations)
	result := v.collection.preview(mutations)
	v.checkMACs(patch, version, result.hash[:])
	return result
}

// checkSize holds a companion to the inline bounds; the phone keeps its own.
func (v *verification) checkSize(patch *waServerSync.SyncdPatch) {
	if count := len(patch.GetMutations()); count > maxInlineMutations {
		v.complain("too_many_mutations", "%d mutations in one patch, at most %d go inline",
			count, maxInlineMutations)
	}
	if size := proto.Size(patch); size > maxInlineBytes {
		v.complain("too_large", "%d bytes in one patch, at most %d go inline", size, maxInlineBytes)
	}
}

func (v *verification) checkMACs(patch *waServerSync.SyncdPatch, version uint64, lthash []byte) {
	key := v.keys.expanded[string(patch.GetKeyID().GetID())]
	if key == nil {
		v.complain("unknown_key", "the patch was made with key %x", patch.GetKeyID().GetID())
		return
	}
	name := v.collection.name
	if !hmac.Equal(key.snapshotMAC(name, version, lthash), patch.GetSnapshotMAC()) {
		v.complain("snapshot_mac", "the snapshot MAC of version %d does not fit", version)
	}
	if !hmac.Equal(key.patchMAC(name, version, patch), patch.GetPatchMAC()) {
		v.complain("patch_mac", "the patch MAC of version %d does not fit", version)
	}
}

// decode reads one mutation; what can't be decrypted has no action and counts for the hash alone.
func (v *verification) decode(position int, entry *waServerSync.SyncdMutation) mutation {
	encrypted, valueMAC := splitBlob(entry)
	decoded := mutation{
		operation: entry.GetOperation(),
		indexMAC:  mac(entry.GetRecord().GetIndex().GetBlob()),
		valueMAC:  mac(valueMAC),
		sealed:    entry.GetRecord(),
	}
	key := v.keys.expanded[string(entry.GetRecord().GetKeyID().GetID())]
	if key == nil {
		v.complain("unknown_key", "mutation %d was made with key %x",
			position, entry.GetRecord().GetKeyID().GetID())
		return decoded
	}
	decoded.key = key
	if !hmac.Equal(key.valueMAC(decoded.operation, encrypted), valueMAC) {
		v.complain("value_mac", "the value MAC of mutation %d does not fit", position)
		return decoded
	}
	content, err := decrypt(key, encrypted)
	if err != nil {
		v.complain("malformed_value", "mutation %d: %v", position, err)
		return decoded
	}
	if !hmac.Equal(key.indexMAC(content.rawIndex), decoded.indexMAC[:]) {
		v.complain("index_mac", "the index MAC of mutation %d does not fit", position)
		return decoded
	}
	decoded.content = content
	return decoded
}

func decrypt(key *expandedKey, encrypted []byte) (*content, error) {
	buffer := bytes.Clone(encrypted) // decrypting happens in place
	plaintext, err := cbcutil.Decrypt(key.valueEncryption, buffer[:blockSize], buffer[blockSize:])
	if err != nil {
		return nil, errors.New("the value can't be decrypted")
	}
	action := &waSyncAction.SyncActionData{}
	if err = proto.Unmarshal(plaintext, action); err != nil {
		return nil, errors.New("the value is not a SyncActionData")
	}
	var index []string
	if err = json.Unmarshal(action.GetIndex(), &index); err != nil || index == nil {
		return nil, errors.New("the index is not a list of strings")
	}
	value, err := show(action.GetValue())
	if err != nil {
		return nil, errors.New("the value has no JSON form")
	}
	mutatedMS := action.GetValue().GetTimestamp()
	return &content{
		rawIndex: action.GetIndex(), index: index, value: value, mutatedMS: mutatedMS, plain: plaintext,
	}, nil
}

// show gives a value its JSON form, without the timestamp and with spacing that never varies.
func show(value *waSyncAction.SyncActionValue) (json.RawMessage, error) {
	bare := &waSyncAction.SyncActionValue{}
	if value != nil {
		bare = proto.CloneOf(value)
		bare.Timestamp = nil
	}
	text, err := protojson.Marshal(bare)
	if err != nil {
		return nil, err
	}
	var compact bytes.Buffer
	err = json.Compact(&compact, text)
	return compact.Bytes(), err
}

// checkDuplicates finds an index that a patch mutates twice: clients disagree about the hash then. To set
// it under a new key and to remove it under an old one is fine, those are two records.
func (v *verification) checkDuplicates(mutations []mutation) {
	byMAC := make(map[mac]int)
	bySet := make(map[string]int)
	for i, entry := range mutations {
		first, twice := byMAC[entry.indexMAC]
		if !twice && entry.content != nil && entry.operation == waServerSync.SyncdMutation_SET {
			text := indexText(entry.content.index)
			if first, twice = bySet[text]; !twice {
				bySet[text] = i
			}
		}
		if twice {
			v.complain("duplicate_index", "mutations %d and %d have the same index", first+1, i+1)
			continue
		}
		byMAC[entry.indexMAC] = i
	}
}
