package syncd

import (
	"fmt"
	"strconv"

	waBinary "go.mau.fi/whatsmeow/binary"
)

// Answer serves the <sync> child of a client's IQ: a fetch of collections, or an upload to one. It returns
// the <sync> child of the result, the patches that were accepted and what the client did wrong.
func (b *Book) Answer(author uint16, sync waBinary.Node) (waBinary.Node, []Change, []Violation) {
	b.mu.Lock()
	defer b.mu.Unlock()
	visit := visit{book: b, author: author}
	var collections []waBinary.Node
	for _, wanted := range sync.GetChildrenByTag("collection") {
		collections = append(collections, visit.serve(wanted))
	}
	if len(collections) == 0 {
		visit.report(finding{"malformed_request", "no collection is asked for"})
	}
	return waBinary.Node{Tag: "sync", Content: collections}, visit.changes, visit.violations
}

// Conflict answers an upload as if another device had been faster, without applying it: 409 with the
// patches that the uploader lacks, none if its base is current.
func (b *Book) Conflict(_ uint16, sync waBinary.Node) waBinary.Node {
	b.mu.Lock()
	defer b.mu.Unlock()
	var collections []waBinary.Node
	for _, wanted := range sync.GetChildrenByTag("collection") {
		request, target, problem := b.read(wanted)
		if problem != nil {
			collections = append(collections, refusal(request.name, "400", "bad-request"))
			continue
		}
		collections = append(collections, b.conflict(target, request.version))
	}
	return waBinary.Node{Tag: "sync", Content: collections}
}

// visit is one IQ being answered; the book's lock is held.
type visit struct {
	book       *Book
	author     uint16
	changes    []Change
	violations []Violation
}

func (v *visit) report(problem finding) {
	v.violations = append(v.violations, Violation{Device: v.author, Kind: problem.kind, Detail: problem.detail})
}

func (v *visit) serve(wanted waBinary.Node) waBinary.Node {
	request, target, problem := v.book.read(wanted)
	if problem != nil {
		v.report(*problem)
		return refusal(request.name, "400", "bad-request")
	}
	if request.version > target.version() {
		v.report(finding{"version_ahead", fmt.Sprintf("%s is at version %d, the client says %d",
			target.name, target.version(), request.version)})
	}
	if request.patch == nil {
		return v.fetch(target, request)
	}
	if request.version != target.version() {
		return v.book.conflict(target, request.version)
	}
	return v.upload(target, request.patch)
}

// fetch answers with what a client lacks: a snapshot if it asks for one and there are snapshots, else
// patches.
func (v *visit) fetch(target *collection, request request) waBinary.Node {
	reply := waBinary.Node{Tag: "collection", Attrs: waBinary.Attrs{"name": target.name}}
	if !request.snapshot || v.book.keep == nil || target.version() == 0 {
		return v.book.fill(reply, target, request.version)
	}
	reference, err := target.snapshot(&v.book.keys, v.book.keep)
	if err != nil {
		return refusal(target.name, "500", "internal-server-error")
	}
	reply.Attrs["version"] = strconv.FormatUint(target.version(), 10)
	reply.Attrs["has_more_patches"] = "false"
	reply.Content = []waBinary.Node{{Tag: "snapshot", Content: reference}}
	return reply
}

// upload appends a patch whose base is current, if it verifies or the book is lenient.
func (v *visit) upload(target *collection, raw []byte) waBinary.Node {
	patch, problem := parsePatch(raw)
	if problem != nil {
		v.report(finding{problem.kind, target.name + ": " + problem.detail})
		return refusal(target.name, "400", "bad-request")
	}
	check := verification{collection: target, keys: &v.book.keys}
	check.checkSize(patch)
	result := check.run(patch)
	for _, problem := range check.findings {
		v.report(finding{problem.kind, target.name + ": " + problem.detail})
	}
	if len(check.findings) > 0 && !v.book.options.Lenient {
		return refusal(target.name, "400", "bad-request")
	}
	if err := target.commit(v.author, patch, result); err != nil {
		return refusal(target.name, "500", "internal-server-error")
	}
	version := target.version()
	v.changes = append(v.changes, Change{Collection: target.name, Version: version, Author: v.author})
	return waBinary.Node{Tag: "collection", Attrs: waBinary.Attrs{
		"name": target.name, "version": strconv.FormatUint(version, 10),
	}}
}

// request is a <collection> as a client sends it; patch is nil for a fetch.
type request struct {
	name     string
	version  uint64
	snapshot bool // it may be answered with a snapshot
	patch    []byte
}

// read understands a <collection>, or says what is wrong with it. A fetch without a version asks for
// everything; an upload always has one.
func (b *Book) read(node waBinary.Node) (request, *collection, *finding) {
	out := request{name: attribute(node, "name")}
	target := b.collections[out.name]
	if target == nil {
		return out, nil, &finding{"unknown_collection", fmt.Sprintf("no collection is called %q", out.name)}
	}
	patches := node.GetChildrenByTag("patch")
	text := attribute(node, "version")
	version, err := strconv.ParseUint(text, 10, 64)
	if err != nil && (text != "" || len(patches) > 0) {
		return out, nil, &finding{"malformed_request", fmt.Sprintf("%s: version %q is no number", out.name, text)}
	}
	out.version, out.snapshot = version, attribute(node, "return_snapshot") == "true"
	if len(patches) > 1 {
		return out, nil, &finding{"malformed_request", out.name + ": more than one patch in an upload"}
	}
	if len(patches) == 1 {
		out.patch = bytesOf(patches[0])
	}
	return out, target, nil
}

// fill puts the patches after a version into a reply, at most a page of them.
func (b *Book) fill(reply waBinary.Node, target *collection, after uint64) waBinary.Node {
	current := target.version()
	var missing []storedPatch
	if after < current {
		missing = target.patches[after:]
	}
	more := b.options.PageSize > 0 && len(missing) > b.options.PageSize
	if more {
		missing = missing[:b.options.PageSize]
	}
	reply.Attrs["version"] = strconv.FormatUint(current, 10)
	reply.Attrs["has_more_patches"] = strconv.FormatBool(more)
	if len(missing) == 0 {
		return reply
	}
	patches := make([]waBinary.Node, len(missing))
	for i, patch := range missing {
		patches[i] = waBinary.Node{Tag: "patch", Content: patch.served()}
	}
	children, _ := reply.Content.([]waBinary.Node)
	reply.Content = append(children, waBinary.Node{Tag: "patches", Content: patches})
	return reply
}

// conflict is a 409. It stands inside of a normal result, with the name that clients insist on.
func (b *Book) conflict(target *collection, base uint64) waBinary.Node {
	return b.fill(refusal(target.name, "409", "conflict"), target, base)
}

func refusal(name, code, text string) waBinary.Node {
	return waBinary.Node{
		Tag:   "collection",
		Attrs: waBinary.Attrs{"name": name, "type": "error"},
		Content: []waBinary.Node{{
			Tag: "error", Attrs: waBinary.Attrs{"code": code, "text": text},
		}},
	}
}

// attribute reads an attribute as text; in a node that never was on the wire it can have other types.
func attribute(node waBinary.Node, name string) string {
	value, ok := node.Attrs[name]
	if !ok || value == nil {
		return ""
	}
	return fmt.Sprint(value)
}

// bytesOf reads content that clients send as text or as bytes. It is never nil.
func bytesOf(node waBinary.Node) []byte {
	switch content := node.Content.(type) {
	case []byte:
		return append([]byte{}, content...)
	case string:
		return []byte(content)
	}
	return []byte{}
}
