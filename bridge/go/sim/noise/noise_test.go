package noise_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"go.mau.fi/whatsmeow/proto/waWa6"
	"go.mau.fi/whatsmeow/socket"
	"go.mau.fi/whatsmeow/util/keys"
	"google.golang.org/protobuf/proto"

	"wuts/sim/noise"
)

// pipe is one end of two channels of frames.
type pipe struct {
	in  <-chan []byte
	out chan<- []byte
}

func (p pipe) ReadFrame() ([]byte, error) {
	frame, ok := <-p.in
	if !ok {
		return nil, io.EOF
	}
	return frame, nil
}

func (p pipe) WriteFrame(body []byte) error {
	p.out <- bytes.Clone(body)
	return nil
}

func pipes() (client, server pipe) {
	up, down := make(chan []byte, 4), make(chan []byte, 4)
	return pipe{down, up}, pipe{up, down}
}

// initiate takes the client's side with whatsmeow's own state.
func initiate(t *testing.T, p pipe, own *keys.KeyPair, username uint64) (certificate []byte) {
	t.Helper()
	state := socket.NewNoiseHandshake()
	state.Start(socket.NoiseStartPattern, socket.WAConnHeader)
	ephemeral := keys.NewKeyPair()
	state.Authenticate(ephemeral.Pub[:])
	send(t, p, &waWa6.HandshakeMessage{
		ClientHello: &waWa6.HandshakeMessage_ClientHello{Ephemeral: ephemeral.Pub[:]},
	})
	hello := receive(t, p).GetServerHello()
	theirs := [32]byte(hello.GetEphemeral())
	state.Authenticate(theirs[:])
	must(t, state.MixSharedSecretIntoKey(*ephemeral.Priv, theirs))
	static, err := state.Decrypt(hello.GetStatic())
	must(t, err)
	must(t, state.MixSharedSecretIntoKey(*ephemeral.Priv, [32]byte(static)))
	certificate, err = state.Decrypt(hello.GetPayload())
	must(t, err)
	encrypted := state.Encrypt(own.Pub[:])
	must(t, state.MixSharedSecretIntoKey(*own.Priv, theirs))
	payload, err := proto.Marshal(&waWa6.ClientPayload{Username: &username})
	must(t, err)
	send(t, p, &waWa6.HandshakeMessage{ClientFinish: &waWa6.HandshakeMessage_ClientFinish{
		Static: encrypted, Payload: state.Encrypt(payload),
	}})
	return certificate
}

func send(t *testing.T, p pipe, message *waWa6.HandshakeMessage) {
	t.Helper()
	body, err := proto.Marshal(message)
	must(t, err)
	must(t, p.WriteFrame(body))
}

func receive(t *testing.T, p pipe) *waWa6.HandshakeMessage {
	t.Helper()
	body, err := p.ReadFrame()
	must(t, err)
	message := &waWa6.HandshakeMessage{}
	must(t, proto.Unmarshal(body, message))
	return message
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

type outcome struct {
	session *noise.Session
	err     error
}

func respond(p pipe, certificate []byte) <-chan outcome {
	done := make(chan outcome, 1)
	server := noise.Server{Static: keys.NewKeyPair(), Certificate: certificate}
	go func() {
		session, err := noise.Respond(p, server, socket.WAConnHeader)
		done <- outcome{session, err}
	}()
	return done
}

// whatsmeow's initiator and this responder agree, and each learns what the other one says.
func TestHandshakeWithWhatsmeow(t *testing.T) {
	client, server := pipes()
	done := respond(server, []byte("certificate"))
	own := keys.NewKeyPair()
	if got := initiate(t, client, own, 15550001111); string(got) != "certificate" {
		t.Errorf("certificate %q", got)
	}
	result := <-done
	must(t, result.err)
	if result.session.ClientStatic != *own.Pub {
		t.Error("another static key")
	}
	if result.session.Payload.GetUsername() != 15550001111 {
		t.Errorf("payload %v", result.session.Payload)
	}
}

// Each direction of the transport decrypts only in order, and only what was not changed.
func TestCipherIsOrderedAndAuthentic(t *testing.T) {
	client, server := pipes()
	done := respond(server, nil)
	initiate(t, client, keys.NewKeyPair(), 1)
	session := (<-done).session
	first, second := session.Outgoing.Seal([]byte("a")), session.Outgoing.Seal([]byte("a"))
	if bytes.Equal(first, second) {
		t.Error("two frames with the same text look the same")
	}
	if _, err := session.Incoming.Open(first); err == nil {
		t.Error("the key of one direction opens the other")
	}
}

// A hello without a whole key ends the handshake.
func TestMalformedHello(t *testing.T) {
	client, server := pipes()
	done := respond(server, nil)
	send(t, client, &waWa6.HandshakeMessage{
		ClientHello: &waWa6.HandshakeMessage_ClientHello{Ephemeral: []byte{1, 2, 3}},
	})
	if result := <-done; !errors.Is(result.err, noise.ErrMalformed) {
		t.Errorf("outcome: %v", result.err)
	}
}
