package syncd

import (
	"go.mau.fi/whatsmeow/proto/waServerSync"
	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"go.mau.fi/whatsmeow/proto/waSyncdSnapshotRecovery"
	"google.golang.org/protobuf/proto"
)

// Keep stores a blob where clients can download it, and says where.
type Keep func(plain []byte) (*waServerSync.ExternalBlobReference, error)

// ServeSnapshots answers a client that asks for a snapshot with one from now on. Without this, or with
// nil, it gets all patches instead.
func (b *Book) ServeSnapshots(keep Keep) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.keep = keep
}

// snapshot stores the live records of a collection as one blob, and returns the encoded reference to it.
func (c *collection) snapshot(keys *keyring, keep Keep) ([]byte, error) {
	key := keys.newest()
	whole := &waServerSync.SyncdSnapshot{
		Version: &waServerSync.SyncdVersion{Version: proto.Uint64(c.version())},
		KeyID:   &waServerSync.KeyId{ID: key.id},
		Mac:     key.snapshotMAC(c.name, c.version(), c.hash[:]),
	}
	for _, record := range c.sealed {
		whole.Records = append(whole.Records, record)
	}
	plain, err := proto.Marshal(whole)
	if err != nil {
		return nil, err
	}
	reference, err := keep(plain)
	if err != nil {
		return nil, err
	}
	return proto.Marshal(reference)
}

// Recovery is the copy of a collection that the phone sends to a device that has lost its own: what the
// phone can read, decrypted, with the hash over it.
func (b *Book) Recovery(name string) (*waSyncdSnapshotRecovery.SyncdSnapshotRecovery, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	target, err := b.find(name)
	if err != nil {
		return nil, err
	}
	recovery := &waSyncdSnapshotRecovery.SyncdSnapshotRecovery{
		Version:          &waSyncdSnapshotRecovery.SyncdVersion{Version: proto.Uint64(target.version())},
		CollectionName:   &name,
		CollectionLthash: append([]byte{}, target.hash[:]...),
	}
	for _, byKey := range target.records {
		for _, live := range byKey {
			value := &waSyncAction.SyncActionData{}
			if err = proto.Unmarshal(live.plain, value); err != nil {
				return nil, err
			}
			recovery.MutationRecords = append(recovery.MutationRecords,
				&waSyncdSnapshotRecovery.SyncdPlainTextRecord{
					Value: value, KeyID: live.key.id, Mac: live.valueMAC[:],
				})
		}
	}
	return recovery, nil
}
