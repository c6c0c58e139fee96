package rpc

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"wuts/wa"
)

// requestFor is a request that a method takes, but for the device that does not exist.
func requestFor(name string) map[string]any {
	params := map[string]any{"tenant_id": uuid.NewString(), "device_id": uuid.NewString()}
	switch name {
	case "bridge.stats":
		return map[string]any{}
	case "device.list", "tenant.erase":
		delete(params, "device_id")
	case "device.pair_code":
		params["phone"] = "15550001111"
	case "device.passkey_answer":
		params["credential"] = map[string]any{"id": "AAAA", "rawId": "AAAA", "type": "public-key"}
	case "app_state.sync":
		params["collection"] = "regular"
	case "app_state.apply":
		params["collection"] = "regular_low"
		params["mutations"] = []any{map[string]any{"type": "pin", "chat_jid": chat, "pinned": true}}
	case "call.reject":
		params["call_id"], params["from"], params["creator"] = "CA11", chat, "200000000002222:3@lid"
	case "message.send_text":
		params["to"], params["text"], params["message_id"] = chat, "Not now.", "3EB0000000000000"
	case "chat.typing":
		params["chat_jid"], params["state"], params["media"] = chat, "composing", "text"
	case "chat.set_disappearing":
		params["chat_jid"], params["seconds"] = chat, 86400
	case "presence.set":
		params["state"] = "available"
	case "presence.subscribe":
		params["jid"] = chat
	}
	return params
}

// Every method refuses bad params, whatever the device, and says no value of theirs.
func TestEveryMethodRefusesBadParams(t *testing.T) {
	r := lonely(t)
	for _, called := range methods {
		for name, spoil := range map[string]func(map[string]any){
			"unknown field":     func(params map[string]any) { params["canary"] = "canary" },
			"tenant missing":    func(params map[string]any) { delete(params, "tenant_id") },
			"tenant null":       func(params map[string]any) { params["tenant_id"] = nil },
			"tenant number":     func(params map[string]any) { params["tenant_id"] = 7 },
			"tenant a path":     func(params map[string]any) { params["tenant_id"] = "../canary" },
			"tenant upper case": func(params map[string]any) { params["tenant_id"] = strings.ToUpper(uuid.NewString()) + "A" },
			"tenant with NUL":   func(params map[string]any) { params["tenant_id"] = uuid.NewString() + "\x00" },
			"device a path":     func(params map[string]any) { params["device_id"] = "canary/.." },
		} {
			params := requestFor(called.name)
			spoil(params)
			got := r.try(called.name, params)
			if got.Error.Code != InvalidArgument && !(called.name == "bridge.stats" && len(params) == 0) {
				t.Errorf("%s, %s: %+v", called.name, name, got)
			}
			if strings.Contains(strings.Replace(got.Error.Message, `field: "canary"`, "", 1), "canary") {
				t.Errorf("%s, %s: the message repeats a value", called.name, name)
			}
		}
	}
}

// Every method that needs a device knows when there is no such device.
func TestEveryMethodMissesTheDevice(t *testing.T) {
	r := lonely(t)
	existing := r.newDevice(uuid.NewString())
	for _, called := range methods {
		switch called.name {
		case "device.create", "device.list", "device.erase", "tenant.erase", "bridge.stats":
			continue
		}
		params := requestFor(called.name)
		existing.refused(r.try(called.name, params), DeviceNotFound)
		params["tenant_id"] = existing.key.TenantID
		existing.refused(r.try(called.name, params), DeviceNotFound)
	}
	list := call[map[string][]wa.DeviceStatus](r, "device.list", requestFor("device.list"))
	if devices, ok := list["devices"]; !ok || devices == nil || len(devices) != 0 {
		t.Errorf("a tenant without a store lists %v", list)
	}
}

// What surrounds the params is checked too.
func TestBadEnvelopes(t *testing.T) {
	r := lonely(t)
	for _, text := range []string{
		``, `{`, `[]`, `null`, `{}`, `{"timeout_ms":1000}`, `{"params":{}}`, `{"timeout_ms":0,"params":{}}`,
		`{"timeout_ms":-1,"params":{}}`, `{"timeout_ms":600001,"params":{}}`, `{"timeout_ms":"1","params":{}}`,
		`{"timeout_ms":1000,"params":[]}`, `{"timeout_ms":1000,"params":null}`, `{"timeout_ms":1000,"params":{},"more":1}`,
		`{"timeout_ms":1000,"params":{}} 1`,
	} {
		if got := read(t, r.server.Call("device.list", []byte(text))); got.Error.Code != InvalidArgument {
			t.Errorf("%q: %+v", text, got)
		}
	}
	device{r, wa.DeviceKey{}}.refused(r.try("device.destroy", map[string]any{}), UnknownMethod)
	if got := read(t, r.server.NextEvents(7, 0)); got.Error.Code != InvalidArgument {
		t.Errorf("a batch that never was is acknowledged: %+v", got)
	}
}

// A device that is not linked says so to whoever wants its app state.
func TestNewDeviceIsNotLinked(t *testing.T) {
	d := lonely(t).newDevice(uuid.NewString())
	call[nothing](d.rig, "device.create", d.params(nil))
	d.refused(d.archive(chat, true), DeviceNotLinked)
	d.refused(d.try("app_state.status", d.params(nil)), DeviceNotLinked)
	d.refused(d.try("app_state.sync", d.params(map[string]any{"collection": "regular"})), DeviceNotLinked)
	d.refused(d.try("device.logout", d.params(nil)), DeviceNotLinked)
	if status := call[wa.DeviceStatus](d.rig, "device.connect", d.params(nil)); status.Status != wa.StatusNew {
		t.Errorf("status is %s", status.Status)
	}
	pairing := call[wa.PairingStatus](d.rig, "device.pairing", d.params(nil))
	if pairing.State != "none" || pairing.Attempt != 0 {
		t.Errorf("pairing is %+v", pairing)
	}
}

// A pairing that can't reach the server fails at once, and the device is as new as before.
func TestPairingWithoutAServer(t *testing.T) {
	d := lonely(t).newDevice(uuid.NewString())
	d.refused(d.try("device.qr", d.params(nil)), DeviceNotConnected)
	pairing := call[wa.PairingStatus](d.rig, "device.pairing", d.params(nil))
	if pairing.State != "failed" || pairing.Reason != "connect_failed" || d.status().Status != wa.StatusNew {
		t.Errorf("pairing is %+v", pairing)
	}
}

// Every typed mutation is taken as documented, and refused when a field is missing, wrong or unknown.
func TestMutations(t *testing.T) {
	const user = `"chat_jid":"15550002222@s.whatsapp.net"`
	for text, collection := range map[string]string{
		`{"type":"archive",` + user + `,"archived":true,"range_at":1}`:            "regular_low",
		`{"type":"archive","chat_jid":"20001@lid","archived":false,"range_at":1}`: "regular_low",
		`{"type":"pin","chat_jid":"1234567890-1234567890@g.us","pinned":false}`:   "regular_low",
		`{"type":"read",` + user + `,"read":true,"range_at":1781524800000}`:       "regular_low",
		`{"type":"mute",` + user + `,"muted":true}`:                               "regular_high",
		`{"type":"mute",` + user + `,"muted":true,"muted_until":1781524800000}`:   "regular_high",
		`{"type":"mute",` + user + `,"muted":false}`:                              "regular_high",
	} {
		if mutation, err := parseMutation(collection, []byte(text)); err != nil || mutation.Value == nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{
		`[]`, `{}`, `{"type":"star"}`, `{"type":7}`,
		`{"type":"mute",` + user + `,"muted":true}`,
		`{"type":"archive",` + user + `,"range_at":1}`,
		`{"type":"archive",` + user + `,"archived":null,"range_at":1}`,
		`{"type":"archive",` + user + `,"archived":"yes","range_at":1}`,
		`{"type":"archive",` + user + `,"archived":1,"range_at":1}`,
		`{"type":"archive",` + user + `,"archived":true}`,
		`{"type":"archive",` + user + `,"archived":true,"range_at":-1}`,
		`{"type":"archive",` + user + `,"archived":true,"range_at":1.5}`,
		`{"type":"archive",` + user + `,"archived":true,"range_at":1,"pinned":true}`,
		`{"type":"archive","archived":true,"range_at":1}`,
		`{"type":"pin",` + user + `}`,
		`{"type":"read",` + user + `,"read":true}`,
	} {
		if _, err := parseMutation("regular_low", []byte(text)); codeOf(err) != InvalidArgument || err == nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// A chat is a user, a group or a LID without a device part, written as it is kept.
func TestBadChats(t *testing.T) {
	for _, jid := range []string{
		"", "15550002222", "@s.whatsapp.net", "15550002222:3@s.whatsapp.net", "15550002222.1:3@s.whatsapp.net",
		"status@broadcast", "1@newsletter", "1@hosted", "1@bot", "15550002222@c.us", "a@b", "1@2@lid",
	} {
		text := fmt.Sprintf(`{"type":"pin","chat_jid":%q,"pinned":true}`, jid)
		if _, err := parseMutation("regular_low", []byte(text)); err == nil {
			t.Errorf("%q is taken for a chat", jid)
		}
	}
}

// A patch has between 1 and 100 mutations, and never two of one index.
func TestSizeOfAPatch(t *testing.T) {
	r := lonely(t)
	params := requestFor("app_state.apply")
	one := params["mutations"].([]any)[0]
	for _, count := range []int{0, 101} {
		mutations := make([]any, count)
		for i := range mutations {
			mutations[i] = one
		}
		params["mutations"] = mutations
		if got := r.try("app_state.apply", params); got.Error.Code != InvalidArgument {
			t.Errorf("%d mutations: %+v", count, got)
		}
	}
	params = requestFor("app_state.apply")
	params["collection"] = "regular_high"
	existing := r.newDevice(params["tenant_id"].(string))
	params["device_id"] = existing.key.DeviceID
	if got := r.try("app_state.apply", params); got.Error.Code != InvalidArgument {
		t.Errorf("a mutation of another collection: %+v", got)
	}
}
