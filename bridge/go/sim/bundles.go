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
		users = append(users, r.stream.account.bundleNode(jid))
	}
	r.stream.reply(r.result(waBinary.Node{Tag: "list", Content: users}))
}

func (a *Account) bundleNode(jid types.JID) waBinary.Node {
	node := waBinary.Node{Tag: "user", Attrs: waBinary.Attrs{"jid": jid}}
	bundle, ok := a.bundleOf(jid)
	if !ok {
		node.Content = []waBinary.Node{{
			Tag: "error", Attrs: waBinary.Attrs{"code": codeNotFound, "text": textNotFound},
		}}
		return node
	}
	node.Content = append([]waBinary.Node{
		{Tag: "registration", Content: binary.BigEndian.AppendUint32(nil, bundle.RegistrationID)},
		{Tag: "type", Content: []byte{ecc.DjbType}},
	}, keyNodes(bundle)...)
	return node
}

// keyNodes writes the public keys of a bundle.
func keyNodes(bundle endpoint.Bundle) []waBinary.Node {
	content := []waBinary.Node{
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
	return content
}

// bundleOf returns the keys of an own companion, or for device 0 of the own phone or of somebody else. A
// rule may spoil their signature.
func (a *Account) bundleOf(jid types.JID) (bundle endpoint.Bundle, ok bool) {
	a.update(func(b *batch) {
		d := a.devices[jid.Device]
		switch {
		case a.isOwn(jid) && jid.Device == 0:
			bundle, ok = a.phone.Bundle(), true
		case a.isOwn(jid) && d != nil:
			bundle, ok, b.changed = d.bundle(), true, true
			b.askForPreKeys(d)
		case jid.Device == 0 && a.server.knows(jid):
			contact, err := a.server.contactOf(jid)
			bundle, ok, b.changed = a.person(contact).Bundle(), err == nil, true
		}
	})
	if ok && a.disturbance(faults.OnBundle, jid.Device, "") != nil {
		bundle.Signed.Signature = slices.Clone(bundle.Signed.Signature)
		bundle.Signed.Signature[0] ^= 1
	}
	return bundle, ok
}
