package sim

import (
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"wuts/sim/faults"
	"wuts/sim/media"
	"wuts/sim/wire"
)

// request is an IQ of a client that wants an answer.
type request struct {
	stream *stream
	node   *waBinary.Node
	rules  []faults.Rule
}

// route is what an IQ is recognised by: namespace, type and first child. An empty child stands for
// any.
type route struct{ xmlns, kind, child string }

// requests is everything that clients may ask.
var requests = map[route]func(request){
	{"encrypt", "get", "count"}:                countPreKeys,
	{"encrypt", "get", "digest"}:               digestKeys,
	{"encrypt", "get", "key"}:                  serveBundles,
	{"encrypt", "set", "registration"}:         storePreKeys,
	{"encrypt", "set", "rotate"}:               rotateSignedPreKey,
	{"passive", "set", "active"}:               becomeActive,
	{"passive", "set", "passive"}:              becomePassive,
	{"w:p", "get", ""}:                         answerEmpty,
	{"w:sync:app:state", "set", "sync"}:        syncAppState,
	{"md", "set", "remove-companion-device"}:   removeCompanion,
	{"md", "set", linkCodeTag}:                 registerLinkCode,
	{"md", "get", "ref"}:                       giveCompanionRef,
	{"md", "get", passkeyOptionsTag}:           repeatPasskeyOptions,
	{"md", "set", "passkey_prologue"}:          takePasskeyAnswer,
	{"md", "set", "companion_nonce"}:           takeCompanionNonce,
	{"md", "set", "encrypted_pairing_request"}: takePairingRequest,
	{"usync", "get", "usync"}:                  answerUserSync,
	{"abt", "get", "props"}:                    answerProps,
	{"w:m", "set", "media_conn"}:               answerMediaHosts,
	{"blocklist", "get", ""}:                   answerBlocklist,
	{"privacy", "get", "privacy"}:              answerPrivacy,
	{"w:g2", "get", "participating"}:           listGroups,
	{"w:g2", "set", "ephemeral"}:               setGroupTimer,
	{"w:g2", "set", "not_ephemeral"}:           setGroupTimer,
	{"privacy", "set", "tokens"}:               answerEmpty,
	{"urn:xmpp:whatsapp:dirty", "set", ""}:     answerEmpty,
}

// Errors of the protocol; clients compare code and text.
const (
	codeBadRequest     = 400
	textBadRequest     = "bad-request"
	codeNotAuthorized  = 401
	textNotAuthorized  = "not-authorized"
	codeNotFound       = 404
	textNotFound       = "item-not-found"
	codeNotImplemented = 501
	textNotImplemented = "feature-not-implemented"
)

// request finds who answers an IQ. What nobody answers is a violation, unless the simulator is as
// patient as the real server.
func (s *stream) request(next arrival) {
	r := request{stream: s, node: next.node, rules: next.rules}
	name := route{
		wire.Attr(*r.node, "xmlns"), wire.Attr(*r.node, "type"), wire.FirstChild(*r.node).Tag,
	}
	answer, ok := requests[name]
	if !ok {
		answer, ok = requests[route{name.xmlns, name.kind, ""}]
	}
	switch {
	case ok:
		answer(r)
	case s.server.options.Lenient:
		answerEmpty(r)
	default:
		s.violate(violationRequest, name.xmlns+"/"+name.kind+"/"+name.child)
		s.reply(r.failure(codeNotImplemented, textNotImplemented))
	}
}

func (r request) result(content ...waBinary.Node) waBinary.Node {
	node := waBinary.Node{Tag: "iq", Attrs: r.answerAttrs("result")}
	if len(content) > 0 {
		node.Content = content
	}
	return node
}

func (r request) failure(code int, text string) waBinary.Node {
	return waBinary.Node{Tag: "iq", Attrs: r.answerAttrs("error"), Content: []waBinary.Node{{
		Tag: "error", Attrs: waBinary.Attrs{"code": code, "text": text},
	}}}
}

func (r request) answerAttrs(kind string) waBinary.Attrs {
	from := r.node.Attrs["to"]
	if from == nil {
		from = types.ServerJID
	}
	return waBinary.Attrs{"from": from, "type": kind, "id": r.node.Attrs["id"], "t": time.Now().Unix()}
}

// reject answers a request that no correct client makes.
func (r request) reject(kind, detail string) {
	r.stream.violate(kind, detail)
	r.stream.reply(r.failure(codeBadRequest, textBadRequest))
}

func answerEmpty(r request) { r.stream.reply(r.result()) }

func becomeActive(r request) {
	r.stream.withDevice(func(b *batch, d *device) {
		b.reply(r.stream, r.result())
		if !d.active {
			b.activate(r.stream, d)
		}
	})
}

func becomePassive(r request) {
	r.stream.withDevice(func(b *batch, d *device) {
		d.active = false
		b.reply(r.stream, r.result())
	})
}

// removeCompanion is a client's own logout, or that of one of its siblings.
func removeCompanion(r request) {
	if r.stream.account == nil {
		r.reject(violationRequest, "a device that is not linked unlinks itself")
		return
	}
	child := r.node.GetChildByTag("remove-companion-device")
	jid, _ := child.Attrs["jid"].(types.JID)
	r.stream.withDevice(func(b *batch, d *device) {
		victim := b.account.devices[jid.Device]
		switch {
		case victim == nil || jid.User != b.account.pn.User:
			b.reply(r.stream, r.failure(codeBadRequest, textBadRequest))
		case victim == d:
			b.unlink(d)
			b.reply(r.stream, r.result())
			b.out = append(b.out, func() { r.stream.closeAfter(closeDelay) })
		default:
			b.expel(victim)
			b.reply(r.stream, r.result())
		}
	})
}

// answerMediaHosts says where files are downloaded from; the clients' connections all come here.
func answerMediaHosts(r request) {
	r.stream.reply(r.result(waBinary.Node{
		Tag:     "media_conn",
		Attrs:   waBinary.Attrs{"auth": "sim", "ttl": "3600", "auth_ttl": "3600", "max_buckets": "12"},
		Content: []waBinary.Node{{Tag: "host", Attrs: waBinary.Attrs{"hostname": media.Host}}},
	}))
}

func answerProps(r request) {
	r.stream.reply(r.result(waBinary.Node{Tag: "props", Attrs: waBinary.Attrs{
		"hash": "sim", "refresh": "86400", "protocol": "1",
	}}))
}

func answerBlocklist(r request) {
	r.stream.reply(r.result(waBinary.Node{Tag: "list", Attrs: waBinary.Attrs{"dhash": "sim"}}))
}

func answerPrivacy(r request) {
	var categories []waBinary.Node
	for _, name := range []string{
		"readreceipts", "last", "online", "profile", "status", "groupadd", "calladd",
	} {
		categories = append(categories, waBinary.Node{
			Tag: "category", Attrs: waBinary.Attrs{"name": name, "value": "all"},
		})
	}
	r.stream.reply(r.result(waBinary.Node{Tag: "privacy", Content: categories}))
}
