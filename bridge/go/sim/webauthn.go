package sim

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"

	"go.mau.fi/whatsmeow/types"
)

// Errors of a passkey.
var (
	ErrPasskey   = errors.New("a passkey has an id and a P-256 key as SubjectPublicKeyInfo")
	errAssertion = errors.New("the passkey's answer does not verify")
)

const (
	relyingParty   = "whatsapp.com"
	passkeyOrigin  = "https://web.whatsapp.com"
	passkeyTimeout = 60_000

	authenticatorDataSize = 37
	// A person was there, and proved who they are.
	flagsOfPerson = 0x01 | 0x04
)

// Passkey is the public half of the passkey with which an account's owner confirms new devices.
type Passkey struct {
	ID        []byte `json:"id"`
	PublicKey []byte `json:"public_key"` // P-256, as SubjectPublicKeyInfo
}

func (k *Passkey) key() (*ecdsa.PublicKey, error) {
	parsed, err := x509.ParsePKIXPublicKey(k.PublicKey)
	key, ok := parsed.(*ecdsa.PublicKey)
	if err != nil || !ok || len(k.ID) == 0 {
		return nil, ErrPasskey
	}
	return key, nil
}

// check refuses a passkey that could verify nothing; none at all is in order.
func (k *Passkey) check() error {
	if k == nil {
		return nil
	}
	_, err := k.key()
	return err
}

// options are what an authenticator is asked (WebAuthn's PublicKeyCredentialRequestOptions).
func (k *Passkey) options(challenge []byte) types.WebAuthnPublicKey {
	return types.WebAuthnPublicKey{
		Challenge: challenge, Timeout: passkeyTimeout, RelyingPartID: relyingParty,
		AllowCredentials: []types.AllowedCredential{
			{ID: k.ID, Type: "public-key", Transports: []string{"internal", "hybrid"}},
		},
		UserVerification: "required",
		Extensions:       map[string]any{},
	}
}

// verify checks an authenticator's answer as a relying party does.
func (k *Passkey) verify(text, credential, challenge []byte) error {
	var answer types.WebAuthnResponse
	if json.Unmarshal(text, &answer) != nil || answer.Type != "public-key" ||
		!bytes.Equal(answer.RawID, k.ID) || !bytes.Equal(credential, k.ID) ||
		answer.ID != base64.RawURLEncoding.EncodeToString(k.ID) {
		return errAssertion
	}
	var client struct{ Type, Challenge, Origin string }
	if json.Unmarshal(answer.Response.ClientDataJSON, &client) != nil || client.Type != "webauthn.get" ||
		client.Challenge != base64.RawURLEncoding.EncodeToString(challenge) || client.Origin != passkeyOrigin {
		return errAssertion
	}
	data := answer.Response.AuthenticatorData
	party := sha256.Sum256([]byte(relyingParty))
	if len(data) < authenticatorDataSize || !bytes.Equal(data[:len(party)], party[:]) ||
		data[len(party)]&flagsOfPerson != flagsOfPerson {
		return errAssertion
	}
	clientHash := sha256.Sum256(answer.Response.ClientDataJSON)
	signed := sha256.Sum256(slices.Concat(data, clientHash[:]))
	key, err := k.key()
	if err != nil || !ecdsa.VerifyASN1(key, signed[:], answer.Response.Signature) {
		return errAssertion
	}
	return nil
}
