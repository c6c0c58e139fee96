package sim

import (
	"fmt"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waServerSync"
	"go.mau.fi/whatsmeow/proto/waSyncAction"

	"wuts/sim/faults"
	"wuts/sim/syncd"
	"wuts/sim/wire"
)

// Book returns the account's app state. What is written to it directly is announced to nobody;
// use Write to let the phone change something.
func (a *Account) Book() *syncd.Book { return a.book }

// ServeSnapshots answers a device's first fetch of a collection with a snapshot, or with all patches.
func (a *Account) ServeSnapshots(on bool) {
	if !on {
		a.book.ServeSnapshots(nil)
		return
	}
	a.book.ServeSnapshots(func(plain []byte) (*waServerSync.ExternalBlobReference, error) {
		return a.server.media.PutAppState(a.pn.User, plain)
	})
}

// Write lets the phone write one patch, and tells every device.
func (a *Account) Write(collection string, mutations ...syncd.Mutation) (uint64, error) {
	var version uint64
	var err error
	a.update(func(b *batch) {
		if a.disturbance(faults.OnWrite, 0, collection) != nil {
			a.book.Rotate() // nobody is told of the key that the patch is written with
		}
		version, err = b.write(collection, mutations...)
	})
	return version, err
}

func (b *batch) write(collection string, mutations ...syncd.Mutation) (uint64, error) {
	version, err := b.account.book.Write(collection, mutations...)
	if err == nil {
		b.announce(syncd.Change{Collection: collection, Version: version})
	}
	return version, err
}

// announce tells every device but the author that a collection has changed: one notification for
// each collection, because Baileys reads only the first of several.
func (b *batch) announce(change syncd.Change) {
	b.changed = true
	for _, d := range b.account.sorted() {
		if d.ID == change.Author {
			continue
		}
		b.notify(d, "server_sync", "server_sync/"+change.Collection, waBinary.Node{
			Tag:   "collection",
			Attrs: waBinary.Attrs{"name": change.Collection, "version": change.Version},
		})
	}
}

// syncAppState answers a fetch or an upload. The account's lock is held around the book's, so that
// answers and notifications leave in the order of the versions.
func syncAppState(r request) {
	child := r.node.GetChildByTag("sync")
	r.stream.withDevice(func(b *batch, d *device) {
		if has(r.rules, actionKey, "") {
			b.rotate()
		}
		if answer, done := b.conflict(r, d, child); done {
			b.reply(r.stream, r.result(answer))
			return
		}
		answer, changes, violations := b.account.book.Answer(d.ID, child)
		for _, violation := range violations {
			r.stream.violate(violation.Kind, violation.Detail)
		}
		for _, change := range changes {
			b.announce(change)
		}
		b.reply(r.stream, r.result(answer))
	})
}

// conflict makes an upload fail if a rule says so. A bare conflict is answered at once; for a real
// one the phone is faster by one write, and the upload takes its course.
func (b *batch) conflict(
	r request, d *device, sync waBinary.Node,
) (answer waBinary.Node, done bool) {
	upload, ok := uploadIn(sync)
	rule := conflictRule(r.rules)
	if !ok || rule == nil {
		return answer, false
	}
	name := wire.Attr(upload, "name")
	if rule.Bare {
		return withoutPatches(b.account.book.Conflict(d.ID, sync)), true
	}
	if _, err := b.write(name, b.account.forcedMutation(name)); err != nil {
		b.account.server.log.Error("conflict_not_made", "error", err)
	}
	return answer, false
}

func conflictRule(rules []faults.Rule) *faults.Rule {
	for i := range rules {
		if rules[i].Action == actionConflict {
			return &rules[i]
		}
	}
	return nil
}

// uploadIn finds the collection that carries a patch.
func uploadIn(sync waBinary.Node) (waBinary.Node, bool) {
	for _, collection := range sync.GetChildrenByTag("collection") {
		if _, ok := collection.GetOptionalChildByTag("patch"); ok {
			return collection, true
		}
	}
	return waBinary.Node{}, false
}

// withoutPatches takes the missing patches out of a conflict's answer.
func withoutPatches(sync waBinary.Node) waBinary.Node {
	collections := sync.GetChildrenByTag("collection")
	for i := range collections {
		var kept []waBinary.Node
		for _, child := range collections[i].GetChildren() {
			if child.Tag != "patches" {
				kept = append(kept, child)
			}
		}
		collections[i].Content = kept
	}
	sync.Content = collections
	return sync
}

// forcedMutation is something real that changes nothing anybody looks at.
func (a *Account) forcedMutation(collection string) syncd.Mutation {
	a.forced++
	epoch := a.forced
	return set(1, &waSyncAction.SyncActionValue{
		KeyExpiration: &waSyncAction.KeyExpiration{ExpiredKeyEpoch: &epoch},
	}, "sentinel", fmt.Sprintf("%s-%d", collection, epoch))
}
