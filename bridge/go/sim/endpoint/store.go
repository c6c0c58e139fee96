package endpoint

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/libsignal/keys/identity"
	"go.mau.fi/libsignal/logger"
	"go.mau.fi/libsignal/protocol"
	"go.mau.fi/libsignal/state/record"
	"go.mau.fi/whatsmeow/util/keys"
)

var errUnsupported = errors.New("not kept by this endpoint")

// silent drops what libsignal logs: by default it prints to the standard output, which belongs to
// the program, and sets its logger up without a lock on first use.
type silent struct{}

func (silent) Debug(string, string)   {}
func (silent) Info(string, string)    {}
func (silent) Warning(string, string) {}
func (silent) Error(string, string)   {}
func (silent) Configure(string)       {}

func init() {
	if logger.Logger == nil {
		logger.Logger = silent{}
	}
}

// store is libsignal's view of an endpoint. Sessions are kept serialised, keyed by address.
type store struct {
	identity     *keys.KeyPair
	registration uint32
	signed       *keys.PreKey
	sessions     map[string][]byte
	trusted      map[string][]byte
}

func (s *store) GetIdentityKeyPair() *identity.KeyPair {
	return identity.NewKeyPair(
		identity.NewKey(ecc.NewDjbECPublicKey(*s.identity.Pub)),
		ecc.NewDjbECPrivateKey(*s.identity.Priv),
	)
}

func (s *store) GetLocalRegistrationID() uint32 { return s.registration }

func (s *store) SaveIdentity(
	_ context.Context, address *protocol.SignalAddress, key *identity.Key,
) error {
	public := key.PublicKey().PublicKey()
	s.trusted[address.String()] = public[:]
	return nil
}

func (s *store) IsTrustedIdentity(
	_ context.Context, address *protocol.SignalAddress, key *identity.Key,
) (bool, error) {
	known, ok := s.trusted[address.String()]
	public := key.PublicKey().PublicKey()
	return !ok || bytes.Equal(known, public[:]), nil
}

func (s *store) LoadSession(
	_ context.Context, address *protocol.SignalAddress,
) (*record.Session, error) {
	raw, ok := s.sessions[address.String()]
	if !ok {
		return record.NewSession(serializer.Session, serializer.State), nil
	}
	return record.NewSessionFromBytes(raw, serializer.Session, serializer.State)
}

func (s *store) StoreSession(
	_ context.Context, address *protocol.SignalAddress, session *record.Session,
) error {
	s.sessions[address.String()] = session.Serialize()
	return nil
}

func (s *store) ContainsSession(
	_ context.Context, address *protocol.SignalAddress,
) (bool, error) {
	_, ok := s.sessions[address.String()]
	return ok, nil
}

func (s *store) LoadSignedPreKey(_ context.Context, id uint32) (*record.SignedPreKey, error) {
	if id != s.signed.KeyID {
		return nil, nil
	}
	return record.NewSignedPreKey(id, 0, ecc.NewECKeyPair(
		ecc.NewDjbECPublicKey(*s.signed.Pub), ecc.NewDjbECPrivateKey(*s.signed.Priv),
	), *s.signed.Signature, serializer.SignedPreKeyRecord), nil
}

func (s *store) ContainsSignedPreKey(_ context.Context, id uint32) (bool, error) {
	return id == s.signed.KeyID, nil
}

// The endpoint publishes no one-time prekeys: a session with it is always opened by itself.

func (s *store) LoadPreKey(context.Context, uint32) (*record.PreKey, error)   { return nil, nil }
func (s *store) ContainsPreKey(context.Context, uint32) (bool, error)         { return false, nil }
func (s *store) RemovePreKey(context.Context, uint32) error                   { return nil }
func (s *store) StorePreKey(context.Context, uint32, *record.PreKey) error    { return errUnsupported }
func (s *store) RemoveSignedPreKey(context.Context, uint32) error             { return errUnsupported }
func (s *store) DeleteSession(context.Context, *protocol.SignalAddress) error { return errUnsupported }
func (s *store) DeleteAllSessions(context.Context) error                      { return errUnsupported }

func (s *store) LoadSignedPreKeys(context.Context) ([]*record.SignedPreKey, error) {
	return nil, errUnsupported
}

func (s *store) StoreSignedPreKey(context.Context, uint32, *record.SignedPreKey) error {
	return errUnsupported
}

func (s *store) GetSubDeviceSessions(context.Context, string) ([]uint32, error) {
	return nil, errUnsupported
}

type stored struct {
	Identity       []byte            `json:"identity"`
	RegistrationID uint32            `json:"registration_id"`
	SignedID       uint32            `json:"signed_id"`
	Signed         []byte            `json:"signed"`
	Sessions       map[string][]byte `json:"sessions"`
	Trusted        map[string][]byte `json:"trusted"`
}

// MarshalJSON writes keys and sessions.
func (e *Endpoint) MarshalJSON() ([]byte, error) {
	s := e.store
	return json.Marshal(stored{
		Identity: s.identity.Priv[:], RegistrationID: s.registration,
		SignedID: s.signed.KeyID, Signed: s.signed.Priv[:],
		Sessions: s.sessions, Trusted: s.trusted,
	})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (e *Endpoint) UnmarshalJSON(data []byte) error {
	s := stored{Sessions: map[string][]byte{}, Trusted: map[string][]byte{}}
	if err := json.Unmarshal(data, &s); err != nil {
		return err
	}
	if len(s.Identity) != 32 || len(s.Signed) != 32 {
		return fmt.Errorf("endpoint: keys of %d and %d bytes", len(s.Identity), len(s.Signed))
	}
	own := keys.NewKeyPairFromPrivateKey([32]byte(s.Identity))
	signed := &keys.PreKey{
		KeyPair: *keys.NewKeyPairFromPrivateKey([32]byte(s.Signed)), KeyID: s.SignedID,
	}
	signed.Signature = own.Sign(&signed.KeyPair)
	e.store = &store{
		identity: own, registration: s.RegistrationID, signed: signed,
		sessions: s.Sessions, trusted: s.Trusted,
	}
	return nil
}
