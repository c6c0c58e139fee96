package wasimtest_test

import (
	"context"
	"errors"
	"testing"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types/events"

	"wuts/sim"
	"wuts/sim/wasimtest"
)

const display = "Chrome (Linux)"

// showCode connects a fresh client and has it make a code for a number.
func (c *client) showCode(pn, display string) (string, error) {
	c.t.Helper()
	c.connect()
	await[*events.QR](c)
	return c.PairPhone(context.Background(), pn, true, whatsmeow.PairClientChrome, display)
}

// submit types a code into the account's phone.
func submit(t *testing.T, account *wasimtest.Account, code string) (uint16, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), wasimtest.Timeout)
	defer cancel()
	return account.SubmitCode(ctx, code)
}

// A client is linked by the code that it shows. A wrong code links nothing, and the right one may follow.
func TestLinkByCode(t *testing.T) {
	s := wasimtest.New(t)
	account := s.AddAccount(wasimtest.Spec{PN: "15550001111"})
	c := fresh(t, s, newContainer(t))
	code, err := c.showCode("15550001111", display)
	if err != nil {
		t.Fatal(err)
	}
	wishes := account.LinkWishes()
	if len(wishes) != 1 || wishes[0].Display != display || wishes[0].Platform != "1" {
		t.Errorf("the phone waits for %+v", wishes)
	}
	wrong := "1" + code[1:]
	if code[0] == '1' {
		wrong = "2" + code[1:]
	}
	if _, err = submit(t, account, wrong); !errors.Is(err, sim.ErrWrongLinkCode) {
		t.Fatalf("the wrong code: %v", err)
	}
	device, err := submit(t, account, code)
	if err != nil {
		t.Fatal(err)
	}
	await[*events.PairSuccess](c)
	await[*events.Connected](c)
	account.WaitOnline(device)
	if left := account.LinkWishes(); len(left) != 0 {
		t.Errorf("the phone still waits for %+v", left)
	}
}

// What is no code, and a code for which nobody waits, are told apart; so is a client that went away.
func TestBadLinkCodes(t *testing.T) {
	s := wasimtest.New(t)
	account := s.AddAccount(wasimtest.Spec{PN: "15550001111"})
	for text, wanted := range map[string]error{
		"": sim.ErrNotLinkCode, "ABCD-EFG": sim.ErrNotLinkCode, "ABCDEFG0": sim.ErrNotLinkCode,
		"abcd-efgh": sim.ErrUnknownRef,
	} {
		if _, err := submit(t, account, text); !errors.Is(err, wanted) {
			t.Errorf("%q: %v instead of %v", text, err, wanted)
		}
	}
	c := fresh(t, s, newContainer(t))
	code, err := c.showCode("15550001111", display)
	if err != nil {
		t.Fatal(err)
	}
	c.Disconnect()
	s.Until("the wish is withdrawn", func() bool { return len(account.LinkWishes()) == 0 })
	if _, err = submit(t, account, code); !errors.Is(err, sim.ErrUnknownRef) {
		t.Errorf("a withdrawn code: %v", err)
	}
}

// A name that no browser has is refused by the server, unless it is lenient.
func TestDisplayNames(t *testing.T) {
	for name, try := range map[string]struct {
		option wasimtest.Option
		code   int
	}{
		"strict": {wasimtest.AllowViolations(), 400}, "lenient": {wasimtest.Lenient(), 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := wasimtest.New(t, try.option)
			s.AddAccount(wasimtest.Spec{PN: "15550001111"})
			_, err := fresh(t, s, newContainer(t)).showCode("15550001111", "Teapot")
			var refused *whatsmeow.IQError
			if errors.As(err, &refused) != (try.code != 0) || refused != nil && refused.Code != try.code {
				t.Errorf("got %v, not %d", err, try.code)
			}
		})
	}
}
