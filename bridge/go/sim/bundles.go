package sim

import (
	"encoding/binary"
	"slices"

	"go.mau.fi/libsignal/ecc"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"wuts/sim/endpoint"
	"wuts/sim/faults"
)

// serveBundles gives a client the keys with which it opens sessions with devices, each one-time prekey
// once. Clients read the keys directly under the user.
func serveBundles(r request) {
	wanted := r.node.GetChildByTag("key")
	var users []waBinary.Node
	for _, user := range wanted.GetChildren() {
		jid, ok := user.Attrs["jid"].(types.JID)
		if !ok {
			r.reject(violationContent, "request for prekeys of nobody")
			return
		}
		users = append(users, r.stream.server.bundleNode(jid))
	}
	r.stream.reply(r.result(waBinary.Node{Tag: "list", Content: users}))
}

func (s *Server) bundleNode(jid types.JID) waBinary.Node {
	node := waBinary.Node{Tag: "user", Attrs: waBinary.Attrs{"jid": jid}}
	bundle, ok := s.bundleOf(jid)
	if !ok {
		node.Content = []waBinary.Node{{
			Tag: "error", Attrs: waBinary.Attrs{"code": 404, "text": "item-not-found"},
		}}
		return node
	}
	content := []waBinary.Node{
		{Tag: "registration", Content: binary.BigEndian.AppendUint32(nil, bundle.RegistrationID)},
		{Tag: "type", Content: []byte{ecc.DjbType}},
		{Tag: "identity", Content: bundle.Identity[:]},
		{Tag: "skey", Content: []waBinary.Node{
			{Tag: "id", Content: idBytes(bundle.Signed.ID)},
			{Tag: "value", Content: bundle.Signed.Public},
			{Tag: "signature", Content: bundle.Signed.Signature},
		}},
	}
	if bundle.OneTime != nil {
		content = append(content, waBinary.Node{Tag: "key", Content: []waBinary.Node{
			{Tag: "id", Content: idBytes(bundle.OneTime.ID)},
			{Tag: "value", Content: bundle.OneTime.Public},
		}})
	}
	node.Content = content
	return node
}

// bundleOf returns the keys of a companion, or of the phone for device 0. A rule may spoil their
// signature.
func (s *Server) bundleOf(jid types.JID) (bundle endpoint.Bundle, ok bool) {
	a, ok := s.owner(jid)
	if !ok {
		return bundle, false
	}
	a.update(func(b *batch) {
		d := a.devices[jid.Device]
		switch {
		case jid.Device == 0:
			bundle = a.phone.Bundle()
		case d != nil:
			bundle, b.changed = d.bundle(), true
			b.askForPreKeys(d)
		default:
			ok = false
		}
	})
	if ok && a.disturbance(faults.OnBundle, jid.Device, "") != nil {
		bundle.Signed.Signature = slices.Clone(bundle.Signed.Signature)
		bundle.Signed.Signature[0] ^= 1
	}
	return bundle, ok
}
