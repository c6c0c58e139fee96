package rpc

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/uuid"

	"wuts/sim/wasimtest"
	"wuts/wa"
)

// awaitPasskey waits until a stage of a passkey's exchange is reported.
func (d device) awaitPasskey(stage string) wa.PasskeyStatus {
	d.t.Helper()
	d.await(0, func(event wa.Event) bool {
		return event.Type == "pairing.passkey_required" && strings.Contains(string(event.Data), `"`+stage+`"`)
	})
	return call[wa.PasskeyStatus](d.rig, "device.passkey", d.params(nil))
}

// askForPasskey lets a phone with a passkey scan the device's code.
func askForPasskey(t *testing.T) (device, *wasimtest.Account, *wasimtest.Authenticator) {
	t.Helper()
	simulator := wasimtest.New(t)
	authenticator := wasimtest.NewAuthenticator(t)
	phone := simulator.AddAccount(wasimtest.Spec{PN: "15550001111", Passkey: authenticator.Passkey()})
	d := newRig(t, simulator, t.TempDir()).newDevice(uuid.NewString())
	code := call[wa.QRCode](d.rig, "device.qr", d.params(nil))
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	go func() { _, _ = phone.Scan(ctx, code.Code) }()
	return d, phone, authenticator
}

// A phone whose account has a passkey links the device when its answer came and was confirmed; each step
// that is repeated changes nothing.
func TestDeviceLinksByPasskey(t *testing.T) {
	d, phone, authenticator := askForPasskey(t)
	asked := d.awaitPasskey("asked")
	if d.status().Status != wa.StatusPasskeyRequired || asked.Stage != "asked" || asked.Code != "" {
		t.Fatalf("%s, %+v", d.status().Status, asked)
	}
	d.refused(d.archive(chat, true), DeviceNotLinked)
	d.refused(d.try("device.qr", d.params(nil)), PairingBusy)
	early := call[wa.PasskeyStatus](d.rig, "device.passkey_confirm", d.params(nil))
	if early.Stage != "asked" {
		t.Errorf("confirmed too early it is %s", early.Stage)
	}
	wrong := wasimtest.NewAuthenticator(t).Answer(asked.PublicKey)
	d.refused(d.try("device.passkey_answer", d.params(map[string]any{"credential": wrong})), ServerRefused)
	answer := d.params(map[string]any{"credential": authenticator.Answer(asked.PublicKey)})
	answered := call[wa.PasskeyStatus](d.rig, "device.passkey_answer", answer)
	shown := d.awaitPasskey("shown")
	if answered.Stage != "answered" || shown.Stage != "shown" || shown.Compare || shown.Code != phone.PasskeyCode() {
		t.Errorf("%+v, then %+v; the phone shows %q", answered, shown, phone.PasskeyCode())
	}
	if repeated := call[wa.PasskeyStatus](d.rig, "device.passkey_answer", answer); repeated.Stage != "shown" {
		t.Errorf("the repeated answer leaves it at %s", repeated.Stage)
	}
	confirmed := call[wa.PasskeyStatus](d.rig, "device.passkey_confirm", d.params(nil))
	if confirmed.Stage != "confirmed" {
		t.Errorf("confirmed it is %s", confirmed.Stage)
	}
	d.awaitStatus(0, wa.StatusConnected)
	d.awaitCollections(0)
	d.mustArchive(phone, true)
	d.refused(d.try("device.passkey", d.params(nil)), DeviceAlreadyLinked)
}

// A device that is asked for no passkey says so, and an exchange ends with the pairing.
func TestNoPasskey(t *testing.T) {
	d, _, authenticator := askForPasskey(t)
	asked := d.awaitPasskey("asked")
	call[wa.DeviceStatus](d.rig, "device.disconnect", d.params(nil))
	if status := d.status(); status.Status != wa.StatusNew {
		t.Errorf("status is %s", status.Status)
	}
	answer := d.params(map[string]any{"credential": authenticator.Answer(asked.PublicKey)})
	d.refused(d.try("device.passkey_answer", answer), DeviceNotLinked)
	d.refused(d.try("device.passkey", d.params(nil)), DeviceNotLinked)
	d.refused(d.try("device.passkey_confirm", d.params(nil)), DeviceNotLinked)
	for _, credential := range []string{`"x"`, `{"rawId":5}`, `{"rawId":"!"}`, `{"more":1}`} {
		answer["credential"] = json.RawMessage(credential)
		d.refused(d.try("device.passkey_answer", answer), InvalidArgument)
	}
}
