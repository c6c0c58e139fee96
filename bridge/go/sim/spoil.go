package sim

import (
	"slices"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waServerSync"
	"google.golang.org/protobuf/proto"

	"wuts/sim/faults"
	"wuts/sim/syncd"
	"wuts/sim/wire"
)

// spoil returns the stanza with what the rules damage inside of it.
func (s *stream) spoil(node *waBinary.Node, rules []faults.Rule) *waBinary.Node {
	for _, rule := range rules {
		if rule.Action != actionCorrupt || rule.What == damageFrame || rule.What == damageZlib {
			continue
		}
		copied := clone(*node)
		if rule.What == "enc" {
			spoilMessage(&copied)
		} else {
			s.spoilPatches(&copied, rule)
		}
		node = &copied
	}
	return node
}

// spoilMessage damages the ciphertext. It is not at the end, where a first message has no MAC, and not
// in the first half, where it has keys.
func spoilMessage(node *waBinary.Node) {
	for _, child := range node.GetChildren() {
		if body, ok := child.Content.([]byte); ok && child.Tag == "enc" && len(body) > 0 {
			body[len(body)*3/4] ^= 1
		}
	}
}

// spoilPatches damages the last patch of each collection in a stanza.
func (s *stream) spoilPatches(node *waBinary.Node, rule faults.Rule) {
	child := node.GetChildByTag("sync")
	for _, collection := range child.GetChildrenByTag("collection") {
		list := collection.GetChildByTag("patches")
		patches := list.GetChildren()
		if len(patches) == 0 || rule.Collection != "" && rule.Collection != wire.Attr(collection, "name") {
			continue
		}
		last := &patches[len(patches)-1]
		whole := wire.Content(*last)
		damaged, err := syncd.Damage(whole, rule.What)
		if err == nil && rule.AtRest {
			err = s.account.damage(wire.Attr(collection, "name"), whole, rule.What)
		}
		if err != nil {
			s.server.log.Error("patch_not_damaged", "error", err)
			continue
		}
		last.Content = damaged
	}
}

// damage spoils a patch where it is stored.
func (a *Account) damage(collection string, raw []byte, part string) error {
	patch := &waServerSync.SyncdPatch{}
	if err := proto.Unmarshal(raw, patch); err != nil {
		return err
	}
	if err := a.book.Damage(collection, patch.GetVersion().GetVersion(), part); err != nil {
		return err
	}
	// The account's lock may be held here.
	a.server.after(0, func() { a.update(func(b *batch) { b.changed = true }) })
	return nil
}

// clone copies a stanza so far down that nothing of the copy is shared.
func clone(node waBinary.Node) waBinary.Node {
	copied := waBinary.Node{Tag: node.Tag, Attrs: waBinary.Attrs{}}
	for name, value := range node.Attrs {
		copied.Attrs[name] = value
	}
	switch content := node.Content.(type) {
	case []waBinary.Node:
		children := make([]waBinary.Node, len(content))
		for i, child := range content {
			children[i] = clone(child)
		}
		copied.Content = children
	case []byte:
		copied.Content = slices.Clone(content)
	default:
		copied.Content = content
	}
	return copied
}
