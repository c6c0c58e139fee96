package ca_test

import (
	"encoding/json"
	"testing"
	"time"

	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/whatsmeow/proto/waCert"
	"google.golang.org/protobuf/proto"

	"wuts/sim/ca"
)

func details(
	t *testing.T, issuer [32]byte, certificate *waCert.CertChain_NoiseCertificate,
) *waCert.CertChain_NoiseCertificate_Details {
	t.Helper()
	raw := certificate.GetDetails()
	signature := [64]byte(certificate.GetSignature())
	if !ecc.VerifySignature(ecc.NewDjbECPublicKey(issuer), raw, signature) {
		t.Fatal("the signature does not verify")
	}
	parsed := &waCert.CertChain_NoiseCertificate_Details{}
	if err := proto.Unmarshal(raw, parsed); err != nil {
		t.Fatal(err)
	}
	return parsed
}

// The chain leads from the root key to the static key, within its dates.
func TestChain(t *testing.T) {
	authority, now := ca.New(), time.Now()
	raw, err := authority.Chain(now)
	if err != nil {
		t.Fatal(err)
	}
	chain := &waCert.CertChain{}
	if err = proto.Unmarshal(raw, chain); err != nil {
		t.Fatal(err)
	}
	intermediate := details(t, authority.RootKey(), chain.GetIntermediate())
	leaf := details(t, [32]byte(intermediate.GetKey()), chain.GetLeaf())
	if [32]byte(leaf.GetKey()) != *authority.Static().Pub {
		t.Error("the leaf is not the static key")
	}
	if intermediate.GetIssuerSerial() != 0 || leaf.GetIssuerSerial() != intermediate.GetSerial() {
		t.Error("the serials do not lead to the root")
	}
	unix := uint64(now.Unix())
	if leaf.GetNotBefore() >= unix || leaf.GetNotAfter() <= unix {
		t.Error("the leaf is not valid now")
	}
}

// An authority that was written and read has the same keys; a broken one is refused.
func TestAuthorityAsJSON(t *testing.T) {
	authority := ca.New()
	text, err := json.Marshal(authority)
	if err != nil {
		t.Fatal(err)
	}
	var again ca.Authority
	if err = json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	if again.RootKey() != authority.RootKey() || *again.Static().Pub != *authority.Static().Pub {
		t.Error("other keys")
	}
	if err = json.Unmarshal([]byte(`{"root":"AAAA"}`), &again); err == nil {
		t.Error("a key of three bytes was accepted")
	}
}
