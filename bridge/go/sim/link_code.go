package sim

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"regexp"
	"slices"
	"strings"

	"go.mau.fi/util/random"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/gcmutil"
	"go.mau.fi/whatsmeow/util/hkdfutil"
	"go.mau.fi/whatsmeow/util/keys"
	"golang.org/x/crypto/curve25519"

	"wuts/sim/wire"
)

// Errors of a code that is typed into the phone.
var (
	ErrNotLinkCode   = errors.New("a code has eight letters and digits")
	ErrWrongLinkCode = errors.New("the code is not the one that the device shows")
)

const (
	linkCodeTag        = "link_code_companion_reg"
	linkCodeIterations = 2 << 16
	linkCodeSalt       = 32
	linkCodeIV         = 16
	linkCodeNonce      = 12
	keySize            = 32
)

var (
	linkCodePattern = regexp.MustCompile(`^[1-9A-HJ-NP-TV-Z]{8}$`)
	// What a device may call itself on the phone: a browser and a system that are in common use.
	displayPattern = regexp.MustCompile(
		`^(Chrome|Edge|Firefox|IE|Opera|Safari) \((Linux|Ubuntu|Windows|Mac OS|macOS|Android)\)$`)
)

// LinkWish is a device that waits for its code to be typed into the phone.
type LinkWish struct {
	Ref      string `json:"ref"`
	Platform string `json:"platform"`
	Display  string `json:"display"`
}

// linkCode is what a device said when it made a code. The pairing's lock guards the last try.
type linkCode struct {
	LinkWish
	phone   types.JID
	wrapped []byte // the device's ephemeral key, encrypted with the code
	try     *codeTry
}

// codeTry is a code that was typed; only the device's answer tells whether it is the right one.
type codeTry struct {
	account *Account
	shared  []byte
	failed  chan error // buffered
}

func (t *codeTry) fail(err error) {
	select {
	case t.failed <- err:
	default:
	}
}

// registerLinkCode takes the two steps of a device that is linked by a code.
func registerLinkCode(r request) {
	told := r.node.GetChildByTag(linkCodeTag)
	p := r.stream.pairing
	switch stage := wire.Attr(told, "stage"); {
	case p == nil:
		r.reject(violationRequest, "a linked device asks to be linked")
	case stage == "companion_hello":
		p.wish(r, told)
	case stage == "companion_finish":
		p.finishCode(r, told)
	default:
		r.reject(violationContent, "stage "+stage)
	}
}

// wish notes that a device shows a code, and gives it a reference. One account waits for one code.
func (p *pairing) wish(r request, told waBinary.Node) {
	phone, _ := told.Attrs["jid"].(types.JID)
	link := &linkCode{
		LinkWish: LinkWish{
			Ref:      "2@" + base64.StdEncoding.EncodeToString(random.Bytes(48)),
			Platform: string(wire.Content(told.GetChildByTag("companion_platform_id"))),
			Display:  string(wire.Content(told.GetChildByTag("companion_platform_display"))),
		},
		phone:   phone,
		wrapped: wire.Content(told.GetChildByTag("link_code_pairing_wrapped_companion_ephemeral_pub")),
	}
	server := p.stream.server
	_, known := server.Account(phone.User)
	switch {
	case !bytes.Equal(wire.Content(told.GetChildByTag("companion_server_auth_key_pub")), p.keys.Noise[:]):
		r.reject(violationSignature, "a code for another key than the connection's")
	case len(link.wrapped) != linkCodeSalt+linkCodeIV+keySize || link.Platform == "" ||
		len(wire.Content(told.GetChildByTag("link_code_pairing_nonce"))) == 0:
		r.reject(violationContent, "an incomplete wish for a code")
	case !server.options.Lenient && !displayPattern.MatchString(link.Display):
		r.reject(violationContent, "display name")
	case !known || phone.Server != types.DefaultUserServer:
		r.stream.reply(r.failure(codeNotFound, textNotFound))
	default:
		p.await(link)
		r.stream.reply(r.result(linkCodeNode("companion_hello", link)))
		server.watch.wake()
	}
}

func linkCodeNode(stage string, link *linkCode, more ...waBinary.Node) waBinary.Node {
	ref := waBinary.Node{Tag: "link_code_pairing_ref", Content: []byte(link.Ref)}
	return waBinary.Node{
		Tag: linkCodeTag, Attrs: waBinary.Attrs{"stage": stage},
		Content: append([]waBinary.Node{ref}, more...),
	}
}

// await makes the phone wait for this code, and no longer for one before it.
func (p *pairing) await(link *linkCode) {
	p.mu.Lock()
	p.link = link
	p.mu.Unlock()
	server := p.stream.server
	server.mu.Lock()
	server.links[link.phone.User] = p
	server.mu.Unlock()
}

// LinkWishes returns the devices that wait for a code to be typed into this phone.
func (a *Account) LinkWishes() []LinkWish {
	wishes := []LinkWish{}
	if p := a.server.linkOf(a); p != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		wishes = append(wishes, p.link.LinkWish)
	}
	return wishes
}

func (s *Server) linkOf(a *Account) *pairing {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.links[a.pn.User]
}

// SubmitCode lets the phone's owner type a code, and returns the number of the device when it is linked.
// After a wrong code another one may be tried.
func (a *Account) SubmitCode(ctx context.Context, text string) (uint16, error) {
	code := strings.ReplaceAll(strings.ToUpper(text), "-", "")
	if !linkCodePattern.MatchString(code) {
		return 0, ErrNotLinkCode
	}
	p := a.server.linkOf(a)
	if p == nil {
		return 0, ErrUnknownRef
	}
	try, err := p.tryCode(a, code)
	if err != nil {
		return 0, err
	}
	return p.outcome(ctx, try.failed)
}

// tryCode sends the device the phone's half of the key exchange, encrypted with the typed code.
func (p *pairing) tryCode(a *Account, code string) (*codeTry, error) {
	p.mu.Lock()
	link := p.link
	p.mu.Unlock()
	companion, err := crypt(code, link.wrapped)
	if err != nil {
		return nil, err
	}
	own := keys.NewKeyPair()
	shared, err := curve25519.X25519(own.Priv[:], companion)
	if err != nil {
		return nil, ErrWrongLinkCode
	}
	head := random.Bytes(linkCodeSalt + linkCodeIV)
	wrapped, err := crypt(code, append(slices.Clone(head), own.Pub[:]...))
	if err != nil {
		return nil, err
	}
	try := &codeTry{account: a, shared: shared, failed: make(chan error, 1)}
	p.mu.Lock()
	link.try = try
	p.mu.Unlock()
	identity := a.phone.Identity()
	p.stream.send(serverNotification(linkCodeTag, linkCodeNode("primary_hello", link,
		waBinary.Node{Tag: "link_code_pairing_wrapped_primary_ephemeral_pub", Content: append(head, wrapped...)},
		waBinary.Node{Tag: "primary_identity_pub", Content: identity[:]},
	)))
	return try, nil
}

// crypt encrypts or decrypts what follows the salt and the IV with a code.
func crypt(code string, wrapped []byte) ([]byte, error) {
	key, err := pbkdf2.Key(sha256.New, code, wrapped[:linkCodeSalt], linkCodeIterations, keySize)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	body := slices.Clone(wrapped[linkCodeSalt+linkCodeIV:])
	cipher.NewCTR(block, wrapped[linkCodeSalt:linkCodeSalt+linkCodeIV]).XORKeyStream(body, body)
	return body, nil
}

// finishCode takes the device's keys, which only the right code lets the phone read.
func (p *pairing) finishCode(r request, told waBinary.Node) {
	p.mu.Lock()
	link, try := p.link, (*codeTry)(nil)
	if link != nil {
		try, link.try = link.try, nil
	}
	p.mu.Unlock()
	phone, _ := told.Attrs["jid"].(types.JID)
	switch {
	case try == nil || phone != link.phone ||
		string(wire.Content(told.GetChildByTag("link_code_pairing_ref"))) != link.Ref:
		r.reject(violationContent, "an answer to no code")
		return
	case !bytes.Equal(wire.Content(told.GetChildByTag("companion_identity_public")), p.keys.Identity[:]):
		r.reject(violationSignature, "an answer with another identity")
		return
	}
	r.stream.reply(r.result())
	secret, err := try.open(wire.Content(told.GetChildByTag("link_code_pairing_wrapped_key_bundle")), p.keys)
	if err == nil {
		p.stream.server.forgetPairing(p)
		err = p.accept(try.account, secret)
	}
	if err != nil {
		try.fail(err)
	}
}

// open reads the device's keys and derives the secret that authenticates its identity.
func (t *codeTry) open(bundle []byte, device DeviceKeys) ([]byte, error) {
	if len(bundle) < linkCodeSalt+linkCodeNonce {
		return nil, ErrWrongLinkCode
	}
	salt, nonce := bundle[:linkCodeSalt], bundle[linkCodeSalt:linkCodeSalt+linkCodeNonce]
	key := hkdfutil.SHA256(t.shared, salt, []byte("link_code_pairing_key_bundle_encryption_key"), keySize)
	plain, err := gcmutil.Decrypt(key, nonce, bundle[linkCodeSalt+linkCodeNonce:], nil)
	phone := t.account.phone.Identity()
	if err != nil || len(plain) != 3*keySize ||
		!bytes.Equal(plain[:2*keySize], slices.Concat(device.Identity[:], phone[:])) {
		return nil, ErrWrongLinkCode
	}
	identities, err := t.account.phone.Agree(device.Identity)
	if err != nil {
		return nil, err
	}
	secret := slices.Concat(t.shared, identities, plain[2*keySize:])
	return hkdfutil.SHA256(secret, nil, []byte("adv_secret"), keySize), nil
}
