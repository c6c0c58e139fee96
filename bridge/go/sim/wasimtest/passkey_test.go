package wasimtest_test

import (
	"context"
	"errors"
	"testing"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types/events"

	"wuts/sim/wasimtest"
)

// linking is a phone's try to link a client, which goes on while the client is asked for a passkey.
type linking struct {
	device uint16
	err    error
}

func begin(t *testing.T, link func(context.Context) (uint16, error)) <-chan linking {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), wasimtest.Timeout)
	t.Cleanup(cancel)
	ended := make(chan linking, 1)
	go func() {
		device, err := link(ctx)
		ended <- linking{device, err}
	}()
	return ended
}

// answer has the passkey answer, and returns what the client then shows.
func (c *client) answer(authenticator *wasimtest.Authenticator) *events.PairPasskeyConfirmation {
	c.t.Helper()
	request := await[*events.PairPasskeyRequest](c)
	if err := c.SendPasskeyResponse(context.Background(), authenticator.Answer(request.PublicKey)); err != nil {
		c.t.Fatal(err)
	}
	return await[*events.PairPasskeyConfirmation](c)
}

// An account with a passkey links a client by its answer only: by QR code, and by a code that is typed.
// Phone and client show the same code meanwhile.
func TestLinkByPasskey(t *testing.T) {
	s := wasimtest.New(t)
	authenticator := wasimtest.NewAuthenticator(t)
	account := s.AddAccount(wasimtest.Spec{PN: "15550001111", Passkey: authenticator.Passkey()})
	for name, link := range map[string]func(*client) <-chan linking{
		"QR": func(c *client) <-chan linking {
			c.connect()
			qr := await[*events.QR](c)
			return begin(t, func(ctx context.Context) (uint16, error) { return account.Scan(ctx, qr.Codes[0]) })
		},
		"code": func(c *client) <-chan linking {
			code, err := c.showCode("15550001111", display)
			if err != nil {
				t.Fatal(err)
			}
			return begin(t, func(ctx context.Context) (uint16, error) { return account.SubmitCode(ctx, code) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := fresh(t, s, newContainer(t))
			ended := link(c)
			shown := c.answer(authenticator)
			if shown.Code != account.PasskeyCode() || !shown.SkipHandoffUX {
				t.Errorf("the client shows %+v, the phone %q", shown, account.PasskeyCode())
			}
			if err := c.SendPasskeyConfirmation(context.Background()); err != nil {
				t.Fatal(err)
			}
			got := <-ended
			if got.err != nil {
				t.Fatal(got.err)
			}
			await[*events.Connected](c)
			account.WaitOnline(got.device)
			if code := account.PasskeyCode(); code != "" {
				t.Errorf("the phone still shows %q", code)
			}
		})
	}
}

// The answer of another passkey is refused; that of the right one may follow.
func TestAnswerOfAnotherPasskey(t *testing.T) {
	s := wasimtest.New(t)
	authenticator := wasimtest.NewAuthenticator(t)
	account := s.AddAccount(wasimtest.Spec{Passkey: authenticator.Passkey()})
	c := fresh(t, s, newContainer(t))
	c.connect()
	qr := await[*events.QR](c)
	begin(t, func(ctx context.Context) (uint16, error) { return account.Scan(ctx, qr.Codes[0]) })
	request := await[*events.PairPasskeyRequest](c)
	err := c.SendPasskeyResponse(context.Background(), wasimtest.NewAuthenticator(t).Answer(request.PublicKey))
	var refused *whatsmeow.IQError
	if !errors.As(err, &refused) || refused.Code != 401 {
		t.Errorf("the wrong passkey: %v", err)
	}
	if err = c.SendPasskeyResponse(context.Background(), authenticator.Answer(request.PublicKey)); err != nil {
		t.Error(err)
	}
	await[*events.PairPasskeyConfirmation](c)
}
