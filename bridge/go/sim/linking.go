package sim

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waAdv"
	"go.mau.fi/whatsmeow/proto/waCompanionReg"
	"google.golang.org/protobuf/proto"

	"wuts/sim/endpoint"
)

// DeviceInfo is what the control API says about a device.
type DeviceInfo struct {
	ID       uint16    `json:"id"`
	JID      string    `json:"jid"`
	LID      string    `json:"lid"`
	Online   bool      `json:"online"`
	Active   bool      `json:"active"`
	LastSeen time.Time `json:"last_seen"`
	OS       string    `json:"os,omitempty"`
	Platform string    `json:"platform,omitempty"`
	PreKeys  int       `json:"prekeys"`
	Unacked  int       `json:"unacked"`
}

// sorted returns the devices by number.
func (a *Account) sorted() []*device {
	return slices.SortedFunc(maps.Values(a.devices), func(x, y *device) int {
		return int(x.ID) - int(y.ID)
	})
}

// Devices returns the linked devices by number.
func (a *Account) Devices() []DeviceInfo {
	a.mu.Lock()
	defer a.mu.Unlock()
	infos := make([]DeviceInfo, 0, len(a.devices))
	for _, d := range a.sorted() {
		props := &waCompanionReg.DeviceProps{}
		_ = proto.Unmarshal(d.Props, props) // a device that describes itself badly has no description
		infos = append(infos, DeviceInfo{
			ID: d.ID, JID: a.pnOf(d.ID).String(), LID: a.lidOf(d.ID).String(),
			Online: d.stream != nil, Active: d.active, LastSeen: d.LastSeen,
			OS: props.GetOs(), Platform: props.GetPlatformType().String(),
			PreKeys: len(d.PreKeys), Unacked: len(d.Unacked),
		})
	}
	return infos
}

// Online says whether a device is logged in.
func (a *Account) Online(id uint16) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	d := a.devices[id]
	return d != nil && d.stream != nil
}

// Active says whether a device is logged in and has asked for what waits for it.
func (a *Account) Active(id uint16) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	d := a.devices[id]
	return d != nil && d.active
}

// Registered is what a device that was linked without a code has to know.
type Registered struct {
	Device   uint16
	Identity *waAdv.ADVSignedDeviceIdentity // lacks the device's signature
}

// Register links a device without a code. With greeted, the phone takes it for one that has its
// keys and history already.
func (a *Account) Register(keys DeviceKeys, greeted bool) (Registered, error) {
	d, err := a.candidate(keys)
	if err != nil {
		return Registered{}, err
	}
	d.Greeted = greeted
	signed, err := a.vouch(d.Identity, d.KeyIndex)
	if err != nil {
		return Registered{}, err
	}
	a.update(func(b *batch) { b.link(d) })
	return Registered{Device: d.ID, Identity: signed}, nil
}

// link adds a device to the account and tells the others.
func (b *batch) link(d *device) {
	b.account.devices[d.ID] = d
	b.changed = true
	b.announceDevices(d.ID)
}

// unlink removes a device. A connection that it still has is the caller's to end.
func (b *batch) unlink(d *device) {
	b.forget(d)
	b.announceDevices(d.ID)
}

func (b *batch) forget(d *device) {
	delete(b.account.devices, d.ID)
	b.account.phone.Forget(b.account.signalAddress(d.ID))
	b.changed = true
}

// expel unlinks a device as the phone's owner does.
func (b *batch) expel(d *device) {
	b.unlink(d)
	b.dismiss(d)
}

// dismiss tells a device that is online that it was unlinked.
func (b *batch) dismiss(d *device) {
	if d.stream != nil {
		b.end(d.stream, streamConflict("401", "device_removed"))
	}
}

// Unlink removes a device from the phone.
func (a *Account) Unlink(id uint16) error {
	err := ErrUnknownDevice
	a.update(func(b *batch) {
		if d := a.devices[id]; d != nil {
			b.expel(d)
			err = nil
		}
	})
	return err
}

// UnlinkAll removes every device from the phone.
func (a *Account) UnlinkAll() {
	a.update(func(b *batch) { b.expelAll() })
}

func (b *batch) expelAll() {
	for _, d := range b.account.sorted() {
		b.forget(d)
		b.dismiss(d)
	}
}

// Drop cuts a device's connection without a word.
func (a *Account) Drop(id uint16) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	d := a.devices[id]
	if d == nil || d.stream == nil {
		return ErrUnknownDevice
	}
	d.stream.cut()
	return nil
}

// End ends a device's connection with a stream error: 515, 503, replaced or device_removed, which
// unlinks it.
func (a *Account) End(id uint16, what string) error {
	if !slices.Contains([]string{"515", "503", "replaced", "device_removed"}, what) {
		return fmt.Errorf("%w: %q", ErrStreamError, what)
	}
	a.mu.Lock()
	d := a.devices[id]
	var open *stream
	if d != nil {
		open = d.stream
	}
	a.mu.Unlock()
	if open == nil {
		return ErrUnknownDevice
	}
	open.end(what)
	return nil
}

// announceDevices tells all devices but one which devices the account has now.
func (b *batch) announceDevices(except uint16) {
	a := b.account
	list := []waBinary.Node{{Tag: "device", Attrs: waBinary.Attrs{"jid": a.pnOf(0)}}}
	names := []string{a.pnOf(0).ADString()}
	for _, d := range a.sorted() {
		list = append(list, waBinary.Node{Tag: "device", Attrs: waBinary.Attrs{
			"jid": a.pnOf(d.ID), "key-index": d.KeyIndex,
		}})
		names = append(names, a.pnOf(d.ID).ADString())
	}
	for _, d := range a.sorted() {
		if d.ID == except {
			continue
		}
		b.notify(d, "account_sync", "account_sync/devices", waBinary.Node{
			Tag: "devices", Attrs: waBinary.Attrs{"dhash": deviceHash(names)}, Content: list,
		})
	}
}

// deviceHash is the short hash by which clients recognise a list of devices.
func deviceHash(names []string) string {
	sorted := slices.Sorted(slices.Values(names))
	sum := sha256.Sum256([]byte(strings.Join(sorted, "")))
	return "2:" + base64.RawStdEncoding.EncodeToString(sum[:6])
}

// notify delivers a notification from the own account.
func (b *batch) notify(to *device, kind, coalesce string, child waBinary.Node) {
	id := newID()
	b.deliver(to, queued{ID: id, Coalesce: coalesce, Node: waBinary.Node{
		Tag: "notification",
		Attrs: waBinary.Attrs{
			"from": b.account.pn, "type": kind, "id": id, "t": time.Now().Unix(),
		},
		Content: []waBinary.Node{child},
	}})
}

// AddPreKeys stores one-time prekeys for a device, as its own upload does.
func (a *Account) AddPreKeys(id uint16, keys []endpoint.PreKey) error {
	err := ErrUnknownDevice
	a.update(func(b *batch) {
		if d := a.devices[id]; d != nil {
			d.PreKeys, b.changed = append(d.PreKeys, keys...), true
			err = nil
		}
	})
	return err
}
