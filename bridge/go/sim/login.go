package sim

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waWa6"
	"go.mau.fi/whatsmeow/types"

	"wuts/sim/endpoint"
)

// admit decides what a fresh connection is for, from the client's payload.
func (s *stream) admit() {
	payload := s.session.Payload
	if s.turnedAway(payload) {
		return
	}
	if data := payload.GetDevicePairingData(); data != nil {
		keys, ok := readRegistration(data, s.session.ClientStatic)
		if !ok {
			s.violate(violationSignature, "registration data with bad keys")
			s.refuse(reasonBadRegister)
			return
		}
		s.offerPairing(keys)
		return
	}
	s.login(payload)
}

func readRegistration(
	data *waWa6.ClientPayload_DevicePairingRegistrationData, noise [32]byte,
) (keys DeviceKeys, ok bool) {
	if len(data.GetERegid()) != 4 || len(data.GetEIdent()) != 32 || len(data.GetESkeyID()) != 3 {
		return keys, false
	}
	keys = DeviceKeys{
		Noise:          noise,
		Identity:       [32]byte(data.GetEIdent()),
		RegistrationID: binary.BigEndian.Uint32(data.GetERegid()),
		Signed: endpoint.SignedPreKey{
			ID:     readID(data.GetESkeyID()),
			Public: data.GetESkeyVal(), Signature: data.GetESkeySig(),
		},
		Props: data.GetDeviceProps(),
	}
	return keys, keys.Signed.IsSignedBy(keys.Identity)
}

// readID reads the three bytes in which prekeys are numbered.
func readID(raw []byte) uint32 {
	return uint32(raw[0])<<16 | uint32(raw[1])<<8 | uint32(raw[2])
}

// login takes the device with the payload's number if the connection proved to have its key.
func (s *stream) login(payload *waWa6.ClientPayload) {
	phone := strconv.FormatUint(payload.GetUsername(), 10)
	a, ok := s.server.Account(phone)
	if !ok {
		s.refuse(reasonLoggedOut)
		return
	}
	id := uint16(payload.GetDevice())
	welcome := false
	a.update(func(b *batch) {
		d := a.devices[id]
		if d == nil || !bytes.Equal(d.Noise, s.session.ClientStatic[:]) {
			return
		}
		welcome = true
		s.account, s.device = a, id
		b.replace(d)
		d.stream, d.active = s, false
		b.drain(d)
		b.send(s, waBinary.Node{Tag: "success", Attrs: waBinary.Attrs{
			"t": time.Now().Unix(), "lid": a.lidOf(id), "location": "sim",
		}})
	})
	if !welcome {
		s.refuse(reasonLoggedOut)
	}
}

// replace tells the connection that the device had until now that another one took over.
func (b *batch) replace(d *device) {
	if old := d.stream; old != nil {
		b.end(old, streamConflict("", "replaced"))
	}
}

func streamConflict(code, kind string) waBinary.Node {
	return waBinary.Node{
		Tag: "stream:error", Attrs: waBinary.Attrs{"code": code},
		Content: []waBinary.Node{{Tag: "conflict", Attrs: waBinary.Attrs{"type": kind}}},
	}
}

// refuse ends a connection that can't log in.
func (s *stream) refuse(reason int) { s.turnAway(Refusal{Reason: reason}) }

// leave notes that the connection is gone.
func (s *stream) leave() {
	if s.pairing != nil {
		s.server.forgetPairing(s.pairing)
		s.pairing.finish(ErrPairingGone)
	}
	if s.account == nil {
		return
	}
	s.account.update(func(b *batch) {
		d := s.account.devices[s.device]
		if d == nil || d.stream != s {
			return
		}
		d.stream, d.active, d.LastSeen = nil, false, time.Now().UTC()
		b.changed = true
	})
}

// activate gives a device what waited for it, and at the first time the phone's keys and history.
func (b *batch) activate(s *stream, d *device) {
	d.active = true
	counts := map[string]int{}
	for _, item := range d.Unacked {
		counts[item.Node.Tag]++
	}
	total := len(d.Unacked)
	b.send(s, serverInfo(waBinary.Node{Tag: "offline_preview", Attrs: waBinary.Attrs{
		"count": total, "message": counts["message"], "notification": counts["notification"],
		"receipt": counts["receipt"], "appdata": 0,
	}}))
	for i, item := range d.Unacked {
		b.send(s, *item.offline(i))
	}
	b.send(s, serverInfo(waBinary.Node{
		Tag: "offline", Attrs: waBinary.Attrs{"count": total},
	}))
	if !d.Greeted {
		d.Greeted, b.changed = true, true
		b.greet(d)
	}
}

// serverInfo wraps the one child that clients expect in an <ib>.
func serverInfo(child waBinary.Node) waBinary.Node {
	return waBinary.Node{
		Tag: "ib", Attrs: waBinary.Attrs{"from": types.ServerJID}, Content: []waBinary.Node{child},
	}
}
