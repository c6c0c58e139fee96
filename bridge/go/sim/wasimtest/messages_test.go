package wasimtest_test

import (
	"context"
	"testing"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"wuts/sim"
	"wuts/sim/faults"
	"wuts/sim/wasimtest"
)

// A device that lost its session asks for a message again and gets it in a new session.
func TestMessageIsSentAgain(t *testing.T) {
	s := wasimtest.New(t)
	account := s.AddAccount(wasimtest.Spec{})
	c := seeded(t, s, account)
	phone := account.LID().SignalAddress().String()
	if err := c.Store.Sessions.DeleteSession(context.Background(), phone); err != nil {
		t.Fatal(err)
	}
	key := account.RotateKey()
	eventually(t, "the new key has come", func() bool {
		stored, err := c.Store.AppStateKeys.GetAppStateSyncKey(context.Background(), key.ID)
		return err == nil && stored != nil
	})
}

// What a device has not acknowledged comes again at its next login.
func TestUnacknowledgedComesAgain(t *testing.T) {
	s := wasimtest.New(t)
	account := s.AddAccount(wasimtest.Spec{})
	c := seeded(t, s, account)
	s.Fault(faults.Rule{Action: "swallow", Direction: "in", Tag: "ack", Times: 1})
	if _, err := account.Rename("Another"); err != nil {
		t.Fatal(err)
	}
	await[*events.PushNameSetting](c)
	eventually(t, "the acknowledgement is lost", func() bool { return len(s.Faults().List()) == 0 })
	if err := account.Drop(c.Store.ID.Device); err != nil {
		t.Fatal(err)
	}
	if preview := await[*events.OfflineSyncPreview](c); preview.Notifications != 1 {
		t.Errorf("%+v", preview)
	}
	s.Until("the device has acknowledged", func() bool {
		return account.Devices()[0].Unacked == 0
	})
}

// A message that the phone can't decrypt is acknowledged and recorded.
func TestUndecryptableIsAViolation(t *testing.T) {
	s := wasimtest.New(t, wasimtest.AllowViolations())
	account := s.AddAccount(wasimtest.Spec{})
	c := seeded(t, s, account)
	sendRaw(t, c, account.PN(), waBinary.Attrs{"category": "peer"})
	s.Until("a violation is recorded", func() bool {
		violations := s.Server().Violations()
		return len(violations) == 1 && violations[0].Kind == "undecryptable"
	})
}

// A message to a group, to somebody who does not exist, without a copy for its recipient, or with one that
// can't be read, is a violation each.
func TestMessagesToNobody(t *testing.T) {
	s := wasimtest.New(t, wasimtest.AllowViolations())
	account := s.AddAccount(wasimtest.Spec{Contacts: []sim.ContactSpec{{PN: chat.User}}})
	c := seeded(t, s, account)
	for i, try := range []struct {
		to   types.JID
		kind string
	}{
		{types.NewJID("120363000000000001", types.GroupServer), "unsupported"},
		{types.NewJID("15550009999", types.DefaultUserServer), "malformed"},
		{chat, "undecryptable"},
	} {
		sendRaw(t, c, try.to, nil)
		s.Until("a violation is recorded", func() bool {
			violations := s.Server().Violations()
			return len(violations) == i+1 && violations[i].Kind == try.kind
		})
	}
	if texts := account.Texts(); len(texts) != 0 {
		t.Errorf("%+v were read", texts)
	}
}

func sendRaw(t *testing.T, c *client, to types.JID, more waBinary.Attrs) {
	t.Helper()
	attrs := waBinary.Attrs{"to": to, "id": "RAW1", "type": "text"}
	for name, value := range more {
		attrs[name] = value
	}
	err := internals(c).SendNode(context.Background(), waBinary.Node{
		Tag: "message", Attrs: attrs,
		Content: []waBinary.Node{{
			Tag: "enc", Attrs: waBinary.Attrs{"v": "2", "type": "msg"}, Content: []byte("nonsense"),
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
}
