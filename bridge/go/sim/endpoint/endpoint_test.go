package endpoint

import (
	"context"
	"encoding/json"
	"testing"

	"go.mau.fi/libsignal/protocol"
)

var (
	phoneName     = protocol.NewSignalAddress("2000_1", 0)
	companionName = protocol.NewSignalAddress("2000_1", 3)
)

func (e *Endpoint) bundleForTest() Bundle {
	return Bundle{
		RegistrationID: e.store.registration, Identity: e.Identity(),
		Signed: SignedPreKey{
			ID: e.store.signed.KeyID, Public: e.store.signed.Pub[:],
			Signature: e.store.signed.Signature[:],
		},
	}
}

func pass(
	t *testing.T, from *Endpoint, to *protocol.SignalAddress,
	reader *Endpoint, sender *protocol.SignalAddress, text string,
) (kind string) {
	t.Helper()
	kind, body, err := from.Encrypt(context.Background(), to, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := reader.Decrypt(context.Background(), sender, kind, body)
	if err != nil || string(plain) != text {
		t.Fatalf("%q, %v", plain, err)
	}
	return kind
}

// A session is opened from a bundle, answered, and goes on after both ends were saved and loaded.
func TestConversation(t *testing.T) {
	phone, companion := New(), New()
	if err := phone.Open(context.Background(), companionName, companion.bundleForTest()); err != nil {
		t.Fatal(err)
	}
	if kind := pass(t, phone, companionName, companion, phoneName, "hello"); kind != KindPreKey {
		t.Errorf("first message is %s", kind)
	}
	pass(t, companion, phoneName, phone, companionName, "yes?")
	phone, companion = reload(t, phone), reload(t, companion)
	if kind := pass(t, phone, companionName, companion, phoneName, "again"); kind != KindMessage {
		t.Errorf("later message is %s", kind)
	}
}

func reload(t *testing.T, e *Endpoint) *Endpoint {
	t.Helper()
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	loaded := &Endpoint{}
	if err = json.Unmarshal(text, loaded); err != nil {
		t.Fatal(err)
	}
	return loaded
}

// A bundle whose prekey was signed by somebody else opens no session.
func TestForeignSignature(t *testing.T) {
	phone, companion, other := New(), New(), New()
	bundle := companion.bundleForTest()
	bundle.Signed.Signature = other.bundleForTest().Signed.Signature
	if err := phone.Open(context.Background(), companionName, bundle); err == nil {
		t.Error("the bundle was accepted")
	}
}

// What was changed on the way, or is for nobody, does not decrypt.
func TestUndecryptable(t *testing.T) {
	phone, companion := New(), New()
	if err := phone.Open(context.Background(), companionName, companion.bundleForTest()); err != nil {
		t.Fatal(err)
	}
	kind, body, err := phone.Encrypt(context.Background(), companionName, []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	body[len(body)-1] ^= 1
	for _, kind := range []string{kind, KindMessage, "skmsg"} {
		if _, err = companion.Decrypt(context.Background(), phoneName, kind, body); err == nil {
			t.Errorf("%s was decrypted", kind)
		}
	}
	phone.Forget(companionName)
	if _, _, err = phone.Encrypt(context.Background(), companionName, []byte("x")); err == nil {
		t.Error("there is still a session")
	}
}

// Padding is between 1 and 15 bytes that say how many they are, and anything else is refused.
func TestPadding(t *testing.T) {
	for range 100 {
		padded := pad([]byte("text"))
		if extra := len(padded) - 4; extra < 1 || extra > 15 {
			t.Fatalf("%d bytes of padding", extra)
		}
		if plain, err := unpad(padded); err != nil || string(plain) != "text" {
			t.Fatalf("%q, %v", plain, err)
		}
	}
	for _, bad := range [][]byte{nil, {0}, {5}, {1, 2}} {
		if _, err := unpad(bad); err == nil {
			t.Errorf("%v was accepted", bad)
		}
	}
}
