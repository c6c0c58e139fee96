package syncd

import (
	"crypto/rand"
	"encoding/binary"
	"slices"

	"go.mau.fi/whatsmeow/util/hkdfutil"
)

// Fingerprint says which devices knew a key when the phone made it.
type Fingerprint struct {
	RawID         uint32   `json:"raw_id"`
	CurrentIndex  uint32   `json:"current_index"`
	DeviceIndexes []uint32 `json:"device_indexes"`
}

// Key is an app-state key as the phone shares it: ID has 6 bytes, Data 32. Timestamps of one account's
// keys are distinct and rise, because a companion writes with the key of the highest one.
type Key struct {
	ID          []byte      `json:"id"`
	Data        []byte      `json:"data"`
	Fingerprint Fingerprint `json:"fingerprint"`
	TimestampMS int64       `json:"timestamp_ms"`
}

func (k Key) clone() Key {
	k.ID = slices.Clone(k.ID)
	k.Data = slices.Clone(k.Data)
	k.Fingerprint.DeviceIndexes = slices.Clone(k.Fingerprint.DeviceIndexes)
	return k
}

// newKey makes the phone's key of an epoch: its id is the phone's device number (0) and the epoch.
func newKey(epoch uint32, timestampMS int64, rawID uint32) Key {
	id := make([]byte, 6)
	binary.BigEndian.PutUint32(id[2:], epoch)
	return Key{
		ID:          id,
		Data:        random(32),
		Fingerprint: Fingerprint{RawID: rawID, CurrentIndex: 0, DeviceIndexes: []uint32{0}},
		TimestampMS: timestampMS,
	}
}

func random(length int) []byte {
	out := make([]byte, length)
	_, _ = rand.Read(out) // never fails: crypto/rand ends the process instead
	return out
}

// expandedKey is what a key is expanded to, 32 bytes each.
type expandedKey struct {
	id                                             []byte
	timestampMS                                    int64
	index, valueEncryption, value, snapshot, patch []byte
}

func expand(key Key) *expandedKey {
	all := hkdfutil.SHA256(key.Data, nil, []byte("WhatsApp Mutation Keys"), 160)
	return &expandedKey{
		id: key.ID, timestampMS: key.TimestampMS,
		index: all[:32], valueEncryption: all[32:64], value: all[64:96], snapshot: all[96:128], patch: all[128:],
	}
}

// keyring holds every key of an account, expanded once.
type keyring struct {
	keys     []Key
	expanded map[string]*expandedKey
}

func (r *keyring) add(key Key) {
	if r.expanded == nil {
		r.expanded = make(map[string]*expandedKey)
	}
	r.keys = append(r.keys, key)
	r.expanded[string(key.ID)] = expand(key)
}

func (r *keyring) newest() *expandedKey {
	return r.expanded[string(r.keys[len(r.keys)-1].ID)]
}
