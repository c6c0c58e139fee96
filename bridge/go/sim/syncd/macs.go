package syncd

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"hash"

	"go.mau.fi/whatsmeow/proto/waServerSync"
)

const macSize = 32

type mac = [macSize]byte

func sum(algorithm func() hash.Hash, key []byte, parts ...[]byte) []byte {
	h := hmac.New(algorithm, key)
	for _, part := range parts {
		h.Write(part)
	}
	return h.Sum(nil)
}

func bigEndian(number uint64) []byte {
	return binary.BigEndian.AppendUint64(nil, number)
}

func (k *expandedKey) indexMAC(index []byte) []byte {
	return sum(sha256.New, k.index, index)
}

// valueMAC covers the operation (01 SET, 02 REMOVE), the key's id and the ciphertext with its IV.
func (k *expandedKey) valueMAC(operation waServerSync.SyncdMutation_SyncdOperation, encrypted []byte) []byte {
	length := bigEndian(uint64(1 + len(k.id)))
	return sum(sha512.New, k.value, []byte{byte(operation) + 1}, k.id, encrypted, length)[:macSize]
}

func (k *expandedKey) snapshotMAC(name string, version uint64, lthash []byte) []byte {
	return sum(sha256.New, k.snapshot, lthash, bigEndian(version), []byte(name))
}

// patchMAC covers the snapshot MAC and every value MAC in order, those of REMOVE mutations included.
func (k *expandedKey) patchMAC(name string, version uint64, patch *waServerSync.SyncdPatch) []byte {
	parts := [][]byte{patch.GetSnapshotMAC()}
	for _, mutation := range patch.GetMutations() {
		_, valueMAC := splitBlob(mutation)
		parts = append(parts, valueMAC)
	}
	return sum(sha256.New, k.patch, append(parts, bigEndian(version), []byte(name))...)
}

// splitBlob returns a mutation's IV with ciphertext, and its value MAC. The blob must be long enough
// (parsePatch sees to that).
func splitBlob(mutation *waServerSync.SyncdMutation) (encrypted, valueMAC []byte) {
	blob := mutation.GetRecord().GetValue().GetBlob()
	at := len(blob) - macSize
	return blob[:at:at], blob[at:]
}
