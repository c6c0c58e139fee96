package rpc

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/uuid"

	"wuts/sim/faults"
	"wuts/sim/wasimtest"
	"wuts/wa"
)

func (d device) pairCode(phone string, refresh bool) wa.PairCode {
	d.t.Helper()
	return call[wa.PairCode](d.rig, "device.pair_code", d.params(map[string]any{
		"phone": phone, "refresh": refresh,
	}))
}

// awaitEnd waits until a pairing that failed is reported, and returns why.
func (d device) awaitEnd() string {
	d.t.Helper()
	event, _ := d.await(0, func(event wa.Event) bool { return event.Type == "pairing.failed" })
	var data struct{ Reason string }
	if err := json.Unmarshal(event.Data, &data); err != nil {
		d.t.Fatal(err)
	}
	return data.Reason
}

// A device is linked by the code that is typed into the phone: asked for twice it is the same one, and
// neither an event nor the log holds it.
func TestDeviceLinksByCode(t *testing.T) {
	simulator := wasimtest.New(t)
	phone := account(simulator, "15550001111")
	d := newRig(t, simulator, t.TempDir()).newDevice(uuid.NewString())
	code := d.pairCode("15550001111", false)
	again := d.pairCode("15550001111", false)
	if code.Cached || !again.Cached || again.Code != code.Code {
		t.Errorf("the code is %+v, then %+v", code, again)
	}
	if life := code.ExpiresAt - code.GeneratedAt; life > 160_000 || life < 150_000 {
		t.Errorf("the code lives for %d ms", life)
	}
	pairing := call[wa.PairingStatus](d.rig, "device.pairing", d.params(nil))
	if pairing.Method != "code" || pairing.Phone != "15550001111" || pairing.State != "waiting" {
		t.Errorf("pairing is %+v", pairing)
	}
	if _, err := phone.SubmitCode(context.Background(), code.Code); err != nil {
		t.Fatal(err)
	}
	d.awaitStatus(0, wa.StatusConnected)
	d.awaitCollections(0)
	d.mustArchive(phone, true)
	d.refused(d.try("device.pair_code", d.params(map[string]any{"phone": "15550003333"})), DeviceAlreadyLinked)
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, event := range d.events {
		if strings.Contains(string(event.Data), code.Code) || strings.Contains(d.log.String(), code.Code) {
			t.Errorf("the code shows in %s or in the log", event.Type)
		}
	}
}

// A QR code is there beside a code to be typed, which goes on, and the phone that is first has the device.
func TestQRCodeBesideACode(t *testing.T) {
	simulator := wasimtest.New(t)
	first, second := account(simulator, "15550001111"), account(simulator, "15550003333")
	d := newRig(t, simulator, t.TempDir()).newDevice(uuid.NewString())
	code := d.pairCode("15550001111", false)
	shown := call[wa.QRCode](d.rig, "device.qr", d.params(nil))
	again := call[wa.QRCode](d.rig, "device.qr", d.params(nil))
	if shown.Cached || !again.Cached || again.Code != shown.Code || shown.ExpiresAt-shown.GeneratedAt != 60_000 {
		t.Errorf("the QR code is %+v, then %+v", shown, again)
	}
	if still := d.pairCode("15550001111", false); still.Code != code.Code || len(first.LinkWishes()) != 1 {
		t.Errorf("the code to be typed is %+v, the phone waits for %+v", still, first.LinkWishes())
	}
	if _, err := second.Scan(context.Background(), shown.Code); err != nil {
		t.Fatal(err)
	}
	d.awaitStatus(0, wa.StatusConnected)
	if len(first.LinkWishes()) != 0 {
		t.Errorf("the other phone still waits for %+v", first.LinkWishes())
	}
}

// One code is outstanding at a time: another number's takes its place only on demand, and the phone no
// longer waits for it then. QR codes that are asked for anew end it, and give way to a code.
func TestOneOutstandingCode(t *testing.T) {
	simulator := wasimtest.New(t)
	first, second := account(simulator, "15550001111"), account(simulator, "15550003333")
	d := newRig(t, simulator, t.TempDir()).newDevice(uuid.NewString())
	call[wa.QRCode](d.rig, "device.qr", d.params(nil))
	code := d.pairCode("15550001111", false)
	if reason := d.awaitEnd(); reason != "superseded" {
		t.Errorf("the QR codes ended as %s", reason)
	}
	d.refused(d.try("device.pair_code", d.params(map[string]any{"phone": "15550003333"})), PairingBusy)
	other := d.pairCode("15550003333", true)
	if other.Code == code.Code || other.Cached || len(first.LinkWishes()) != 0 || len(second.LinkWishes()) != 1 {
		t.Errorf("after a code for the first %+v, one for the second %+v", first.LinkWishes(), second.LinkWishes())
	}
	shown := call[wa.QRCode](d.rig, "device.qr", d.params(map[string]any{"refresh": true}))
	if shown.Attempt != 1 || len(second.LinkWishes()) != 0 {
		t.Errorf("the QR code is number %d, the second phone waits for %+v", shown.Attempt, second.LinkWishes())
	}
}

// What the server refuses is said, whether for good or for now, and leaves the device as it was.
func TestRefusedCode(t *testing.T) {
	simulator := wasimtest.New(t)
	account(simulator, "15550001111")
	d := newRig(t, simulator, t.TempDir()).newDevice(uuid.NewString())
	nobody := d.params(map[string]any{"phone": "15550009999"})
	d.refused(d.try("device.pair_code", nobody), ServerRefused)
	if reason := d.awaitEnd(); reason != "code_refused" || d.status().Status != wa.StatusNew {
		t.Errorf("the pairing ended as %s, the device is %s", reason, d.status().Status)
	}
	simulator.Fault(faults.Rule{
		Direction: "in", Child: "link_code_companion_reg", Action: "error", Code: 429, Text: "rate-overlimit",
	})
	d.refused(d.try("device.pair_code", nobody), ServerUnavailable)
	for _, phone := range []string{"", "123456", "01555000111", "+15550001111", "1555000111122223"} {
		d.refused(d.try("device.pair_code", d.params(map[string]any{"phone": phone})), InvalidArgument)
	}
}
