package rpc

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"wuts/sim/syncd"
	"wuts/sim/wasimtest"
	"wuts/wa"
)

const chat = "15550002222@s.whatsapp.net"

// link links a device to an account by QR code and waits until its app state is there.
func (d device) link(account *wasimtest.Account) uint16 {
	d.t.Helper()
	from := d.seen()
	code := call[wa.QRCode](d.rig, "device.qr", d.params(nil))
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	number, err := account.Scan(ctx, code.Code)
	if err != nil {
		d.t.Fatalf("scanning: %v", err)
	}
	d.awaitStatus(from, wa.StatusConnected)
	account.WaitOnline(number)
	d.awaitCollections(from)
	return number
}

// awaitCollections waits until every collection was reported as in order.
func (d device) awaitCollections(from int) {
	d.t.Helper()
	for _, name := range syncd.Names {
		d.await(from, func(event wa.Event) bool {
			return event.DeviceID == d.key.DeviceID && event.Type == "app_state.status" &&
				strings.Contains(string(event.Data), `"collection":"`+name+`"`) &&
				strings.Contains(string(event.Data), `"state":"ok"`)
		})
	}
}

func (d device) mustArchive(account *wasimtest.Account, archived bool) {
	d.t.Helper()
	if got := d.archive(chat, archived); !got.OK {
		d.t.Fatalf("archive: %s: %s", got.Error.Code, got.Error.Message)
	}
	account.WaitEntry("regular_low", func(entry syncd.Entry) bool {
		return strings.Contains(string(entry.Value), `"archived":true`) == archived
	}, "archive", chat)
}

func (d device) refused(got answer, code Code) {
	d.t.Helper()
	if got.OK || got.Error.Code != code {
		d.t.Fatalf("got %v %s %q, not %s", got.OK, got.Error.Code, got.Error.Message, code)
	}
	if got.Error.Retryable != meanings[code].retryable || got.Error.Message == "" {
		d.t.Errorf("%s says retryable %v and %q", code, got.Error.Retryable, got.Error.Message)
	}
}

func account(simulator *wasimtest.Sim, pn string) *wasimtest.Account {
	return simulator.AddAccount(wasimtest.Spec{PN: pn, Name: "Ada"})
}

// A device links by QR code, and then archives and unarchives a chat that the phone sees so.
func TestDeviceLinksAndArchives(t *testing.T) {
	simulator := wasimtest.New(t)
	phone := account(simulator, "15550001111")
	d := newRig(t, simulator, t.TempDir()).newDevice(uuid.NewString())
	d.link(phone)
	d.await(0, func(event wa.Event) bool {
		return event.Type == "device.status" && strings.Contains(string(event.Data), `"push_name":"Ada"`)
	})
	status := d.status()
	if !status.Connected || status.JID == "" || status.LID == "" || status.AppState != "ok" ||
		status.PushName != "Ada" {
		t.Errorf("status is %+v", status)
	}
	d.mustArchive(phone, true)
	d.mustArchive(phone, false)
	pairing := call[wa.PairingStatus](d.rig, "device.pairing", d.params(nil))
	if pairing.State != "linked" || pairing.Attempt != 1 {
		t.Errorf("pairing is %+v", pairing)
	}
	d.refused(d.try("device.qr", d.params(nil)), DeviceAlreadyLinked)
}

// Linking says so in events, in order, and no event, log line or status holds a code or a key.
func TestLinkingIsReported(t *testing.T) {
	simulator := wasimtest.New(t)
	phone := account(simulator, "15550001111")
	d := newRig(t, simulator, t.TempDir()).newDevice(uuid.NewString())
	code := call[wa.QRCode](d.rig, "device.qr", d.params(nil))
	again := call[wa.QRCode](d.rig, "device.qr", d.params(nil))
	if code.Cached || !again.Cached || code.Code != again.Code || code.Attempt != 1 {
		t.Errorf("the code is given out as %v, then as %v", code.Cached, again.Cached)
	}
	if life := code.ExpiresAt - code.GeneratedAt; life != time.Minute.Milliseconds() {
		t.Errorf("the first code lives for %d ms", life)
	}
	if _, err := phone.Scan(context.Background(), code.Code); err != nil {
		t.Fatal(err)
	}
	d.awaitStatus(0, wa.StatusConnected)
	d.awaitCollections(0)
	want := []string{"device.status", "qr.generated", "pair.success", "device.status", "device.status"}
	var kinds []string
	d.mu.Lock()
	defer d.mu.Unlock()
	secrets := strings.Split(code.Code[strings.Index(code.Code, "#")+1:], ",")[:4]
	for _, event := range d.events {
		if slices.Contains(want, event.Type) {
			kinds = append(kinds, event.Type)
		}
		for _, secret := range secrets {
			if strings.Contains(string(event.Data), secret) || strings.Contains(d.log.String(), secret) {
				t.Errorf("a secret shows in %s or in the log", event.Type)
			}
		}
	}
	if got := kinds[:min(len(want), len(kinds))]; !slices.Equal(got, want) {
		t.Errorf("the events are %v", kinds)
	}
}

// A refreshed code is another one, and the phone can scan it.
func TestRefreshGivesAnotherCode(t *testing.T) {
	simulator := wasimtest.New(t)
	phone := account(simulator, "15550001111")
	d := newRig(t, simulator, t.TempDir()).newDevice(uuid.NewString())
	first := call[wa.QRCode](d.rig, "device.qr", d.params(nil))
	second := call[wa.QRCode](d.rig, "device.qr", d.params(map[string]any{"refresh": true}))
	if first.Code == second.Code || second.Attempt != 2 || second.Cached {
		t.Errorf("the refreshed code is number %d, cached %v", second.Attempt, second.Cached)
	}
	if _, err := phone.Scan(context.Background(), second.Code); err != nil {
		t.Fatal(err)
	}
	d.awaitStatus(0, wa.StatusConnected)
}

// Disconnecting ends a pairing: who looks sees it, and the device is as new as before.
func TestDisconnectEndsPairing(t *testing.T) {
	simulator := wasimtest.New(t)
	d := newRig(t, simulator, t.TempDir()).newDevice(uuid.NewString())
	call[wa.QRCode](d.rig, "device.qr", d.params(nil))
	if status := call[wa.DeviceStatus](d.rig, "device.disconnect", d.params(nil)); status.Status != wa.StatusNew {
		t.Errorf("status is %s", status.Status)
	}
	pairing := call[wa.PairingStatus](d.rig, "device.pairing", d.params(nil))
	if pairing.State != "failed" || pairing.Reason != "cancelled" {
		t.Errorf("pairing is %+v", pairing)
	}
	d.await(0, func(event wa.Event) bool { return event.Type == "pairing.failed" && event.SpoolID > 0 })
}

// A logout that the server confirms says so, and erases the keys.
func TestLogoutConfirmed(t *testing.T) {
	simulator := wasimtest.New(t)
	phone := account(simulator, "15550001111")
	d := newRig(t, simulator, t.TempDir()).newDevice(uuid.NewString())
	number := d.link(phone)
	got := call[map[string]bool](d.rig, "device.logout", d.params(nil))
	if !got["unlinked"] {
		t.Error("the logout was not confirmed")
	}
	phone.WaitOffline(number)
	if devices := phone.Devices(); len(devices) != 0 {
		t.Errorf("the account still has %d devices", len(devices))
	}
	if status := d.status(); status.Status != wa.StatusLoggedOut || status.JID != "" {
		t.Errorf("status is %+v", status)
	}
	d.refused(d.archive(chat, true), DeviceLoggedOut)
	d.refused(d.try("device.logout", d.params(nil)), DeviceNotLinked)
	d.link(phone)
	d.mustArchive(phone, true)
}

// A logout of a device that is not connected erases the keys and says that nobody confirmed it.
func TestLogoutOffline(t *testing.T) {
	simulator := wasimtest.New(t)
	phone := account(simulator, "15550001111")
	d := newRig(t, simulator, t.TempDir()).newDevice(uuid.NewString())
	d.link(phone)
	call[wa.DeviceStatus](d.rig, "device.disconnect", d.params(nil))
	if got := call[map[string]bool](d.rig, "device.logout", d.params(nil)); got["unlinked"] {
		t.Error("the logout counts as confirmed")
	}
	if status := call[wa.DeviceStatus](d.rig, "device.connect", d.params(nil)); status.Status != wa.StatusLoggedOut {
		t.Errorf("status is %s", status.Status)
	}
}

// A device that the phone unlinks while it is online is logged out, and may be linked again.
func TestUnlinkedOnline(t *testing.T) {
	simulator := wasimtest.New(t)
	phone := account(simulator, "15550001111")
	d := newRig(t, simulator, t.TempDir()).newDevice(uuid.NewString())
	number := d.link(phone)
	from := d.seen()
	if err := phone.Unlink(number); err != nil {
		t.Fatal(err)
	}
	if status, _ := d.awaitStatus(from, wa.StatusLoggedOut); status.Reason != "unlinked" || status.JID != "" {
		t.Errorf("status is %+v", status)
	}
	d.refused(d.archive(chat, true), DeviceLoggedOut)
	d.link(phone)
}

// A device that the phone unlinks while it is offline learns it when it connects, also in the status
// of the next process.
func TestUnlinkedOffline(t *testing.T) {
	simulator := wasimtest.New(t)
	phone := account(simulator, "15550001111")
	first := newRig(t, simulator, t.TempDir())
	d := first.newDevice(uuid.NewString())
	number := d.link(phone)
	call[wa.DeviceStatus](d.rig, "device.disconnect", d.params(nil))
	phone.WaitOffline(number)
	if err := phone.Unlink(number); err != nil {
		t.Fatal(err)
	}
	from := d.seen()
	call[wa.DeviceStatus](d.rig, "device.connect", d.params(nil))
	d.awaitStatus(from, wa.StatusLoggedOut)
	first.stop()
	d.rig = newRig(t, simulator, first.folder)
	if status := d.status(); status.Status != wa.StatusLoggedOut || status.Reason != "unlinked" {
		t.Errorf("status is %+v", status)
	}
}

// A device whose keys another connection uses is replaced and does not fight for them; a request to
// connect brings it back.
func TestReplacedStaysReplaced(t *testing.T) {
	simulator := wasimtest.New(t)
	phone := account(simulator, "15550001111")
	folder := t.TempDir()
	d := newRig(t, simulator, folder).newDevice(uuid.NewString())
	number := d.link(phone)
	from := d.seen()
	rival := device{newRig(t, simulator, copyStores(t, folder)), d.key}
	call[wa.DeviceStatus](rival.rig, "device.connect", rival.params(nil))
	d.awaitStatus(from, wa.StatusReplaced)
	d.refused(d.archive(chat, true), DeviceReplaced)
	rival.awaitStatus(0, wa.StatusConnected)
	rival.rig.stop()
	phone.WaitOffline(number)
	if status := d.status(); status.Status != wa.StatusReplaced || status.Connected {
		t.Errorf("status is %+v", status)
	}
	call[wa.DeviceStatus](d.rig, "device.connect", d.params(nil))
	d.awaitStatus(from, wa.StatusConnected)
}

// A cut connection comes back by itself, and a request in between waits for it.
func TestReconnectsAfterACut(t *testing.T) {
	simulator := wasimtest.New(t)
	phone := account(simulator, "15550001111")
	d := newRig(t, simulator, t.TempDir()).newDevice(uuid.NewString())
	number := d.link(phone)
	from := d.seen()
	if err := phone.Drop(number); err != nil {
		t.Fatal(err)
	}
	_, from = d.awaitStatus(from, wa.StatusDisconnected)
	d.mustArchive(phone, true)
	d.awaitStatus(from, wa.StatusConnected)
}

// A new process goes on with the old keys: no new code, and the app state is where it was.
func TestRestartNeedsNoNewCode(t *testing.T) {
	simulator := wasimtest.New(t)
	phone := account(simulator, "15550001111")
	first := newRig(t, simulator, t.TempDir())
	d := first.newDevice(uuid.NewString())
	d.link(phone)
	d.mustArchive(phone, true)
	first.stop()
	d.rig = newRig(t, simulator, first.folder)
	status := d.status()
	if status.Status != wa.StatusDisconnected || status.Reason != "not_started" || status.AppState != "ok" {
		t.Errorf("status is %+v", status)
	}
	d.refused(d.archive(chat, false), DeviceNotConnected)
	call[wa.DeviceStatus](d.rig, "device.connect", d.params(nil))
	d.mustArchive(phone, false)
}

// Two tenants share nothing: not their devices, and not their pairs of numbers and LIDs.
func TestTenantsAreApart(t *testing.T) {
	simulator := wasimtest.New(t)
	r := newRig(t, simulator, t.TempDir())
	mine, theirs := r.newDevice(uuid.NewString()), r.newDevice(uuid.NewString())
	mine.link(account(simulator, "15550001111"))
	theirs.link(account(simulator, "15550003333"))
	foreign := device{r, wa.DeviceKey{TenantID: mine.key.TenantID, DeviceID: theirs.key.DeviceID}}
	foreign.refused(foreign.try("device.status", foreign.params(nil)), DeviceNotFound)
	list := call[map[string][]wa.DeviceStatus](r, "device.list", map[string]any{"tenant_id": mine.key.TenantID})
	if len(list["devices"]) != 1 || list["devices"][0].DeviceID != mine.key.DeviceID {
		t.Errorf("the tenant sees %d devices", len(list["devices"]))
	}
	if text := storeText(t, r.folder, mine.key.TenantID); strings.Contains(text, "15550003333") {
		t.Error("one tenant's store knows the other's number")
	}
}

// A change that the phone makes is an event with its value.
func TestPhonesChangesAreReported(t *testing.T) {
	simulator := wasimtest.New(t)
	phone := account(simulator, "15550001111")
	d := newRig(t, simulator, t.TempDir()).newDevice(uuid.NewString())
	d.link(phone)
	from := d.seen()
	d.mustArchive(phone, true)
	event, _ := d.await(from, func(event wa.Event) bool { return event.Type == "app_state.change" })
	var change struct {
		Collection string
		Operation  string
		Index      []string
		Value      json.RawMessage
		ValueAt    int64 `json:"value_at"`
		Own        bool
		Last       bool
	}
	if err := json.Unmarshal(event.Data, &change); err != nil {
		t.Fatal(err)
	}
	if change.Collection != "regular_low" || change.Operation != "set" || !change.Own || !change.Last ||
		!slices.Equal(change.Index, []string{"archive", chat}) || change.ValueAt == 0 {
		t.Errorf("the change is %s", event.Data)
	}
	if !strings.Contains(string(change.Value), "archiveChatAction") || event.SpoolID != 0 {
		t.Errorf("the value is %s", change.Value)
	}
}
