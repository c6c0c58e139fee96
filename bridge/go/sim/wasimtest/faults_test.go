package wasimtest_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"wuts/sim/faults"
	"wuts/sim/wasimtest"
)

// A stock client rebases on what the phone wrote faster, and its patch is accepted then.
func TestConflictIsRebased(t *testing.T) {
	s := wasimtest.New(t)
	account := s.AddAccount(wasimtest.Spec{})
	c := seeded(t, s, account)
	s.Fault(faults.Rule{Action: "conflict", Collection: "regular_low", Times: 1})
	// Without this the stock client fetches in a second goroutine and gets in its own way.
	s.Fault(faults.Rule{Action: "swallow", Direction: "out", Tag: "notification"})
	archive(t, c, true)
	if !isArchived(account) {
		t.Error("the phone does not see the archived chat")
	}
	if view, _ := account.Book().View("regular_low"); view.Version != 2 {
		t.Errorf("version %d, not that of the phone's patch and the client's", view.Version)
	}
}

// A bare conflict carries no patches, and nothing was written before it.
func TestBareConflict(t *testing.T) {
	s := wasimtest.New(t)
	account := s.AddAccount(wasimtest.Spec{})
	c := seeded(t, s, account)
	s.Fault(faults.Rule{Action: "conflict", Bare: true, Times: 2})
	patch := appstate.BuildPin(chat, true)
	if err := c.SendAppState(context.Background(), patch); err == nil {
		t.Error("the client did not notice two conflicts")
	}
	if view, _ := account.Book().View("regular_low"); view.Version != 0 {
		t.Errorf("version %d", view.Version)
	}
}

// A simulated round trip delays requests next to each other, not one after the other.
func TestDelayIsPipelined(t *testing.T) {
	const oneWay, requests = 100 * time.Millisecond, 20
	s := wasimtest.New(t)
	c := seeded(t, s, s.AddAccount(wasimtest.Spec{}))
	s.Fault(faults.Rule{Action: "delay", Direction: "both", MS: int(oneWay.Milliseconds())})
	begun := time.Now()
	var work sync.WaitGroup
	for range requests {
		work.Go(func() {
			if err := ping(c); err != nil {
				t.Errorf("ping: %v", err)
			}
		})
	}
	work.Wait()
	took := time.Since(begun)
	if took < 2*oneWay || took > requests*oneWay {
		t.Errorf("%d requests took %v", requests, took)
	}
}

func ping(c *client) error {
	_, err := internals(c).SendIQ(context.Background(), whatsmeow.DangerousInfoQuery{
		Namespace: "w:p", Type: "get", To: types.ServerJID, Content: []waBinary.Node{{Tag: "ping"}},
	})
	return err
}

// A swallowed request is never applied, and one whose answer is swallowed is.
func TestSwallowBeforeAndAfter(t *testing.T) {
	for when, version := range map[string]uint64{"before": 0, "after": 1} {
		t.Run(when, func(t *testing.T) {
			s := wasimtest.New(t)
			account := s.AddAccount(wasimtest.Spec{})
			c := seeded(t, s, account)
			s.Fault(faults.Rule{
				Action: "swallow", When: when, Direction: "in",
				XMLNS: "w:sync:app:state", Collection: "regular_low", Times: 1,
			})
			ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
			defer cancel()
			err := c.SendAppState(ctx, appstate.BuildPin(chat, true))
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the client got an answer: %v", err)
			}
			if view, _ := account.Book().View("regular_low"); view.Version != version {
				t.Errorf("version %d", view.Version)
			}
		})
	}
}

// A connection that is cut before a request is applied costs nothing; if the answer is what gets
// lost, the stock client sends the same patch again and uses two versions.
func TestCloseBeforeAndAfter(t *testing.T) {
	for when, version := range map[string]uint64{"before": 1, "after": 2} {
		t.Run(when, func(t *testing.T) {
			s := wasimtest.New(t)
			account := s.AddAccount(wasimtest.Spec{})
			c := seeded(t, s, account)
			s.Fault(faults.Rule{
				Action: "close", When: when, Direction: "in",
				XMLNS: "w:sync:app:state", Times: 1,
			})
			if err := c.SendAppState(context.Background(), appstate.BuildPin(chat, true)); err != nil {
				t.Errorf("the client gave up: %v", err)
			}
			if view, _ := account.Book().View("regular_low"); view.Version != version {
				t.Errorf("version %d", view.Version)
			}
		})
	}
}

// A request that nobody knows is refused and recorded.
func TestUnknownRequestIsAViolation(t *testing.T) {
	s := wasimtest.New(t, wasimtest.AllowViolations())
	account := s.AddAccount(wasimtest.Spec{})
	c := seeded(t, s, account)
	_, err := internals(c).SendIQ(context.Background(), whatsmeow.DangerousInfoQuery{
		Namespace: "w:unheard", Type: "get", To: types.ServerJID,
	})
	var refusal *whatsmeow.IQError
	if !errors.As(err, &refusal) || refusal.Code != 501 {
		t.Errorf("answer: %v", err)
	}
	violations := s.Server().Violations()
	if len(violations) != 1 || violations[0].Kind != "unknown_iq" ||
		violations[0].Account != account.PN().User {
		t.Errorf("recorded: %+v", violations)
	}
}
