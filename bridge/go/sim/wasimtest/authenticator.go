package wasimtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"slices"
	"testing"

	"go.mau.fi/whatsmeow/types"

	"wuts/sim"
)

// Authenticator holds a passkey and answers for its owner, as a phone or a security key does.
type Authenticator struct {
	t   testing.TB
	id  []byte
	key *ecdsa.PrivateKey
}

// NewAuthenticator makes an authenticator with a fresh passkey.
func NewAuthenticator(t testing.TB) *Authenticator {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &Authenticator{t: t, id: []byte("a passkey's id"), key: key}
}

// Passkey returns what an account knows of the passkey.
func (a *Authenticator) Passkey() *sim.Passkey {
	a.t.Helper()
	public, err := x509.MarshalPKIXPublicKey(&a.key.PublicKey)
	if err != nil {
		a.t.Fatal(err)
	}
	return &sim.Passkey{ID: a.id, PublicKey: public}
}

// Answer signs the challenge.
func (a *Authenticator) Answer(options *types.WebAuthnPublicKey) *types.WebAuthnResponse {
	a.t.Helper()
	client, err := json.Marshal(map[string]string{
		"type":      "webauthn.get",
		"challenge": base64.RawURLEncoding.EncodeToString(options.Challenge),
		"origin":    "https://web.whatsapp.com",
	})
	if err != nil {
		a.t.Fatal(err)
	}
	party, clientHash := sha256.Sum256([]byte(options.RelyingPartID)), sha256.Sum256(client)
	data := append(party[:], 0x05, 0, 0, 0, 1)
	signed := sha256.Sum256(slices.Concat(data, clientHash[:]))
	signature, err := ecdsa.SignASN1(rand.Reader, a.key, signed[:])
	if err != nil {
		a.t.Fatal(err)
	}
	return &types.WebAuthnResponse{
		ID: base64.RawURLEncoding.EncodeToString(a.id), RawID: a.id, Type: "public-key",
		Response: types.WebAuthnResponseData{
			ClientDataJSON: client, AuthenticatorData: data, Signature: signature,
		},
	}
}
