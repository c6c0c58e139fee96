package sim

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"

	"go.mau.fi/util/random"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waCompanionReg"
	"go.mau.fi/whatsmeow/util/gcmutil"
	"go.mau.fi/whatsmeow/util/hkdfutil"
	"go.mau.fi/whatsmeow/util/keys"
	"golang.org/x/crypto/curve25519"
	"google.golang.org/protobuf/proto"

	"wuts/sim/wire"
)

const (
	passkeyOptionsTag = "passkey_request_options"
	passkeyCodeSize   = 5
)

var linkCodeEncoding = base32.NewEncoding("123456789ABCDEFGHJKLMNPQRSTVWXYZ")

// passkeyRequest is a device that is let in only with the owner's passkey. The stream that applies its
// stanzas alone goes on with it once it is there.
type passkeyRequest struct {
	account   *Account
	challenge []byte
	handoff   []byte // of the proof that the device is the one whose code the phone knows
	ref       string
	prologue  *waCompanionReg.ProloguePayload // nil until the passkey's answer is there
	companion *waCompanionReg.CompanionEphemeralIdentity
	own       *keys.KeyPair
	nonce     []byte
	key       []byte // of the device's last message; nil until the device has kept its commitment
}

// askPasskey asks a device, in whose secret the phone knows, for the owner's passkey.
func (p *pairing) askPasskey(a *Account, secret []byte) error {
	request := &passkeyRequest{
		account: a, challenge: random.Bytes(keySize), own: keys.NewKeyPair(), nonce: random.Bytes(keySize),
		handoff: hkdfutil.SHA256(secret, nil, []byte("shortcake-passkey-handoff-v1"), keySize),
	}
	options, err := request.options()
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.passkey != nil {
		return ErrUnknownRef
	}
	p.passkey = request
	p.stream.send(serverNotification("passkey_prologue_request", options))
	return nil
}

func (q *passkeyRequest) options() (waBinary.Node, error) {
	text, err := json.Marshal(q.account.passkey.options(q.challenge))
	return waBinary.Node{Tag: passkeyOptionsTag, Content: text}, err
}

// PasskeyCode is what the phone shows, for the owner to compare it with the device's; empty: nothing.
func (a *Account) PasskeyCode() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.passkeyCode
}

func (a *Account) showPasskeyCode(code string) {
	a.mu.Lock()
	a.passkeyCode = code
	a.mu.Unlock()
	a.server.watch.wake()
}

// passkeyStep finds what a stanza of the passkey's exchange goes on with, and refuses one out of turn.
func (r request) passkeyStep(isDue func(*passkeyRequest) bool) *passkeyRequest {
	var asked *passkeyRequest
	if p := r.stream.pairing; p != nil {
		p.mu.Lock()
		asked = p.passkey
		p.mu.Unlock()
	}
	if asked == nil || !isDue(asked) {
		r.reject(violationContent, "a step of linking by passkey out of turn")
		return nil
	}
	return asked
}

// repeatPasskeyOptions answers a device that could not read the notification.
func repeatPasskeyOptions(r request) {
	asked := r.passkeyStep(func(q *passkeyRequest) bool { return q.prologue == nil })
	if asked == nil {
		return
	}
	if options, err := asked.options(); err == nil {
		r.stream.reply(r.result(options))
	}
}

func giveCompanionRef(r request) {
	asked := r.passkeyStep(func(q *passkeyRequest) bool { return q.prologue == nil })
	if asked != nil {
		asked.ref = "2@" + base64.StdEncoding.EncodeToString(random.Bytes(48))
		r.stream.reply(r.result(waBinary.Node{Tag: "ref", Content: []byte(asked.ref)}))
	}
}

// takePasskeyAnswer verifies the authenticator's answer, and then lets the phone introduce itself.
func takePasskeyAnswer(r request) {
	asked := r.passkeyStep(func(q *passkeyRequest) bool { return q.ref != "" && q.prologue == nil })
	if asked == nil {
		return
	}
	told := r.node.GetChildByTag("passkey_prologue")
	content := func(tag string) []byte { return wire.Content(told.GetChildByTag(tag)) }
	err := asked.account.passkey.verify(
		content("webauthn_assertion"), content("credential_id"), asked.challenge)
	if err != nil {
		r.stream.reply(r.failure(codeNotAuthorized, textNotAuthorized))
		return
	}
	payload := content("prologue_payload")
	proof := hmac.New(sha256.New, asked.handoff)
	proof.Write(payload)
	if !hmac.Equal(proof.Sum(nil), content("pairing_handoff_proof")) {
		r.reject(violationSignature, "the device is not the one whose code the phone knows")
		return
	}
	if err = asked.begin(payload); err != nil {
		r.reject(violationContent, err.Error())
		return
	}
	r.stream.reply(r.result())
	introduction, err := proto.Marshal(&waCompanionReg.PrimaryEphemeralIdentity{
		PublicKey: asked.own.Pub[:], Nonce: asked.nonce,
	})
	if err == nil {
		r.stream.send(serverNotification("crsc_continuation", waBinary.Node{
			Tag: "primary_ephemeral_identity", Content: introduction,
		}))
	}
}

// begin reads what a device commits itself to.
func (q *passkeyRequest) begin(payload []byte) error {
	prologue := &waCompanionReg.ProloguePayload{}
	companion := &waCompanionReg.CompanionEphemeralIdentity{}
	if err := proto.Unmarshal(payload, prologue); err != nil {
		return err
	}
	if err := proto.Unmarshal(prologue.GetCompanionEphemeralIdentity(), companion); err != nil {
		return err
	}
	if len(companion.GetPublicKey()) != keySize || companion.GetRef() != q.ref {
		return ErrUnknownRef
	}
	q.prologue, q.companion = prologue, companion
	return nil
}

// takeCompanionNonce checks that the device keeps its commitment, and shows the owner the code that it
// shows, too, unless somebody is in between.
func takeCompanionNonce(r request) {
	asked := r.passkeyStep(func(q *passkeyRequest) bool { return q.prologue != nil && q.key == nil })
	if asked == nil {
		return
	}
	nonce := wire.Content(r.node.GetChildByTag("companion_nonce"))
	commitment := sha256.Sum256(slices.Concat(asked.prologue.GetCompanionEphemeralIdentity(), nonce))
	shared, err := curve25519.X25519(asked.own.Priv[:], asked.companion.GetPublicKey())
	if err != nil || !bytes.Equal(commitment[:], asked.prologue.GetCommitment().GetHash()) {
		r.reject(violationSignature, "the device does not keep its commitment")
		return
	}
	salt := fmt.Sprintf("Companion Pairing %d with ref %s", asked.companion.GetDeviceType(), asked.ref)
	asked.key = hkdfutil.SHA256(shared, []byte(salt), []byte("Pairing Information Encryption Key"), keySize)
	digest := sha256.Sum256(slices.Concat(nonce, asked.own.Pub[:]))
	code := make([]byte, passkeyCodeSize)
	for i := range code {
		code[i] = asked.nonce[i] ^ digest[i]
	}
	text := linkCodeEncoding.EncodeToString(code)
	asked.account.showPasskeyCode(text[:4] + "-" + text[4:])
	r.stream.reply(r.result())
}

// takePairingRequest reads the device's keys and its secret, and links it.
func takePairingRequest(r request) {
	asked := r.passkeyStep(func(q *passkeyRequest) bool { return q.key != nil })
	if asked == nil {
		return
	}
	p := r.stream.pairing
	told, err := asked.read(wire.Content(r.node.GetChildByTag("encrypted_pairing_request")))
	if err != nil || !bytes.Equal(told.GetCompanionPublicKey(), p.keys.Noise[:]) ||
		!bytes.Equal(told.GetCompanionIdentityKey(), p.keys.Identity[:]) {
		r.reject(violationSignature, "a pairing request with other keys")
		return
	}
	asked.account.showPasskeyCode("")
	r.stream.reply(r.result())
	if err = p.offer(asked.account, told.GetAdvSecret()); err != nil {
		p.finish(err)
	}
}

func (q *passkeyRequest) read(text []byte) (*waCompanionReg.PairingRequest, error) {
	sealed, told := &waCompanionReg.EncryptedPairingRequest{}, &waCompanionReg.PairingRequest{}
	if err := proto.Unmarshal(text, sealed); err != nil {
		return nil, err
	}
	if len(sealed.GetIV()) != linkCodeNonce {
		return nil, ErrNotPaired
	}
	plain, err := gcmutil.Decrypt(q.key, sealed.GetIV(), sealed.GetEncryptedPayload(), nil)
	if err != nil {
		return nil, err
	}
	return told, proto.Unmarshal(plain, told)
}
