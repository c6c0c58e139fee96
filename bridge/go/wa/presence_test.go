package wa

import (
	"errors"
	"slices"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/types"

	"wuts/sim"
	"wuts/sim/faults"
	"wuts/sim/wasimtest"
	"wuts/wa/engine"
)

// Presence, typing and the wish to see somebody's presence arrive at the server as they were meant.
func TestPresenceIsSeen(t *testing.T) {
	r := newRung(t, nil)
	grace := user(t, callerLID)
	for _, err := range []error{
		r.bridge.SetPresence(within(t), r.key, types.PresenceAvailable),
		r.bridge.SubscribePresence(within(t), r.key, grace),
		r.bridge.SetTyping(within(t), r.key, grace, types.ChatPresenceComposing, types.ChatPresenceMediaText),
		r.bridge.SetTyping(within(t), r.key, user(t, hikers), types.ChatPresenceComposing, types.ChatPresenceMediaAudio),
		r.bridge.SetTyping(within(t), r.key, grace, types.ChatPresencePaused, types.ChatPresenceMediaAudio),
		r.bridge.SetPresence(within(t), r.key, types.PresenceUnavailable),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	want := []sim.Presence{
		{Kind: "presence", State: "available", Name: "Ada"},
		{Kind: "subscribe", JID: callerLID},
		{Kind: "typing", JID: callerLID, State: "composing"},
		{Kind: "typing", JID: hikers, State: "composing", Media: "audio"},
		{Kind: "typing", JID: callerLID, State: "paused"},
		{Kind: "presence", State: "unavailable", Name: "Ada"},
	}
	r.sim.Until("all was seen", func() bool { return len(r.phone.Presences()) == len(want) })
	seen := r.phone.Presences()
	for i := range seen {
		if seen[i].Device != r.number {
			t.Errorf("%+v is of another device", seen[i])
		}
		seen[i].Device, seen[i].At = 0, time.Time{}
	}
	if !slices.Equal(seen, want) {
		t.Errorf("%+v", seen)
	}
}

// Without a push name there is no presence, and without a connection nothing is sent.
func TestPresenceNeedsANameAndAConnection(t *testing.T) {
	simulator := wasimtest.New(t)
	phone := simulator.AddAccount(wasimtest.Spec{PN: "15550000001", Name: "Ada"})
	simulator.Fault(faults.Rule{Action: "key", What: "withhold"})
	simulator.Fault(faults.Rule{Action: "key", What: "never"})
	b := openBridge(t, simulatedConfig(t, simulator))
	key := newKey(t, b)
	linkDevice(t, b, key, phone)
	newReader(t, b).await(isStatus(StatusConnected))
	if err := b.SetPresence(within(t), key, types.PresenceAvailable); !errors.Is(err, ErrNoPushName) {
		t.Errorf("without a name: %v", err)
	}
	if _, err := b.Disconnect(within(t), key); err != nil {
		t.Fatal(err)
	}
	grace := user(t, callerLID)
	_, unsent := b.SendText(within(t), key, grace, "3EB0000000000001", reply)
	_, unset := b.SetDisappearing(within(t), key, grace, 0)
	for _, err := range []error{
		b.SetPresence(within(t), key, types.PresenceAvailable), b.SubscribePresence(within(t), key, grace),
		b.SetTyping(within(t), key, grace, types.ChatPresencePaused, ""), unsent, unset,
	} {
		if !errors.Is(err, ErrDeviceNotConnected) {
			t.Errorf("without a connection: %v", err)
		}
	}
}

// How long messages last is told to the other person, and of a group to the server; a group that the
// account is not in is refused.
func TestDisappearing(t *testing.T) {
	r := newRung(t, nil)
	set := func(chat string, length time.Duration) error {
		at, err := r.bridge.SetDisappearing(within(t), r.key, user(t, chat), length)
		if err == nil && time.Since(at) > patience {
			t.Errorf("set at %v", at)
		}
		return err
	}
	for _, err := range []error{
		set(caller, 24*time.Hour), set(callerLID, 0), set(hikers, 7*24*time.Hour), set(hikers, 0),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	var refused *engine.ServerError
	if err := set("120363000000000009@g.us", 0); !errors.As(err, &refused) || refused.Code != 404 {
		t.Errorf("in another group: %v", err)
	}
	timers := r.phone.Timers()
	for i := range timers {
		timers[i].At = time.Time{}
	}
	grace, number, group := user(t, callerLID), user(t, caller), user(t, hikers)
	want := []sim.Timer{
		{Chat: grace, PN: number, Seconds: 86400, Device: r.number}, {Chat: grace, PN: number, Device: r.number},
		{Chat: group, Seconds: 604800, Device: r.number}, {Chat: group, Device: r.number},
	}
	if !slices.Equal(timers, want) || len(r.phone.Texts()) != 0 {
		t.Errorf("%+v, and texts %+v", timers, r.phone.Texts())
	}
}
