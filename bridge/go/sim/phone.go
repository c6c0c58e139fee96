package sim

import (
	"bytes"
	"context"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"time"

	"go.mau.fi/util/random"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"wuts/sim/endpoint"
	"wuts/sim/faults"
	"wuts/sim/syncd"
	"wuts/sim/wire"
)

// newID makes an id for a stanza or message, in the form that phones use.
func newID() string {
	return "3EB0" + strings.ToUpper(hex.EncodeToString(random.Bytes(9)))
}

// greet sends a new companion what it needs first: the app-state keys, then the history.
func (b *batch) greet(d *device) {
	b.offer(d, b.account.book.Keys())
	for _, message := range b.account.history() {
		b.tell(d, message)
	}
}

// offer shares keys that the companion has not asked for, unless a rule withholds them.
func (b *batch) offer(d *device, keys []syncd.Key) {
	if b.account.disturbance(faults.OnShare, d.ID, "") == nil {
		b.share(d, keys)
	}
}

// answer shares keys that a companion asked for; a rule may make the phone slow or unwilling.
func (b *batch) answer(d *device, keys []syncd.Key) {
	rule := b.account.disturbance(faults.OnKeyRequest, d.ID, "")
	switch {
	case rule == nil:
		b.share(d, keys)
	case rule.What == "partly" && len(keys) > 0:
		b.share(d, keys[:len(keys)-1])
	case rule.What == "late":
		b.account.later(d.ID, length(rule), func(b *batch, d *device) { b.share(d, keys) })
	}
}

// later does something for a device after a while, if it is still linked then.
func (a *Account) later(id uint16, wait time.Duration, act func(*batch, *device)) {
	a.server.after(wait, func() {
		a.update(func(b *batch) {
			if d := a.devices[id]; d != nil {
				act(b, d)
			}
		})
	})
}

// share sends a companion app-state keys.
func (b *batch) share(d *device, keys []syncd.Key) {
	share := &waE2E.AppStateSyncKeyShare{}
	for _, key := range keys {
		share.Keys = append(share.Keys, &waE2E.AppStateSyncKey{
			KeyID: &waE2E.AppStateSyncKeyId{KeyID: key.ID},
			KeyData: &waE2E.AppStateSyncKeyData{
				KeyData: key.Data,
				Fingerprint: &waE2E.AppStateSyncKeyFingerprint{
					RawID:         proto.Uint32(key.Fingerprint.RawID),
					CurrentIndex:  proto.Uint32(key.Fingerprint.CurrentIndex),
					DeviceIndexes: key.Fingerprint.DeviceIndexes,
				},
				Timestamp: proto.Int64(key.TimestampMS),
			},
		})
	}
	b.tell(d, &waE2E.ProtocolMessage{
		Type:                 waE2E.ProtocolMessage_APP_STATE_SYNC_KEY_SHARE.Enum(),
		AppStateSyncKeyShare: share,
	})
}

// ShareKeys sends every app-state key to the given devices, or to all of them.
func (a *Account) ShareKeys(ids ...uint16) {
	a.update(func(b *batch) {
		for _, d := range a.sorted() {
			if len(ids) == 0 || slices.Contains(ids, d.ID) {
				b.share(d, a.book.Keys())
			}
		}
	})
}

// RotateKey makes a new app-state key and shares it with all devices.
func (a *Account) RotateKey() (key syncd.Key) {
	a.update(func(b *batch) { key = b.rotate() })
	return key
}

func (b *batch) rotate() syncd.Key {
	key := b.account.book.Rotate()
	b.changed = true
	for _, d := range b.account.sorted() {
		b.offer(d, []syncd.Key{key})
	}
	return key
}

// tell sends a companion a message from the phone itself.
func (b *batch) tell(d *device, protocol *waE2E.ProtocolMessage) {
	plain, err := proto.Marshal(&waE2E.Message{ProtocolMessage: protocol})
	if err != nil {
		b.account.server.log.Error("message_not_encoded", "error", err)
		return
	}
	m := message{id: newID(), plain: plain}
	d.remember(m)
	b.encrypt(d, m)
}

// encrypt delivers a message to a companion, opening a session if there is none.
func (b *batch) encrypt(d *device, m message) {
	enc, err := b.seal(d, m)
	if err != nil {
		b.account.server.log.Error("message_not_encrypted", "device", d.ID, "error", err)
		return
	}
	attrs := waBinary.Attrs{
		"from": b.account.pn, "t": time.Now().Unix(), "type": "text",
		"category": "peer", "notify": b.account.name,
	}
	if m.origin != nil {
		attrs = maps.Clone(m.origin.attrs)
	}
	attrs["id"] = m.id
	b.deliver(d, queued{ID: m.id, Coalesce: "message/" + m.id, Node: waBinary.Node{
		Tag: "message", Attrs: attrs, Content: []waBinary.Node{enc},
	}})
}

// writer is who encrypts a message.
func (b *batch) writer(m message) *endpoint.Endpoint {
	if m.origin != nil {
		return m.origin.endpoint
	}
	return b.account.phone
}

func (b *batch) seal(d *device, m message) (waBinary.Node, error) {
	ctx := context.Background() // the endpoint computes; it waits for nothing
	a := b.account
	address := a.signalAddress(d.ID)
	b.changed = true
	writer := b.writer(m)
	if !writer.HasSession(address) {
		if err := writer.Open(ctx, address, b.bundle(d)); err != nil {
			return waBinary.Node{}, err
		}
		b.askForPreKeys(d)
	}
	kind, body, err := writer.Encrypt(ctx, address, m.plain)
	enc := waBinary.Node{Tag: "enc", Attrs: waBinary.Attrs{"v": "2", "type": kind}, Content: body}
	if m.tries > 0 {
		enc.Attrs["count"] = m.tries
	}
	return enc, err
}

// askForPreKeys lets a device upload more one-time prekeys when few are left.
func (b *batch) askForPreKeys(d *device) {
	if len(d.PreKeys) >= lowOnPreKeys {
		return
	}
	id := newID()
	b.deliver(d, queued{ID: id, Coalesce: "encrypt", Node: waBinary.Node{
		Tag: "notification",
		Attrs: waBinary.Attrs{
			"from": types.ServerJID, "type": "encrypt", "id": id, "t": time.Now().Unix(),
		},
		Content: []waBinary.Node{{
			Tag: "count", Attrs: waBinary.Attrs{"value": len(d.PreKeys)},
		}},
	}})
}

// hear handles what a companion tells the phone; the id is that of the message.
func (b *batch) hear(d *device, id string, plain []byte) error {
	received := &waE2E.Message{}
	if err := proto.Unmarshal(plain, received); err != nil {
		return err
	}
	protocol := received.GetProtocolMessage()
	switch protocol.GetType() {
	case waE2E.ProtocolMessage_APP_STATE_SYNC_KEY_REQUEST:
		b.answer(d, b.account.wanted(protocol.GetAppStateSyncKeyRequest()))
	case waE2E.ProtocolMessage_APP_STATE_FATAL_EXCEPTION_NOTIFICATION:
		if d.stream != nil {
			d.stream.violate(violationFatal, "the device gave its app state up: the phone unlinks all")
		}
		b.expelAll()
	case waE2E.ProtocolMessage_PEER_DATA_OPERATION_REQUEST_MESSAGE:
		request := protocol.GetPeerDataOperationRequestMessage()
		if request.GetSyncdCollectionFatalRecoveryRequest() != nil {
			b.recover(d, id, request)
		}
	default:
		b.account.server.log.Info("peer_message_ignored",
			"device", d.ID, "type", protocol.GetType().String())
	}
	return nil
}

// wanted picks the keys that a companion asks for, as far as there are such keys.
func (a *Account) wanted(request *waE2E.AppStateSyncKeyRequest) []syncd.Key {
	var found []syncd.Key
	for _, key := range a.book.Keys() {
		if slices.ContainsFunc(request.GetKeyIDs(), func(id *waE2E.AppStateSyncKeyId) bool {
			return bytes.Equal(id.GetKeyID(), key.ID)
		}) {
			found = append(found, key)
		}
	}
	return found
}

// Encrypt encrypts a message of the phone for a device without sending it.
func (a *Account) Encrypt(id uint16, content *waE2E.Message) (kind string, body []byte, err error) {
	plain, err := proto.Marshal(content)
	if err != nil {
		return "", nil, err
	}
	a.update(func(b *batch) {
		d := a.devices[id]
		if d == nil {
			err = ErrUnknownDevice
			return
		}
		var enc waBinary.Node
		if enc, err = b.seal(d, message{plain: plain}); err == nil {
			kind, body = wire.Attr(enc, "type"), wire.Content(enc)
		}
	})
	return kind, body, err
}
