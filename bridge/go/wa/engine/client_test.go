package engine_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"wuts/sim/faults"
	"wuts/sim/syncd"
	"wuts/sim/wasimtest"
)

const (
	low     = appstate.WAPatchRegularLow
	appSync = "w:sync:app:state"
)

var chat = types.NewJID("15550001000", types.DefaultUserServer)

// With a real client an archive costs one trip, and the phone sees it.
func TestClientArchives(t *testing.T) {
	s := wasimtest.New(t)
	l := link(t, s, s.AddAccount(wasimtest.Spec{Name: "Ada"}))
	l.awaitOrder()
	_, before, _ := l.account.Book().Hash(string(low))
	outcome := l.apply(archiveWithPin(chat)...)
	if outcome.Trips != 1 || outcome.Version != before+1 {
		t.Fatalf("outcome %+v", outcome)
	}
	if _, ok := l.account.Entry(string(low), "archive", chat.String()); !ok {
		t.Fatal("the phone does not see it")
	}
	l.mustAgree()
}

// A real conflict and a bare one are both overcome.
func TestClientOvercomesConflicts(t *testing.T) {
	s := wasimtest.New(t)
	l := link(t, s, s.AddAccount(wasimtest.Spec{Name: "Ada"}))
	l.awaitOrder()
	for _, bare := range []bool{false, true} {
		s.Fault(faults.Rule{Action: "conflict", N: 2, Bare: bare})
		if outcome := l.apply(archiveWithPin(chat)...); outcome.Conflicts != 2 {
			t.Fatalf("outcome %+v", outcome)
		}
	}
	l.mustAgree()
}

// A patch that is swallowed or cut off, before or after the server applies it, ends as one version.
func TestClientSurvivesLostAnswers(t *testing.T) {
	for _, action := range []string{"swallow", "close"} {
		for _, when := range []string{"before", "after"} {
			t.Run(action+" "+when, func(t *testing.T) {
				s := wasimtest.New(t)
				l := link(t, s, s.AddAccount(wasimtest.Spec{Name: "Ada"}))
				l.awaitOrder()
				_, before, _ := l.account.Book().Hash(string(low))
				s.Fault(faults.Rule{
					Action: action, When: when, Direction: "in", XMLNS: appSync,
					Collection: string(low), Times: 1,
				})
				ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
				defer cancel()
				outcome, err := l.engine.Apply(ctx, low, archiveWithPin(chat))
				if err != nil || outcome.Version != before+1 {
					t.Fatalf("outcome %+v, error %v", outcome, err)
				}
				if _, after, _ := l.account.Book().Hash(string(low)); after != before+1 {
					t.Fatalf("server at v%d", after)
				}
				l.mustAgree()
			})
		}
	}
}

// What the phone writes is reported through the door, and indexes that make whatsmeow panic do not
// end the process.
func TestClientSurvivesPanickingIndexes(t *testing.T) {
	s := wasimtest.New(t)
	l := link(t, s, s.AddAccount(wasimtest.Spec{Name: "Ada"}))
	l.awaitOrder()
	l.phoneWrites()
	l.phoneWrites("label_edit")
	l.phoneWrites("archive", chat.String())
	l.await("the phone's archive is reported", func() bool {
		return l.has("archive", chat.String())
	})
	if !l.has() || !l.has("label_edit") {
		t.Fatal("an odd index was not reported")
	}
	l.apply(archiveWithPin(chat)...)
	l.mustAgree()
}

// Two real devices and the phone that write at once end with equal hashes.
func TestClientsConverge(t *testing.T) {
	s := wasimtest.New(t)
	account := s.AddAccount(wasimtest.Spec{Name: "Ada"})
	devices := []*linked{link(t, s, account), link(t, s, account)}
	s.Fault(faults.Rule{Action: "delay", Direction: "both", XMLNS: appSync, MS: 5})
	var group sync.WaitGroup
	for _, l := range devices {
		l.awaitOrder()
		group.Go(func() {
			for i := range 20 {
				user := fmt.Sprintf("1555000%04d", i%10)
				l.apply(archiveWithPin(types.NewJID(user, types.DefaultUserServer))...)
			}
		})
	}
	for range 20 {
		devices[0].phoneWrites("archive", chat.String())
	}
	group.Wait()
	for _, l := range devices {
		l.mustAgree()
	}
}

// A device without keys asks the phone for them and becomes usable by itself, also after a rotation
// that it missed.
func TestClientAsksForKeys(t *testing.T) {
	s := wasimtest.New(t)
	l := link(t, s, s.AddAccount(wasimtest.Spec{Name: "Ada"}), wasimtest.WithoutKeys())
	l.awaitOrder()
	l.apply(archiveWithPin(chat)...)
	l.account.Book().Rotate()
	l.phoneWrites("archive", "15550003000@s.whatsapp.net")
	l.await("the new key is there", func() bool {
		return l.has("archive", "15550003000@s.whatsapp.net")
	})
	l.awaitOrder()
	l.apply(archiveWithPin(chat)...)
	l.mustAgree()
}

// Names that come with app state are kept where whatsmeow keeps them.
func TestClientKeepsNames(t *testing.T) {
	s := wasimtest.New(t)
	account := s.AddAccount(wasimtest.Spec{Name: "Ada"})
	l := link(t, s, account)
	l.awaitOrder()
	friend := types.NewJID("15550002000", types.DefaultUserServer)
	if _, err := account.Write(string(appstate.WAPatchCriticalUnblockLow), syncd.Mutation{
		Operation: "set", Index: []string{"contact", friend.String()}, Version: 2,
		Value: &waSyncAction.SyncActionValue{
			ContactAction: &waSyncAction.ContactAction{FullName: proto.String("Grace")},
		},
	}); err != nil {
		t.Fatal(err)
	}
	l.await("the contact is stored", func() bool {
		var name string
		err := l.db.QueryRow(context.Background(),
			`SELECT full_name FROM whatsmeow_contacts WHERE their_jid=$1`, friend).Scan(&name)
		return err == nil && name == "Grace"
	})
}
