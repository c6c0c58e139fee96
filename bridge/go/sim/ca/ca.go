// Package ca is the certificate authority of the simulated chat server: a root that clients are
// told to trust, an intermediate, and the server's static Noise key.
package ca

import (
	"encoding/json"
	"fmt"
	"time"

	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/whatsmeow/proto/waCert"
	"go.mau.fi/whatsmeow/util/keys"
	"google.golang.org/protobuf/proto"
)

const (
	intermediateSerial = 1
	leafSerial         = 2
	validFor           = 365 * 24 * time.Hour
	clockTolerance     = time.Hour
)

// Authority holds the three key pairs. It does not change once made.
type Authority struct {
	root         *keys.KeyPair
	intermediate *keys.KeyPair
	static       *keys.KeyPair
}

// New makes an authority with fresh keys.
func New() *Authority {
	return &Authority{
		root: keys.NewKeyPair(), intermediate: keys.NewKeyPair(), static: keys.NewKeyPair(),
	}
}

// RootKey returns the public key that clients must trust.
func (a *Authority) RootKey() [32]byte { return *a.root.Pub }

// Static returns the server's Noise key pair.
func (a *Authority) Static() *keys.KeyPair { return a.static }

// Chain returns a marshalled waCert.CertChain for the static key that is valid around now.
func (a *Authority) Chain(now time.Time) ([]byte, error) {
	intermediate, err := sign(a.root, intermediateSerial, a.intermediate, now)
	if err != nil {
		return nil, err
	}
	leaf, err := sign(a.intermediate, leafSerial, a.static, now)
	if err != nil {
		return nil, err
	}
	return proto.Marshal(&waCert.CertChain{Leaf: leaf, Intermediate: intermediate})
}

// sign certifies a key; the issuer's serial is the one below, as in WhatsApp's chain.
func sign(
	issuer *keys.KeyPair, serial uint32, subject *keys.KeyPair, now time.Time,
) (*waCert.CertChain_NoiseCertificate, error) {
	details, err := proto.Marshal(&waCert.CertChain_NoiseCertificate_Details{
		Serial:       proto.Uint32(serial),
		IssuerSerial: proto.Uint32(serial - 1),
		Key:          subject.Pub[:],
		NotBefore:    proto.Uint64(uint64(now.Add(-clockTolerance).Unix())),
		NotAfter:     proto.Uint64(uint64(now.Add(validFor).Unix())),
	})
	if err != nil {
		return nil, err
	}
	signature := ecc.CalculateSignature(ecc.NewDjbECPrivateKey(*issuer.Priv), details)
	return &waCert.CertChain_NoiseCertificate{Details: details, Signature: signature[:]}, nil
}

type stored struct {
	Root         []byte `json:"root"`
	Intermediate []byte `json:"intermediate"`
	Static       []byte `json:"static"`
}

// MarshalJSON writes the private keys.
func (a *Authority) MarshalJSON() ([]byte, error) {
	return json.Marshal(stored{
		Root: a.root.Priv[:], Intermediate: a.intermediate.Priv[:], Static: a.static.Priv[:],
	})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (a *Authority) UnmarshalJSON(data []byte) error {
	var s stored
	if err := json.Unmarshal(data, &s); err != nil {
		return err
	}
	for _, part := range []struct {
		private []byte
		pair    **keys.KeyPair
	}{{s.Root, &a.root}, {s.Intermediate, &a.intermediate}, {s.Static, &a.static}} {
		if len(part.private) != 32 {
			return fmt.Errorf("certificate authority: private key of %d bytes", len(part.private))
		}
		*part.pair = keys.NewKeyPairFromPrivateKey([32]byte(part.private))
	}
	return nil
}
