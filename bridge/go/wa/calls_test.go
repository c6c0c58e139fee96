package wa

import (
	"slices"
	"strings"
	"testing"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"wuts/sim"
	"wuts/sim/faults"
	"wuts/sim/wasimtest"
)

const (
	caller    = "15550002222@s.whatsapp.net"
	callerLID = "200000000002222@lid"
	hikers    = "120363000000000001@g.us"
)

// rung is a linked device that people can call.
type rung struct {
	*reader
	sim    *wasimtest.Sim
	phone  *wasimtest.Account
	key    DeviceKey
	number uint16
}

func newRung(t *testing.T, adjust func(*Config), options ...wasimtest.Option) *rung {
	t.Helper()
	simulator := wasimtest.New(t, options...)
	phone := simulator.AddAccount(wasimtest.Spec{
		PN: "15550000001", Name: "Ada",
		Contacts: []sim.ContactSpec{{PN: "15550002222", LID: "200000000002222", Name: "Grace"}},
		Groups:   []sim.GroupSpec{{JID: hikers, Subject: "Hikers"}},
	})
	config := simulatedConfig(t, simulator)
	if adjust != nil {
		adjust(&config)
	}
	reader, key, number := linkFor(t, config, phone)
	reader.awaitSettled()
	return &rung{reader, simulator, phone, key, number}
}

// ring lets somebody call and returns the call's id.
func (r *rung) ring(spec sim.CallSpec) string {
	r.t.Helper()
	id, err := r.phone.Ring(spec)
	if err != nil {
		r.t.Fatal(err)
	}
	return id
}

func (r *rung) awaitOffer(id string) callOfferData {
	r.t.Helper()
	event, _ := r.await(func(event Event) bool {
		return event.Type == "call.offer" && decode[callOfferData](r.t, event).CallID == id
	})
	if event.SpoolID == 0 {
		r.t.Error("the offer is not spooled")
	}
	return decode[callOfferData](r.t, event)
}

func (r *rung) call(id string) sim.Call {
	r.t.Helper()
	calls := r.phone.Calls()
	at := slices.IndexFunc(calls, func(call sim.Call) bool { return call.ID == id })
	if at < 0 {
		r.t.Fatalf("no call %s", id)
	}
	return calls[at]
}

// Every offer says who calls in the words of its stanza, and what kind of call it is.
func TestOffersAreReported(t *testing.T) {
	r := newRung(t, nil)
	for name, offer := range map[string]struct {
		spec sim.CallSpec
		want callOfferData
	}{
		"by number from a device": {
			sim.CallSpec{From: user(t, "15550002222:7@s.whatsapp.net"), Paired: true},
			callOfferData{
				From: "15550002222:7@s.whatsapp.net", Creator: "15550002222:7@s.whatsapp.net", CallerPN: caller,
				CallerLID: callerLID, Media: "audio",
			},
		},
		"video by LID that tells the number": {
			sim.CallSpec{From: user(t, callerLID), Video: true, Paired: true},
			callOfferData{
				From: callerLID, Creator: callerLID, CallerPN: caller, CallerLID: callerLID, Media: "video",
			},
		},
		"from a device of somebody known by LID only": {
			sim.CallSpec{From: user(t, callerLID), Creator: user(t, "200000000002222:7@lid")},
			callOfferData{
				From: callerLID, Creator: "200000000002222:7@lid", CallerLID: callerLID, Media: "audio",
			},
		},
		"of a group": {
			sim.CallSpec{From: user(t, caller), Group: user(t, hikers)},
			callOfferData{From: caller, Creator: caller, CallerPN: caller, GroupJID: hikers, Media: "audio"},
		},
		"notice of a group": {
			sim.CallSpec{From: user(t, caller), Group: user(t, hikers), Notice: true, Video: true},
			callOfferData{
				From: caller, Creator: caller, CallerPN: caller, GroupJID: hikers, Media: "video", Notice: true,
			},
		},
	} {
		before := time.Now().Truncate(time.Second).UnixMilli()
		id := r.ring(offer.spec)
		got := r.awaitOffer(id)
		if got.OfferedAt < before || got.OfferedAt > time.Now().UnixMilli() {
			t.Errorf("%s: offered at %d", name, got.OfferedAt)
		}
		offer.want.CallID, offer.want.OfferedAt = id, got.OfferedAt
		if got != offer.want {
			t.Errorf("%s: %+v", name, got)
		}
		r.sim.Until("the offer is acknowledged", func() bool {
			return slices.Contains(r.call(id).Acks, r.number)
		})
	}
}

// A stanza without a creator or a time is about a call of who sent it, now; one that names no call or nobody is
// about none.
func TestOddStanzasOfCalls(t *testing.T) {
	from := user(t, caller)
	meta, isKnown := completed(types.BasicCallMeta{CallID: "CA11", From: from})
	if !isKnown || meta.CallCreator != from || time.Since(meta.Timestamp) > patience {
		t.Errorf("%+v", meta)
	}
	for _, odd := range []types.BasicCallMeta{{From: from}, {CallID: "CA11", CallCreator: from}} {
		if _, isKnown := completed(odd); isKnown {
			t.Errorf("%+v names a call", odd)
		}
	}
}

// What becomes of a call is reported with its reason; what devices arrange between them is not.
func TestEndsOfCallsAreReported(t *testing.T) {
	r := newRung(t, nil)
	answered, declined, missed := r.ring(sim.CallSpec{From: user(t, caller)}),
		r.ring(sim.CallSpec{From: user(t, caller)}), r.ring(sim.CallSpec{From: user(t, callerLID)})
	for _, tag := range []string{"preaccept", "transport", "relaylatency", "song"} {
		if err := r.phone.SignalCall(missed, tag); err != nil {
			t.Fatal(err)
		}
	}
	for _, err := range []error{
		r.phone.AnswerCall(answered), r.phone.DeclineCall(declined), r.phone.EndCall(missed, "timeout"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	r.await(func(event Event) bool {
		if strings.HasPrefix(event.Type, "call.") {
			data := decode[callData](t, event)
			got = append(got, strings.Join([]string{event.Type, data.CallID, data.From, data.Reason}, " "))
			return data.Reason == "timeout"
		}
		return false
	})
	phone := r.phone.PN().String()
	want := []string{
		"call.offer " + answered + " " + caller + " ", "call.offer " + declined + " " + caller + " ",
		"call.offer " + missed + " " + callerLID + " ",
		"call.accept " + answered + " " + phone + " ",
		"call.terminate " + answered + " " + caller + " accepted_elsewhere",
		"call.reject " + declined + " " + phone + " ",
		"call.terminate " + declined + " " + caller + " rejected_elsewhere",
		"call.terminate " + missed + " " + callerLID + " timeout",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s\nnot %s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// An offer that waited for the device says so, and one that comes twice is reported twice; a call that is
// over before the device is back never was, unless it counts as missed.
func TestOffersWaitForTheDevice(t *testing.T) {
	r := newRung(t, nil)
	r.sim.Fault(faults.Rule{Action: "duplicate", Direction: "out", Tag: "call", Times: 1})
	twice := r.ring(sim.CallSpec{From: user(t, caller)})
	for range 2 {
		if r.awaitOffer(twice).Offline {
			t.Error("an offer that came at once counts as one that waited")
		}
	}
	if _, err := r.bridge.Disconnect(within(t), r.key); err != nil {
		t.Fatal(err)
	}
	r.phone.WaitOffline(r.number)
	over := r.ring(sim.CallSpec{From: user(t, caller)})
	missed := r.ring(sim.CallSpec{From: user(t, caller), Missed: true})
	rings := r.ring(sim.CallSpec{From: user(t, caller)})
	for _, id := range []string{over, missed} {
		if err := r.phone.EndCall(id, "timeout"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.bridge.Connect(within(t), r.key); err != nil {
		t.Fatal(err)
	}
	var ids []string
	r.await(func(event Event) bool {
		if event.Type == "call.offer" {
			offer := decode[callOfferData](t, event)
			ids = append(ids, offer.CallID)
			if !offer.Offline {
				t.Errorf("%+v does not say that it waited", offer)
			}
		}
		return event.Type == "call.terminate" && decode[callData](t, event).CallID == missed
	})
	if !slices.Equal(ids, []string{missed, rings}) {
		t.Errorf("offers of %v; missed is %s, %s rings", ids, missed, rings)
	}
}

// An offer that can't be spooled is not acknowledged, although whatsmeow would: it comes again over a new
// connection.
func TestUnkeptOfferComesAgain(t *testing.T) {
	r := newRung(t, nil)
	s, err := r.bridge.session(within(t), r.key)
	if err != nil {
		t.Fatal(err)
	}
	const hide, show = "ALTER TABLE wuts_spool RENAME TO hidden", "ALTER TABLE hidden RENAME TO wuts_spool"
	execute(t, s.tenant.store, hide)
	id := r.ring(sim.CallSpec{From: user(t, caller)})
	r.phone.WaitOffline(r.number)
	execute(t, s.tenant.store, show)
	if acks := r.call(id).Acks; len(acks) != 0 {
		t.Errorf("%v have acknowledged the offer", acks)
	}
	r.awaitOffer(id)
	r.sim.Until("the offer is acknowledged", func() bool { return len(r.call(id).Acks) == 1 })
}

// While the event queue is full an offer is not acknowledged, however often it comes; when there is room it
// is reported.
func TestOfferWaitsForRoom(t *testing.T) {
	r := newRung(t, func(config *Config) { config.SpoolLimit, config.Timing.QueueFull = 50, time.Millisecond })
	s, err := r.bridge.session(within(t), r.key)
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		s.tenant.record(r.key.DeviceID, "events.gap", map[string]any{"reason": "a test"})
	}
	id := r.ring(sim.CallSpec{From: user(t, caller)})
	for range 2 {
		r.phone.WaitOffline(r.number)
		r.phone.WaitOnline(r.number)
	}
	if acks := r.call(id).Acks; len(acks) != 0 {
		t.Errorf("%v have acknowledged the offer", acks)
	}
	r.awaitOffer(id)
	r.sim.Until("the offer is acknowledged", func() bool { return len(r.call(id).Acks) == 1 })
}

// The stanza of a refusal is this one, attribute for attribute.
func TestRejectStanza(t *testing.T) {
	own := types.NewJID("15550000001", types.DefaultUserServer)
	got := buildReject("3EB0AB", own, "CA11", user(t, "200000000002222:7@lid"), user(t, "15550002222:3@s.whatsapp.net"))
	const want = `<call from="15550000001@s.whatsapp.net" id="3EB0AB" to="200000000002222:7@lid">` +
		`<reject call-creator="15550002222:3@s.whatsapp.net" call-id="CA11" count="0"/></call>`
	if text := got.String(); text != want {
		t.Errorf("%s\nnot %s", text, want)
	}
	packed, err := waBinary.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	again, err := waBinary.Unmarshal(packed[1:])
	if err != nil || again.String() != want {
		t.Errorf("over the wire it is %s: %v", again, err)
	}
}

// A refusal goes to whom the offer came from, and names its creator, with the devices of both; the
// server's acknowledgement is awaited, and other devices stop ringing.
func TestRejects(t *testing.T) {
	r := newRung(t, nil)
	sibling, other := newKey(t, r.bridge), uint16(0)
	other = linkDevice(t, r.bridge, sibling, r.phone)
	r.awaitSettled()
	from, creator := user(t, callerLID), user(t, "200000000002222:7@lid")
	id := r.ring(sim.CallSpec{From: from, Creator: creator})
	r.awaitOffer(id)
	acknowledged, err := r.bridge.RejectCall(within(t), r.key, id, from, creator)
	if err != nil || !acknowledged {
		t.Fatalf("acknowledged %v: %v", acknowledged, err)
	}
	call := r.call(id)
	if len(call.Rejects) != 1 || call.State != "rejected" {
		t.Fatalf("%+v", call)
	}
	if got := call.Rejects[0]; got.Device != r.number || got.Creator != creator || !got.Acked {
		t.Errorf("%+v", got)
	}
	event, _ := r.await(isKind("call.terminate"))
	if data := decode[callData](t, event); event.DeviceID != sibling.DeviceID || other == r.number ||
		data.Reason != "rejected_elsewhere" {
		t.Errorf("%+v", event)
	}
}

// A refusal whose acknowledgement is lost says so, and was sent all the same; without a connection nothing
// is sent.
func TestRejectWithoutAcknowledgement(t *testing.T) {
	r := newRung(t, func(config *Config) { config.Timing.Acknowledge = 50 * time.Millisecond })
	from := user(t, caller)
	for _, action := range []string{"swallow", "close"} {
		r.sim.Fault(faults.Rule{Action: action, Direction: "in", Tag: "call", When: "after", Times: 1})
		id := r.ring(sim.CallSpec{From: from})
		r.awaitOffer(id)
		acknowledged, err := r.bridge.RejectCall(within(t), r.key, id, from, from)
		if rejects := r.call(id).Rejects; err != nil || acknowledged || len(rejects) != 1 || rejects[0].Acked {
			t.Errorf("%s: acknowledged %v with %v; %+v", action, acknowledged, err, rejects)
		}
	}
	if _, err := r.bridge.Disconnect(within(t), r.key); err != nil {
		t.Fatal(err)
	}
	if _, err := r.bridge.RejectCall(within(t), r.key, "CA11", from, from); err != ErrDeviceNotConnected {
		t.Errorf("without a connection: %v", err)
	}
}
