package wa

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/types"

	"wuts/sim"
	"wuts/sim/faults"
	"wuts/sim/wasimtest"
	"wuts/wa/engine"
)

const reply = sim.Canary + " I am on a bicycle."

// text returns the one text of an id as it was read, which must have come as often as is said.
func (r *rung) text(id string, arrivals int) sim.Text {
	r.t.Helper()
	var found []sim.Text
	r.sim.Until("the text was read", func() bool {
		found = nil
		for _, text := range r.phone.Texts() {
			if text.ID == id {
				found = append(found, text)
			}
		}
		return len(found) > 0
	})
	if len(found) != 1 || found[0].Arrivals != arrivals || found[0].Text != reply || found[0].Device != r.number {
		r.t.Errorf("read were %+v, not one that came %d times", found, arrivals)
	}
	return found[0]
}

// A text to a number or a LID is read by who it is for and by the own phone, and other devices have it,
// too; also by a stranger, and after the connection was lost.
func TestTextsAreRead(t *testing.T) {
	r := newRung(t, nil)
	sibling := newKey(t, r.bridge)
	linkDevice(t, r.bridge, sibling, r.phone)
	r.awaitSettled()
	for id, to := range map[string]string{
		"3EB0000000000001": caller, "3EB0000000000002": callerLID, "3EB0000000000003": "15550002222:9@s.whatsapp.net",
	} {
		before := time.Now().Truncate(time.Second)
		at, err := r.bridge.SendText(within(t), r.key, user(t, to), id, reply)
		if err != nil || at.Before(before) || at.After(time.Now()) {
			t.Fatalf("to %s at %v: %v", to, at, err)
		}
		if read := r.text(id, 1); read.PN.String() != caller || !read.OnPhone {
			t.Errorf("to %s: %+v", to, read)
		}
		data, _ := r.awaitTime(id)
		if data.ChatJID != callerLID || !data.FromMe {
			t.Errorf("the other device has %+v", data)
		}
	}
	stranger := user(t, "15550003333@s.whatsapp.net")
	r.ring(sim.CallSpec{From: stranger})
	if _, err := r.bridge.SendText(within(t), r.key, stranger, "3EB0000000000005", reply); err != nil {
		t.Fatal(err)
	}
	if read := r.text("3EB0000000000005", 1); read.PN != stranger {
		t.Errorf("the stranger has %+v", read)
	}
	if err := r.phone.Drop(r.number); err != nil {
		t.Fatal(err)
	}
	r.await(isStatus(StatusDisconnected))
	if _, err := r.bridge.SendText(within(t), r.key, user(t, caller), "3EB0000000000004", reply); err != nil {
		t.Fatal(err)
	}
	r.text("3EB0000000000004", 1)
}

// Who can't read a text asks for it again and reads it then, once; so does the account's other device.
func TestTextIsSentAgainOnRequest(t *testing.T) {
	r := newRung(t, nil)
	linkDevice(t, r.bridge, newKey(t, r.bridge), r.phone)
	r.awaitSettled()
	const id = "3EB0000000000001"
	r.sim.Fault(faults.Rule{Action: "retry", Times: 2})
	r.sim.Fault(faults.Rule{Action: "corrupt", What: "enc", Tag: "message", Times: 1})
	if _, err := r.bridge.SendText(within(t), r.key, user(t, callerLID), id, reply); err != nil {
		t.Fatal(err)
	}
	if read := r.text(id, 1); !read.Retried {
		t.Errorf("%+v", read)
	}
	if data, _ := r.awaitTime(id); data.ChatJID != callerLID || !data.FromMe {
		t.Errorf("the other device has %+v", data)
	}
	if left := r.sim.Faults().List(); len(left) != 0 {
		t.Errorf("%+v did not happen", left)
	}
}

// The server's refusal of a text has its code, whatever the request before it had.
func TestTextIsRefused(t *testing.T) {
	r := newRung(t, nil)
	for _, code := range []int{463, 503} {
		r.sim.Fault(faults.Rule{Action: "error", Direction: "in", Tag: "message", Code: code, Text: "no", Times: 1})
		_, err := r.bridge.SendText(within(t), r.key, user(t, caller), "3EB0000000000001", reply)
		var refused *engine.ServerError
		if !errors.As(err, &refused) || refused.Code != code {
			t.Errorf("%d: %v", code, err)
		}
	}
	nobody := types.NewJID("15550009999", types.DefaultUserServer)
	if _, err := r.bridge.SendText(within(t), r.key, nobody, "3EB0000000000002", reply); !errors.Is(err, ErrNobody) {
		t.Errorf("to nobody: %v", err)
	}
	if texts := r.phone.Texts(); len(texts) != 0 {
		t.Errorf("%+v were read", texts)
	}
}

// A text whose recipient's keys are no good went to nobody, and does not count as sent, though the server
// took it; sent again it is read.
func TestTextWithoutKeys(t *testing.T) {
	r := newRung(t, nil, wasimtest.AllowViolations())
	r.sim.Fault(faults.Rule{Action: "prekeys", What: "bad_signature", Times: 1})
	const id = "3EB0000000000001"
	if _, err := r.bridge.SendText(within(t), r.key, user(t, callerLID), id, reply); !errors.Is(err, ErrUnreadable) {
		t.Errorf("with bad keys: %v", err)
	}
	if _, err := r.bridge.SendText(within(t), r.key, user(t, callerLID), id, reply); err != nil {
		t.Fatal(err)
	}
	r.text(id, 1)
}

// Of a text whose acknowledgement is lost nobody knows the outcome; sent again with its id it comes twice
// and is one text. A connection that is cut right then only delays it.
func TestTextWithoutAcknowledgement(t *testing.T) {
	r := newRung(t, nil)
	send := func(id string, patience time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		_, err := r.bridge.SendText(ctx, r.key, user(t, caller), id, reply)
		return err
	}
	r.sim.Fault(faults.Rule{Action: "swallow", Direction: "in", Tag: "message", When: "after", Times: 1})
	if err := send("3EB0000000000001", 300*time.Millisecond); !errors.Is(err, engine.ErrUnknownOutcome) {
		t.Errorf("the lost acknowledgement: %v", err)
	}
	r.text("3EB0000000000001", 1)
	if err := send("3EB0000000000001", patience); err != nil {
		t.Errorf("again: %v", err)
	}
	r.text("3EB0000000000001", 2)
	r.sim.Fault(faults.Rule{Action: "close", Direction: "in", Tag: "message", When: "after", Times: 1})
	if err := send("3EB0000000000002", patience); err != nil {
		t.Errorf("the cut: %v", err)
	}
	r.text("3EB0000000000002", 2)
}
