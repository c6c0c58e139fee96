package syncd

import (
	"fmt"
	"slices"

	"go.mau.fi/whatsmeow/proto/waServerSync"
	"google.golang.org/protobuf/proto"
)

// damages are the parts of a patch that can be spoilt, each with the byte of it. The value MAC fails
// because the ciphertext under it is another; the hash of the collection does not notice.
var damages = map[string]func(*waServerSync.SyncdPatch) *byte{
	"snapshot_mac": func(p *waServerSync.SyncdPatch) *byte { return first(p.GetSnapshotMAC()) },
	"patch_mac":    func(p *waServerSync.SyncdPatch) *byte { return first(p.GetPatchMAC()) },
	"value_mac": func(p *waServerSync.SyncdPatch) *byte {
		return first(p.GetMutations()[0].GetRecord().GetValue().GetBlob())
	},
	"index_mac": func(p *waServerSync.SyncdPatch) *byte {
		return first(p.GetMutations()[0].GetRecord().GetIndex().GetBlob())
	},
}

func first(part []byte) *byte {
	if len(part) == 0 {
		return nil
	}
	return &part[0]
}

// Damage returns a copy of an encoded patch in which one bit of snapshot_mac, patch_mac, value_mac or
// index_mac is wrong.
func Damage(raw []byte, part string) ([]byte, error) {
	patch, problem := parsePatch(raw)
	if problem != nil {
		return nil, fmt.Errorf("damage a patch: %s", problem.detail)
	}
	find, ok := damages[part]
	if !ok {
		return nil, fmt.Errorf("a patch has no part %q", part)
	}
	spoilt := find(patch)
	if spoilt == nil {
		return nil, fmt.Errorf("the patch has no %s", part)
	}
	*spoilt ^= 1
	return proto.Marshal(patch)
}

// Damage spoils what is served of a stored patch from now on. What the phone reads stays right.
func (b *Book) Damage(name string, version uint64, part string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	target, err := b.find(name)
	if err != nil {
		return err
	}
	if version == 0 || version > target.version() {
		return fmt.Errorf("%s has no version %d", name, version)
	}
	stored := &target.patches[version-1]
	stored.Served, err = Damage(slices.Clone(stored.Data), part)
	return err
}
