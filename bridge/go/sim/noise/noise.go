// Package noise is the responder of the Noise XX handshake that WhatsApp clients start, and the
// encrypted transport that follows it (Noise_XX_25519_AESGCM_SHA256).
package noise

import (
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"go.mau.fi/whatsmeow/proto/waWa6"
	"go.mau.fi/whatsmeow/util/gcmutil"
	"go.mau.fi/whatsmeow/util/hkdfutil"
	"go.mau.fi/whatsmeow/util/keys"
	"golang.org/x/crypto/curve25519"
	"google.golang.org/protobuf/proto"
)

// pattern is exactly 32 bytes, so the protocol uses it as the first hash without hashing it.
const pattern = "Noise_XX_25519_AESGCM_SHA256\x00\x00\x00\x00"

// ErrMalformed says that a handshake message lacks a part or has one of the wrong size.
var ErrMalformed = errors.New("malformed handshake message")

// Pipe carries whole handshake messages.
type Pipe interface {
	ReadFrame() ([]byte, error)
	WriteFrame(body []byte) error
}

// Server is what the responder proves itself with.
type Server struct {
	Static      *keys.KeyPair
	Certificate []byte // a marshalled waCert.CertChain for Static
}

// Session is an established transport and what the client said while it was made.
type Session struct {
	ClientStatic [32]byte // the device's login credential
	Payload      *waWa6.ClientPayload
	Incoming     *Cipher
	Outgoing     *Cipher
}

// Respond takes the server's side of one handshake. The prologue is the header with which the
// client opened the connection.
func Respond(pipe Pipe, server Server, prologue []byte) (*Session, error) {
	state, err := newState(prologue)
	if err != nil {
		return nil, err
	}
	ephemeral := keys.NewKeyPair()
	if err = state.greet(pipe, server, ephemeral); err != nil {
		return nil, fmt.Errorf("hello: %w", err)
	}
	session, err := state.finish(pipe, ephemeral)
	if err != nil {
		return nil, fmt.Errorf("client finish: %w", err)
	}
	return session, nil
}

type state struct {
	hash    []byte
	chain   []byte
	aead    cipher.AEAD
	counter uint32
}

func newState(prologue []byte) (*state, error) {
	aead, err := gcmutil.Prepare([]byte(pattern))
	if err != nil {
		return nil, err
	}
	s := &state{hash: []byte(pattern), chain: []byte(pattern), aead: aead}
	s.absorb(prologue)
	return s, nil
}

// greet reads the client's hello and answers it with the ephemeral key, the static key and the
// certificate chain.
func (s *state) greet(pipe Pipe, server Server, ephemeral *keys.KeyPair) error {
	hello, err := readMessage(pipe)
	if err != nil {
		return err
	}
	client := hello.GetClientHello().GetEphemeral()
	if len(client) != 32 {
		return fmt.Errorf("%w: ephemeral key of %d bytes", ErrMalformed, len(client))
	}
	s.absorb(client)
	s.absorb(ephemeral.Pub[:])
	if err = s.mix(ephemeral, client); err != nil {
		return err
	}
	static := s.encrypt(server.Static.Pub[:])
	if err = s.mix(server.Static, client); err != nil {
		return err
	}
	return writeMessage(pipe, &waWa6.HandshakeMessage{
		ServerHello: &waWa6.HandshakeMessage_ServerHello{
			Ephemeral: ephemeral.Pub[:],
			Static:    static,
			Payload:   s.encrypt(server.Certificate),
		},
	})
}

// finish reads the client's last message and derives the transport keys.
func (s *state) finish(pipe Pipe, ephemeral *keys.KeyPair) (*Session, error) {
	message, err := readMessage(pipe)
	if err != nil {
		return nil, err
	}
	static, err := s.decrypt(message.GetClientFinish().GetStatic())
	if err != nil {
		return nil, fmt.Errorf("static key: %w", err)
	}
	if len(static) != 32 {
		return nil, fmt.Errorf("%w: static key of %d bytes", ErrMalformed, len(static))
	}
	if err = s.mix(ephemeral, static); err != nil {
		return nil, err
	}
	plain, err := s.decrypt(message.GetClientFinish().GetPayload())
	if err != nil {
		return nil, fmt.Errorf("payload: %w", err)
	}
	session := &Session{ClientStatic: [32]byte(static), Payload: &waWa6.ClientPayload{}}
	if err = proto.Unmarshal(plain, session.Payload); err != nil {
		return nil, fmt.Errorf("payload: %w", err)
	}
	session.Incoming, session.Outgoing, err = s.split()
	return session, err
}

func (s *state) absorb(data []byte) {
	sum := sha256.Sum256(append(append([]byte(nil), s.hash...), data...))
	s.hash = sum[:]
}

func (s *state) mix(own *keys.KeyPair, their []byte) error {
	secret, err := curve25519.X25519(own.Priv[:], their)
	if err != nil {
		return fmt.Errorf("key agreement: %w", err)
	}
	derived := hkdfutil.SHA256(secret, s.chain, nil, 64)
	s.chain, s.counter = derived[:32], 0
	s.aead, err = gcmutil.Prepare(derived[32:])
	return err
}

func (s *state) encrypt(plain []byte) []byte {
	sealed := s.aead.Seal(nil, nonce(s.counter), plain, s.hash)
	s.counter++
	s.absorb(sealed)
	return sealed
}

func (s *state) decrypt(sealed []byte) ([]byte, error) {
	plain, err := s.aead.Open(nil, nonce(s.counter), sealed, s.hash)
	if err != nil {
		return nil, err
	}
	s.counter++
	s.absorb(sealed)
	return plain, nil
}

func (s *state) split() (incoming, outgoing *Cipher, err error) {
	derived := hkdfutil.SHA256(nil, s.chain, nil, 64)
	if incoming, err = newCipher(derived[:32]); err != nil {
		return nil, nil, err
	}
	outgoing, err = newCipher(derived[32:])
	return incoming, outgoing, err
}

// Cipher is one direction of the transport. It is used by one goroutine only.
type Cipher struct {
	aead    cipher.AEAD
	counter uint32
}

func newCipher(key []byte) (*Cipher, error) {
	aead, err := gcmutil.Prepare(key)
	return &Cipher{aead: aead}, err
}

// Seal encrypts the next frame of this direction.
func (c *Cipher) Seal(plain []byte) []byte {
	sealed := c.aead.Seal(nil, nonce(c.counter), plain, nil)
	c.counter++
	return sealed
}

// Open decrypts the next frame of this direction.
func (c *Cipher) Open(sealed []byte) ([]byte, error) {
	plain, err := c.aead.Open(nil, nonce(c.counter), sealed, nil)
	c.counter++
	return plain, err
}

func nonce(counter uint32) []byte {
	value := make([]byte, 12)
	binary.BigEndian.PutUint32(value[8:], counter)
	return value
}

func readMessage(pipe Pipe) (*waWa6.HandshakeMessage, error) {
	body, err := pipe.ReadFrame()
	if err != nil {
		return nil, err
	}
	message := &waWa6.HandshakeMessage{}
	return message, proto.Unmarshal(body, message)
}

func writeMessage(pipe Pipe, message *waWa6.HandshakeMessage) error {
	body, err := proto.Marshal(message)
	if err != nil {
		return err
	}
	return pipe.WriteFrame(body)
}
