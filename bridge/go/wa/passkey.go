package wa

import (
	"context"
	"errors"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"wuts/wa/engine"
)

// How far the exchange of a passkey is.
const (
	passkeyAsked     = "asked"     // WhatsApp waits for the authenticator's answer
	passkeyAnswered  = "answered"  // the phone is to introduce itself
	passkeyShown     = "shown"     // both show a code; WhatsApp waits for the confirmation
	passkeyConfirmed = "confirmed" // the phone is to link the device
)

// passkey is WhatsApp's wish that the account's owner confirm the device with a passkey. The session's loop
// owns it.
type passkey struct {
	stage     string
	options   *types.WebAuthnPublicKey
	code      string // that the phone shows, too
	isCompare bool   // the owner has to compare the codes
}

// PasskeyStatus is how far the exchange of a passkey is. ExpiresAt is in Unix milliseconds.
type PasskeyStatus struct {
	Stage     string                   `json:"stage"`
	PublicKey *types.WebAuthnPublicKey `json:"public_key"`
	Code      string                   `json:"code,omitempty"`
	Compare   bool                     `json:"compare"`
	ExpiresAt int64                    `json:"expires_at"`
}

// Passkey returns what WhatsApp asks of a passkey; whoever asks keeps the pairing alive.
func (b *Bridge) Passkey(ctx context.Context, key DeviceKey) (PasskeyStatus, error) {
	s, err := b.session(ctx, key)
	if err != nil {
		return PasskeyStatus{}, err
	}
	return ask(ctx, s, s.passkeyStatus)
}

// AnswerPasskey sends the authenticator's answer. It sends nothing if that was done already.
func (b *Bridge) AnswerPasskey(
	ctx context.Context, key DeviceKey, answer *types.WebAuthnResponse,
) (PasskeyStatus, error) {
	return b.stepPasskey(ctx, key, passkeyAsked, passkeyAnswered, func(client *whatsmeow.Client) error {
		return client.SendPasskeyResponse(ctx, answer)
	})
}

// ConfirmPasskey says that the codes are the same, or need not be compared. It sends nothing while no code
// is shown.
func (b *Bridge) ConfirmPasskey(ctx context.Context, key DeviceKey) (PasskeyStatus, error) {
	return b.stepPasskey(ctx, key, passkeyShown, passkeyConfirmed, func(client *whatsmeow.Client) error {
		return client.SendPasskeyConfirmation(ctx)
	})
}

// stepPasskey takes the exchange from one stage to the next, and back if that could not be sent. At any
// other stage it does nothing; what it returns tells.
func (b *Bridge) stepPasskey(
	ctx context.Context, key DeviceKey, from, to string, send func(*whatsmeow.Client) error,
) (PasskeyStatus, error) {
	s, err := b.session(ctx, key)
	if err != nil {
		return PasskeyStatus{}, err
	}
	begun, err := ask(ctx, s, func() (step, error) { return s.beginStep(from, to) })
	if err != nil || begun.link == nil {
		return begun.status, err
	}
	if err = send(begun.link.client); err != nil {
		s.mailbox.post(func() { s.revertStep(begun.link, from, to) })
		return PasskeyStatus{}, sendError(ctx, err)
	}
	return begun.status, nil
}

// step is how the exchange stands, and by whose client it goes on; nil: it has nothing to send.
type step struct {
	status PasskeyStatus
	link   *link
}

// sendError translates what whatsmeow reports: it was not sent, was refused, or nobody knows.
func sendError(ctx context.Context, err error) error {
	var refused *whatsmeow.IQError
	switch {
	case errors.As(err, &refused):
		return &engine.ServerError{Code: refused.Code, Text: refused.Text}
	case errors.Is(err, whatsmeow.ErrNotConnected):
		return ErrDeviceNotConnected
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return engine.ErrUnknownOutcome
}

func (s *session) beginStep(from, to string) (step, error) {
	asked, err := s.askedPasskey()
	if err != nil {
		return step{}, err
	}
	begun := step{}
	if asked.stage == from {
		asked.stage, begun.link = to, s.link
	}
	begun.status, err = s.passkeyStatus()
	return begun, err
}

func (s *session) revertStep(l *link, from, to string) {
	if asked, err := s.askedPasskey(); err == nil && s.link == l && asked.stage == to {
		asked.stage = from
	}
}

// askedPasskey returns the exchange that runs, and keeps its pairing alive.
func (s *session) askedPasskey() (*passkey, error) {
	switch {
	case s.link != nil && s.link.isPaired:
		return nil, ErrDeviceAlreadyLinked
	case s.pairing == nil || s.pairing.passkey == nil:
		return nil, ErrDeviceNotLinked
	}
	s.pairing.polledAt = time.Now()
	return s.pairing.passkey, nil
}

func (s *session) passkeyStatus() (PasskeyStatus, error) {
	asked, err := s.askedPasskey()
	if err != nil {
		return PasskeyStatus{}, err
	}
	return PasskeyStatus{
		Stage: asked.stage, PublicKey: asked.options, Code: asked.code, Compare: asked.isCompare,
		ExpiresAt: s.pairing.expiresAt.UnixMilli(),
	}, nil
}

// askPasskey notes that a phone has accepted the device as far as it may, and that its owner's passkey has
// to do the rest.
func (s *session) askPasskey(l *link, options *types.WebAuthnPublicKey) {
	p := s.pairing
	if s.link != l || !p.isAwaited() {
		return
	}
	p.state, p.code, p.rest = pairingPasskey, "", nil
	p.passkey = &passkey{stage: passkeyAsked, options: options}
	s.begin(p, time.Now().Add(s.timing.Passkey), s.expirePairing)
	s.setStatus(StatusPasskeyRequired, "")
	s.announcePasskey()
}

// showPasskeyCode notes that the phone has answered, and what it shows.
func (s *session) showPasskeyCode(l *link, event *events.PairPasskeyConfirmation) {
	p := s.pairing
	if s.link != l || p == nil || p.passkey == nil {
		return
	}
	p.passkey.stage, p.passkey.code, p.passkey.isCompare = passkeyShown, event.Code, !event.SkipHandoffUX
	s.announcePasskey()
}

func (s *session) announcePasskey() {
	p := s.pairing
	s.tenant.announce(s.deviceID, "pairing.passkey_required", map[string]any{
		"stage": p.passkey.stage, "expires_at": p.expiresAt.UnixMilli(),
	})
	p.tell()
}
