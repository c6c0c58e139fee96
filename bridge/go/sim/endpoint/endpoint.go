// Package endpoint is one end of Signal conversations, kept in memory: the simulated phone, and
// later the contacts that it talks to.
package endpoint

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/libsignal/keys/identity"
	"go.mau.fi/libsignal/keys/prekey"
	"go.mau.fi/libsignal/protocol"
	"go.mau.fi/libsignal/serialize"
	"go.mau.fi/libsignal/session"
	"go.mau.fi/libsignal/util/optional"
	"go.mau.fi/util/random"
	"go.mau.fi/whatsmeow/util/keys"
	"golang.org/x/crypto/curve25519"
)

// The two kinds of ciphertext between two devices, in WhatsApp's words.
const (
	KindPreKey  = "pkmsg"
	KindMessage = "msg"
)

// ErrPadding says that a decrypted message does not end in WhatsApp's padding.
var ErrPadding = errors.New("bad padding")

var serializer = serialize.NewProtoBufSerializer()

// Bundle is what a device publishes so that others can open a session with it.
type Bundle struct {
	RegistrationID uint32
	Identity       [32]byte
	Signed         SignedPreKey
	OneTime        *PreKey // absent when the device has none left
}

// PreKey is the public half of a one-time prekey.
type PreKey struct {
	ID     uint32 `json:"id"`
	Public []byte `json:"public"`
}

// SignedPreKey is the public half of a signed prekey.
type SignedPreKey struct {
	ID        uint32 `json:"id"`
	Public    []byte `json:"public"`
	Signature []byte `json:"signature"`
}

// IsSignedBy says whether the identity key made the signature.
func (k SignedPreKey) IsSignedBy(identity [32]byte) bool {
	if len(k.Public) != 32 || len(k.Signature) != 64 {
		return false
	}
	signed := append([]byte{ecc.DjbType}, k.Public...)
	return ecc.VerifySignature(ecc.NewDjbECPublicKey(identity), signed, [64]byte(k.Signature))
}

// Endpoint has an identity and its sessions. Its owner guards it: it has no lock of its own.
type Endpoint struct {
	store *store
}

// New makes an endpoint with a fresh identity.
func New() *Endpoint {
	own := keys.NewKeyPair()
	return &Endpoint{store: &store{
		identity:     own,
		registration: binary.BigEndian.Uint32(random.Bytes(4))&0x3fff + 1,
		signed:       own.CreateSignedPreKey(1),
		sessions:     map[string][]byte{},
		trusted:      map[string][]byte{},
	}}
}

// Identity returns the public identity key.
func (e *Endpoint) Identity() [32]byte { return *e.store.identity.Pub }

// Bundle returns the public keys with which others open a session with the endpoint.
func (e *Endpoint) Bundle() Bundle {
	return Bundle{
		RegistrationID: e.store.registration, Identity: e.Identity(),
		Signed: SignedPreKey{
			ID: e.store.signed.KeyID, Public: e.store.signed.Pub[:],
			Signature: e.store.signed.Signature[:],
		},
	}
}

// Sign signs a message with the identity key (XEdDSA).
func (e *Endpoint) Sign(message []byte) []byte {
	signature := ecc.CalculateSignature(ecc.NewDjbECPrivateKey(*e.store.identity.Priv), message)
	return signature[:]
}

// Agree returns the secret that the identity key and another party's public key make (X25519).
func (e *Endpoint) Agree(public [32]byte) ([]byte, error) {
	return curve25519.X25519(e.store.identity.Priv[:], public[:])
}

// HasSession says whether a message to the address can be encrypted.
func (e *Endpoint) HasSession(address *protocol.SignalAddress) bool {
	_, ok := e.store.sessions[address.String()]
	return ok
}

// Forget drops the session with an address and the identity it had.
func (e *Endpoint) Forget(address *protocol.SignalAddress) {
	delete(e.store.sessions, address.String())
	delete(e.store.trusted, address.String())
}

// Open makes a session with an address from its bundle.
func (e *Endpoint) Open(ctx context.Context, address *protocol.SignalAddress, bundle Bundle) error {
	if !bundle.Signed.IsSignedBy(bundle.Identity) {
		return errors.New("the signed prekey is not signed by the identity")
	}
	oneTimeID, oneTime := optional.NewEmptyUint32(), ecc.ECPublicKeyable(nil)
	if bundle.OneTime != nil {
		oneTimeID = optional.NewOptionalUint32(bundle.OneTime.ID)
		oneTime = ecc.NewDjbECPublicKey([32]byte(bundle.OneTime.Public))
	}
	return e.builder(address).ProcessBundle(ctx, prekey.NewBundle(
		bundle.RegistrationID, address.DeviceID(), oneTimeID, bundle.Signed.ID, oneTime,
		ecc.NewDjbECPublicKey([32]byte(bundle.Signed.Public)), [64]byte(bundle.Signed.Signature),
		identity.NewKey(ecc.NewDjbECPublicKey(bundle.Identity)),
	))
}

// Encrypt pads and encrypts a message for an address that has a session.
func (e *Endpoint) Encrypt(
	ctx context.Context, address *protocol.SignalAddress, plain []byte,
) (kind string, body []byte, err error) {
	message, err := session.NewCipher(e.builder(address), address).Encrypt(ctx, pad(plain))
	if err != nil {
		return "", nil, err
	}
	if message.Type() == protocol.PREKEY_TYPE {
		return KindPreKey, message.Serialize(), nil
	}
	return KindMessage, message.Serialize(), nil
}

// Decrypt decrypts a message of either kind and takes its padding off.
func (e *Endpoint) Decrypt(
	ctx context.Context, address *protocol.SignalAddress, kind string, body []byte,
) ([]byte, error) {
	cipher := session.NewCipher(e.builder(address), address)
	padded, err := decrypt(ctx, cipher, kind, body)
	if err != nil {
		return nil, err
	}
	return unpad(padded)
}

func decrypt(
	ctx context.Context, cipher *session.Cipher, kind string, body []byte,
) ([]byte, error) {
	switch kind {
	case KindPreKey:
		message, err := protocol.NewPreKeySignalMessageFromBytes(
			body, serializer.PreKeySignalMessage, serializer.SignalMessage)
		if err != nil {
			return nil, err
		}
		return cipher.DecryptMessage(ctx, message)
	case KindMessage:
		message, err := protocol.NewSignalMessageFromBytes(body, serializer.SignalMessage)
		if err != nil {
			return nil, err
		}
		return cipher.Decrypt(ctx, message)
	default:
		return nil, fmt.Errorf("unknown kind of ciphertext %q", kind)
	}
}

func (e *Endpoint) builder(address *protocol.SignalAddress) *session.Builder {
	return session.NewBuilder(e.store, e.store, e.store, e.store, address, serializer)
}

// pad appends 1 to 15 bytes that all say how many they are.
func pad(plain []byte) []byte {
	count := random.Bytes(1)[0] & 0xf
	if count == 0 {
		count = 0xf
	}
	padded := append([]byte(nil), plain...)
	for range count {
		padded = append(padded, count)
	}
	return padded
}

func unpad(padded []byte) ([]byte, error) {
	if len(padded) == 0 {
		return nil, ErrPadding
	}
	count := int(padded[len(padded)-1])
	if count == 0 || count > len(padded) {
		return nil, ErrPadding
	}
	for _, value := range padded[len(padded)-count:] {
		if int(value) != count {
			return nil, ErrPadding
		}
	}
	return padded[:len(padded)-count], nil
}
