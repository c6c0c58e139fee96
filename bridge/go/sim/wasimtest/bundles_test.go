package wasimtest_test

import (
	"context"
	"errors"
	"testing"

	"go.mau.fi/libsignal/session"
	"go.mau.fi/libsignal/signalerror"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"

	"wuts/sim/faults"
	"wuts/sim/wasimtest"
)

var errNoBundle = errors.New("no keys came")

// openSession fetches a device's keys and opens a session with them.
func openSession(t *testing.T, c *client, jid types.JID) error {
	t.Helper()
	bundle := internals(c).FetchPreKeysNoError(context.Background(), []types.JID{jid})[jid]
	if bundle == nil {
		return errNoBundle
	}
	builder := session.NewBuilderFromSignal(
		c.Store, jid.SignalAddress(), store.SignalProtobufSerializer)
	return builder.ProcessBundle(context.Background(), bundle)
}

// A client opens sessions with its sibling and with the phone, taking a one-time prekey of the sibling;
// a bundle that is signed wrongly is refused, and there is none of a device that does not exist.
func TestBundles(t *testing.T) {
	s := wasimtest.New(t)
	account := s.AddAccount(wasimtest.Spec{})
	c, sibling := seeded(t, s, account), seeded(t, s, account)
	before := account.Devices()[1].PreKeys
	device := *sibling.Store.ID
	device.User, device.Server = account.LID().User, types.HiddenUserServer
	s.Fault(faults.Rule{Action: "prekeys", What: "bad_signature", Times: 1})
	if err := openSession(t, c, device); !errors.Is(err, signalerror.ErrInvalidSignature) {
		t.Errorf("with a bad signature: %v", err)
	}
	for _, jid := range []types.JID{device, account.LID()} {
		if err := openSession(t, c, jid); err != nil {
			t.Errorf("%s: %v", jid, err)
		}
	}
	if left := account.Devices()[1].PreKeys; left != before-2 {
		t.Errorf("%d of %d prekeys are left", left, before)
	}
	device.Device = 77
	if err := openSession(t, c, device); !errors.Is(err, errNoBundle) {
		t.Errorf("a device that does not exist has keys: %v", err)
	}
}
