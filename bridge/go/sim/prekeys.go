package sim

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"errors"

	"go.mau.fi/libsignal/ecc"
	waBinary "go.mau.fi/whatsmeow/binary"

	"wuts/sim/endpoint"
	"wuts/sim/faults"
	"wuts/sim/wire"
)

var errPreKey = errors.New("malformed prekey")

func readPreKey(node waBinary.Node) (endpoint.PreKey, error) {
	id, public := wire.Content(node.GetChildByTag("id")), wire.Content(node.GetChildByTag("value"))
	if len(id) != 3 || len(public) != 32 {
		return endpoint.PreKey{}, errPreKey
	}
	return endpoint.PreKey{ID: readID(id), Public: public}, nil
}

func readSignedPreKey(node waBinary.Node) (endpoint.SignedPreKey, error) {
	key, err := readPreKey(node)
	signature := wire.Content(node.GetChildByTag("signature"))
	if err != nil || len(signature) != 64 {
		return endpoint.SignedPreKey{}, errPreKey
	}
	return endpoint.SignedPreKey{ID: key.ID, Public: key.Public, Signature: signature}, nil
}

// foreignKeys is how far a prekey is away from those that a device has when a rule makes it stale.
const foreignKeys = 1_000_000

// drain takes all one-time prekeys from a device if a rule says so, and asks it for more.
func (b *batch) drain(d *device) {
	if b.account.disturbance(faults.OnWelcome, d.ID, "") != nil {
		d.PreKeys, b.changed = nil, true
		b.askForPreKeys(d)
	}
}

// bundle takes the keys with which the phone opens a session; a rule may choose the wrong ones.
func (b *batch) bundle(d *device) endpoint.Bundle {
	rule := b.account.disturbance(faults.OnSession, d.ID, "")
	if rule != nil && rule.What == "none" {
		return endpoint.Bundle{
			RegistrationID: d.RegistrationID, Identity: [32]byte(d.Identity), Signed: d.Signed,
		}
	}
	bundle := d.bundle()
	if rule != nil {
		bundle.Signed.ID += foreignKeys
	}
	return bundle
}

// countPreKeys says how many one-time prekeys are left.
func countPreKeys(r request) {
	r.stream.withDevice(func(b *batch, d *device) {
		b.reply(r.stream, r.result(waBinary.Node{
			Tag: "count", Attrs: waBinary.Attrs{"value": len(d.PreKeys)},
		}))
	})
}

// storePreKeys takes an upload of one-time prekeys with the signed one.
func storePreKeys(r request) {
	var keys []endpoint.PreKey
	list := r.node.GetChildByTag("list")
	for _, child := range list.GetChildren() {
		key, err := readPreKey(child)
		if err != nil {
			r.reject(violationContent, "upload of prekeys: "+err.Error())
			return
		}
		keys = append(keys, key)
	}
	signed, err := readSignedPreKey(r.node.GetChildByTag("skey"))
	if err != nil {
		r.reject(violationContent, "upload of prekeys: "+err.Error())
		return
	}
	r.stream.withDevice(func(b *batch, d *device) {
		identity := wire.Content(r.node.GetChildByTag("identity"))
		if !bytes.Equal(identity, d.Identity) || !signed.IsSignedBy([32]byte(d.Identity)) {
			r.reject(violationSignature, "signed prekey")
			return
		}
		d.Signed, d.PreKeys, b.changed = signed, append(d.PreKeys, keys...), true
		b.reply(r.stream, r.result())
	})
}

// rotateSignedPreKey takes a new signed prekey.
func rotateSignedPreKey(r request) {
	signed, err := readSignedPreKey(r.node.GetChildByTag("rotate", "skey"))
	if err != nil {
		r.reject(violationContent, "signed prekey: "+err.Error())
		return
	}
	r.stream.withDevice(func(b *batch, d *device) {
		if !signed.IsSignedBy([32]byte(d.Identity)) {
			r.reject(violationSignature, "signed prekey")
			return
		}
		d.Signed, b.changed = signed, true
		b.reply(r.stream, r.result())
	})
}

// digestKeys answers a client that checks whether the server has the keys that it uploaded.
func digestKeys(r request) {
	r.stream.withDevice(func(b *batch, d *device) {
		registration := binary.BigEndian.AppendUint32(nil, d.RegistrationID)
		ids := make([]waBinary.Node, len(d.PreKeys))
		sum := sha1.New()
		sum.Write(d.Identity)
		sum.Write(d.Signed.Public)
		sum.Write(d.Signed.Signature)
		for i, key := range d.PreKeys {
			ids[i] = waBinary.Node{Tag: "id", Content: idBytes(key.ID)}
			sum.Write(key.Public)
		}
		b.reply(r.stream, r.result(waBinary.Node{Tag: "digest", Content: []waBinary.Node{
			{Tag: "registration", Content: registration},
			{Tag: "type", Content: []byte{ecc.DjbType}},
			{Tag: "identity", Content: d.Identity},
			{Tag: "skey", Content: []waBinary.Node{
				{Tag: "id", Content: idBytes(d.Signed.ID)},
				{Tag: "value", Content: d.Signed.Public},
				{Tag: "signature", Content: d.Signed.Signature},
			}},
			{Tag: "list", Content: ids},
			{Tag: "hash", Content: sum.Sum(nil)},
		}}))
	})
}

func idBytes(id uint32) []byte { return []byte{byte(id >> 16), byte(id >> 8), byte(id)} }
