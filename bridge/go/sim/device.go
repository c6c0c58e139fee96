package sim

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"

	"go.mau.fi/libsignal/protocol"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"wuts/sim/endpoint"
	"wuts/sim/wire"
)

const (
	maxDevice    = 98 // Baileys refuses 99
	maxUnacked   = 10_000
	maxRemember  = 64 // messages that can be sent again when the device asks for it
	lowOnPreKeys = 5
)

// DeviceKeys are the public keys of a companion.
type DeviceKeys struct {
	Noise          [32]byte
	Identity       [32]byte
	RegistrationID uint32
	Signed         endpoint.SignedPreKey
	PreKeys        []endpoint.PreKey
	Props          []byte // a marshalled waCompanionReg.DeviceProps
}

// deviceRecord is what is kept of a device across restarts.
type deviceRecord struct {
	ID             uint16                `json:"id"`
	Noise          []byte                `json:"noise"`
	Identity       []byte                `json:"identity"`
	RegistrationID uint32                `json:"registration_id"`
	Signed         endpoint.SignedPreKey `json:"signed"`
	PreKeys        []endpoint.PreKey     `json:"prekeys"`
	KeyIndex       uint32                `json:"key_index"`
	Props          []byte                `json:"props"`
	ADV            []byte                `json:"adv"`     // the ADVSignedDeviceIdentity, signed by both
	Greeted        bool                  `json:"greeted"` // the phone has shared its keys
	Unacked        []queued              `json:"unacked"`
	LastSeen       time.Time             `json:"last_seen"`
}

// device is a linked companion. Its account's lock guards it.
type device struct {
	deviceRecord
	stream     *stream // nil while offline
	active     bool    // it has asked for its messages
	remembered []message
	receipts   []Confirmation
	acks       []Confirmation
}

// message is a message to a device, in clear, for the case that it has to be encrypted again.
type message struct {
	id     string
	plain  []byte
	tries  int
	origin *origin // nil: the own phone, to the device alone
}

// queued is a stanza that the device has not acknowledged yet.
type queued struct {
	ID       string
	Coalesce string // a later stanza with the same mark makes this one needless
	Node     waBinary.Node
}

type queuedText struct {
	ID       string `json:"id"`
	Coalesce string `json:"coalesce,omitempty"`
	Stanza   []byte `json:"stanza"`
}

// MarshalJSON writes the stanza as it goes over the wire.
func (q queued) MarshalJSON() ([]byte, error) {
	stanza, err := wire.Encode(q.Node)
	if err != nil {
		return nil, err
	}
	return json.Marshal(queuedText{ID: q.ID, Coalesce: q.Coalesce, Stanza: stanza})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (q *queued) UnmarshalJSON(data []byte) error {
	var text queuedText
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	node, err := wire.Decode(text.Stanza)
	if err != nil {
		return err
	}
	*q = queued{ID: text.ID, Coalesce: text.Coalesce, Node: *node}
	return nil
}

// offline returns the stanza as it is sent to a device that comes back.
func (q queued) offline(position int) *waBinary.Node {
	node := q.Node
	node.Attrs = maps.Clone(node.Attrs)
	node.Attrs["offline"] = strconv.Itoa(position)
	if node.Tag == "call" {
		node.Attrs["e"] = "1"
	}
	return &node
}

func newDevice(id uint16, keyIndex uint32, keys DeviceKeys) *device {
	return &device{deviceRecord: deviceRecord{
		ID: id, KeyIndex: keyIndex, Noise: keys.Noise[:], Identity: keys.Identity[:],
		RegistrationID: keys.RegistrationID, Signed: keys.Signed, PreKeys: keys.PreKeys,
		Props: keys.Props, LastSeen: time.Now().UTC(),
	}}
}

// bundle takes a one-time prekey, if there is one left, to open a session with the device.
func (d *device) bundle() endpoint.Bundle {
	bundle := endpoint.Bundle{
		RegistrationID: d.RegistrationID, Identity: [32]byte(d.Identity), Signed: d.Signed,
	}
	if len(d.PreKeys) > 0 {
		bundle.OneTime = &d.PreKeys[0]
		d.PreKeys = d.PreKeys[1:]
	}
	return bundle
}

// acknowledge drops the stanza and says whether it was waiting.
func (d *device) acknowledge(id string) bool {
	before := len(d.Unacked)
	d.Unacked = slices.DeleteFunc(d.Unacked, func(q queued) bool { return q.ID == id })
	return len(d.Unacked) < before
}

// remember keeps a message for a retry; the oldest one makes room.
func (d *device) remember(m message) {
	if len(d.remembered) == maxRemember {
		d.remembered = d.remembered[1:]
	}
	d.remembered = append(d.remembered, m)
}

func (d *device) recall(id string) *message {
	for i := range d.remembered {
		if d.remembered[i].id == id {
			return &d.remembered[i]
		}
	}
	return nil
}

// pnOf and lidOf return a device's two JIDs.
func (a *Account) pnOf(id uint16) types.JID { return withDevice(a.pn, id) }

func (a *Account) lidOf(id uint16) types.JID { return withDevice(a.lid, id) }

func withDevice(jid types.JID, id uint16) types.JID {
	jid.Device = id
	return jid
}

// signalAddress returns the name under which the phone keeps its session with a device.
func (a *Account) signalAddress(id uint16) *protocol.SignalAddress {
	return a.lidOf(id).SignalAddress()
}
