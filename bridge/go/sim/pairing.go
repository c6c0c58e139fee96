package sim

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"go.mau.fi/util/random"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waAdv"
	"go.mau.fi/whatsmeow/types"

	"wuts/sim/wire"
)

const refsPerConnection = 6

// Errors of a scan.
var (
	ErrNotQR       = errors.New("this is not a code for linking a device")
	ErrUnknownRef  = errors.New("nobody waits with this code any more")
	ErrWrongKeys   = errors.New("the code's keys are not those of the waiting device")
	ErrNotPaired   = errors.New("the device did not accept the pairing")
	ErrPairingGone = errors.New("the connection ended during the pairing")
)

// pairing is a connection of a device that has no account yet.
type pairing struct {
	stream *stream
	keys   DeviceKeys
	refs   []string
	done   chan error // the outcome, once; buffered

	mu        sync.Mutex
	requestID string // of pair-success; empty until a phone has scanned
	account   *Account
	candidate *device
	signed    *waAdv.ADVSignedDeviceIdentity
	link      *linkCode       // nil without a code to be typed
	passkey   *passkeyRequest // nil while no passkey is asked for
}

// QR is what the text of a linking code says.
type QR struct {
	Ref      string
	Noise    []byte
	Identity []byte
	Secret   []byte
}

// ParseQR reads a linking code, as a URL or in the older form without one.
func ParseQR(text string) (QR, error) {
	if _, fragment, ok := strings.Cut(text, "#"); ok {
		text = fragment
	}
	fields := strings.Split(text, ",")
	if len(fields) < 4 || fields[0] == "" {
		return QR{}, ErrNotQR
	}
	keys := make([][]byte, 3)
	for i, field := range fields[1:4] {
		key, err := base64.StdEncoding.DecodeString(field)
		if err != nil || len(key) != 32 {
			return QR{}, ErrNotQR
		}
		keys[i] = key
	}
	return QR{Ref: fields[0], Noise: keys[0], Identity: keys[1], Secret: keys[2]}, nil
}

// offerPairing sends the codes' references to a device that wants to be linked.
func (s *stream) offerPairing(keys DeviceKeys) {
	p := &pairing{stream: s, keys: keys, done: make(chan error, 1)}
	content := make([]waBinary.Node, refsPerConnection)
	for i := range content {
		ref := "2@" + base64.StdEncoding.EncodeToString(random.Bytes(48))
		p.refs = append(p.refs, ref)
		content[i] = waBinary.Node{Tag: "ref", Content: []byte(ref)}
	}
	s.pairing = p
	s.server.mu.Lock()
	for _, ref := range p.refs {
		s.server.pending[ref] = p
	}
	s.server.mu.Unlock()
	s.send(serverRequest(newID(), waBinary.Node{Tag: "pair-device", Content: content}))
	s.server.watch.wake()
}

func serverRequest(id string, child waBinary.Node) *waBinary.Node {
	return &waBinary.Node{
		Tag: "iq",
		Attrs: waBinary.Attrs{
			"from": types.ServerJID, "type": "set", "id": id, "xmlns": "md", "t": time.Now().Unix(),
		},
		Content: []waBinary.Node{child},
	}
}

func serverNotification(kind string, child waBinary.Node) *waBinary.Node {
	return &waBinary.Node{
		Tag: "notification",
		Attrs: waBinary.Attrs{
			"from": types.ServerJID, "type": kind, "id": newID(), "t": time.Now().Unix(),
		},
		Content: []waBinary.Node{child},
	}
}

// forgetPairing withdraws the codes of a connection, also from the phone that shows one.
func (s *Server) forgetPairing(p *pairing) {
	s.mu.Lock()
	for _, ref := range p.refs {
		delete(s.pending, ref)
	}
	maps.DeleteFunc(s.links, func(_ string, other *pairing) bool { return other == p })
	s.mu.Unlock()
	p.mu.Lock()
	asked := p.passkey
	p.mu.Unlock()
	if asked != nil {
		asked.account.showPasskeyCode("")
	}
	s.watch.wake()
}

// Pending returns the references of all codes that wait for a phone.
func (s *Server) Pending() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	refs := make([]string, 0, len(s.pending))
	for ref := range s.pending {
		refs = append(refs, ref)
	}
	slices.Sort(refs)
	return refs
}

// Scan lets the phone scan a code, and returns the number of the device when it is linked.
func (a *Account) Scan(ctx context.Context, text string) (uint16, error) {
	qr, err := ParseQR(text)
	if err != nil {
		return 0, err
	}
	a.server.mu.Lock()
	p, ok := a.server.pending[qr.Ref]
	a.server.mu.Unlock()
	if !ok {
		return 0, ErrUnknownRef
	}
	if !bytes.Equal(qr.Noise, p.keys.Noise[:]) || !bytes.Equal(qr.Identity, p.keys.Identity[:]) {
		return 0, ErrWrongKeys
	}
	a.server.forgetPairing(p)
	if err = p.accept(a, qr.Secret); err != nil {
		return 0, err
	}
	return p.outcome(ctx, nil)
}

// outcome waits until the device is linked, or is not.
func (p *pairing) outcome(ctx context.Context, failed <-chan error) (uint16, error) {
	var err error
	select {
	case err = <-failed:
	case err = <-p.done:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		return 0, err
	}
	return p.candidate.ID, nil
}

// accept lets a device in whose secret the phone knows: at once, or after its owner's passkey.
func (p *pairing) accept(a *Account, secret []byte) error {
	if a.passkey != nil {
		return p.askPasskey(a, secret)
	}
	return p.offer(a, secret)
}

// offer sends the device its identity, signed by the phone.
func (p *pairing) offer(a *Account, secret []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.requestID != "" {
		return ErrUnknownRef
	}
	candidate, err := a.candidate(p.keys)
	if err != nil {
		return err
	}
	if p.signed, err = a.vouch(candidate.Identity, candidate.KeyIndex); err != nil {
		return err
	}
	container, err := sealIdentity(p.signed, secret)
	if err != nil {
		return err
	}
	p.account, p.candidate, p.requestID = a, candidate, newID()
	success := waBinary.Node{Tag: "pair-success", Content: []waBinary.Node{
		{Tag: "device-identity", Content: container},
		{Tag: "device", Attrs: waBinary.Attrs{
			"jid": a.pnOf(candidate.ID), "lid": a.lidOf(candidate.ID),
		}},
		{Tag: "platform", Attrs: waBinary.Attrs{"name": "android"}},
	}}
	p.stream.send(serverRequest(p.requestID, success))
	return nil
}

// candidate numbers a device that is not linked yet.
func (a *Account) candidate(keys DeviceKeys) (*device, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for range maxDevice {
		id := a.nextDevice
		a.nextDevice = id%maxDevice + 1
		if _, taken := a.devices[id]; !taken {
			a.nextKeyIndex++
			return newDevice(id, a.nextKeyIndex-1, keys), nil
		}
	}
	return nil, ErrTooManyDevices
}

// answered handles the device's answer to the offer, or to the codes (which says nothing).
func (p *pairing) answered(answer *waBinary.Node) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.requestID == "" || wire.Attr(*answer, "id") != p.requestID {
		return
	}
	if wire.Attr(*answer, "type") != "result" {
		refusal := answer.GetChildByTag("error")
		p.finish(fmt.Errorf("%w: %s %s",
			ErrNotPaired, wire.Attr(refusal, "code"), wire.Attr(refusal, "text")))
		return
	}
	identity := answer.GetChildByTag("pair-device-sign", "device-identity")
	adv, err := checkDeviceSignature(p.signed, wire.Content(identity), p.candidate.Identity)
	if err != nil {
		p.stream.violate(violationSignature, "device identity: "+err.Error())
		p.finish(fmt.Errorf("%w: %w", ErrNotPaired, err))
		return
	}
	p.candidate.ADV = adv
	p.commit()
	p.finish(nil)
}

// commit links the device and tells it to come back with its new credentials.
func (p *pairing) commit() {
	p.account.update(func(b *batch) {
		b.link(p.candidate)
		b.end(p.stream, waBinary.Node{Tag: "stream:error", Attrs: waBinary.Attrs{"code": "515"}})
	})
	p.account.server.log.Info("device_linked", "device", p.candidate.ID)
}

func (p *pairing) finish(outcome error) {
	select {
	case p.done <- outcome:
	default:
	}
}
