package wasimtest_test

import (
	"context"
	"testing"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"wuts/sim"
	"wuts/sim/wasimtest"
)

// A refusal that names other JIDs than the offer, as whatsmeow's own does, or that is otherwise not as it
// ought to be, is acknowledged, recorded as a violation, and refuses nothing.
func TestBadRejectsAreViolations(t *testing.T) {
	s := wasimtest.New(t, wasimtest.AllowViolations())
	account := s.AddAccount(wasimtest.Spec{})
	c := seeded(t, s, account)
	from := types.NewADJID(chat.User, 0, 7)
	id, err := account.Ring(sim.CallSpec{From: from, Creator: from})
	if err != nil {
		t.Fatal(err)
	}
	offer := await[*events.CallOffer](c)
	good := waBinary.Attrs{"call-id": id, "call-creator": offer.CallCreator, "count": "0"}
	count := 0
	refused := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		count++
		s.Until("a violation is recorded", func() bool { return len(s.Server().Violations()) == count })
	}
	refused(c.RejectCall(context.Background(), offer.From, id))
	for name, spoil := range map[string]func(call, reject *waBinary.Node){
		"to":       func(call, _ *waBinary.Node) { call.Attrs["to"] = chat },
		"id":       func(call, _ *waBinary.Node) { delete(call.Attrs, "id") },
		"creator":  func(_, reject *waBinary.Node) { reject.Attrs["call-creator"] = chat },
		"count":    func(_, reject *waBinary.Node) { delete(reject.Attrs, "count") },
		"call":     func(_, reject *waBinary.Node) { delete(reject.Attrs, "call-id") },
		"tag":      func(_, reject *waBinary.Node) { reject.Tag = "terminate" },
		"children": func(_, reject *waBinary.Node) { reject.Content = []waBinary.Node{{Tag: "tctoken"}} },
		"token": func(call, reject *waBinary.Node) {
			call.Content = []waBinary.Node{*reject, {Tag: "tctoken", Content: []byte{1}}}
		},
	} {
		reject := waBinary.Node{Tag: "reject", Attrs: waBinary.Attrs{}}
		for attribute, value := range good {
			reject.Attrs[attribute] = value
		}
		call := waBinary.Node{Tag: "call", Attrs: waBinary.Attrs{"id": "R1" + name, "to": offer.From}}
		spoil(&call, &reject)
		if call.Content == nil {
			call.Content = []waBinary.Node{reject}
		}
		refused(internals(c).SendNode(context.Background(), call))
	}
	if calls := account.Calls(); calls[0].State != "ringing" || len(calls[0].Rejects) != 0 {
		t.Errorf("%+v", calls[0])
	}
}
