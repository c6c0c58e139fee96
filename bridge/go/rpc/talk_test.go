package rpc

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"wuts/sim"
	"wuts/sim/faults"
	"wuts/sim/wasimtest"
	"wuts/wa"
)

// The methods that talk to people take and give what the contract says.
func TestTalking(t *testing.T) {
	simulator := wasimtest.New(t)
	phone := simulator.AddAccount(wasimtest.Spec{PN: "15550001111", Name: "Ada", Contacts: []sim.ContactSpec{
		{PN: "15550002222", LID: "200000000002222"},
	}})
	d := newRig(t, simulator, t.TempDir()).newDevice(uuid.NewString())
	d.link(phone)
	before := time.Now().Truncate(time.Second).UnixMilli()
	params := func(method string) map[string]any {
		params := requestFor(method)
		params["tenant_id"], params["device_id"] = d.key.TenantID, d.key.DeviceID
		return params
	}
	for method, field := range map[string]string{
		"message.send_text": "sent_at", "chat.set_disappearing": "set_at",
	} {
		if at := call[map[string]int64](d.rig, method, params(method)); len(at) != 1 || at[field] < before {
			t.Errorf("%s: %v", method, at)
		}
	}
	for _, method := range []string{"chat.typing", "presence.set", "presence.subscribe"} {
		if got := call[map[string]any](d.rig, method, params(method)); len(got) != 0 {
			t.Errorf("%s: %v", method, got)
		}
	}
	if got := call[map[string]bool](d.rig, "call.reject", params("call.reject")); !got["acknowledged"] {
		t.Errorf("call.reject: %v", got)
	}
	for code, want := range map[int]Code{463: ServerRefused, 503: ServerUnavailable} {
		simulator.Fault(faults.Rule{
			Action: "error", Direction: "in", Tag: "message", Code: code, Text: "no", Times: 1,
		})
		d.refused(d.try("message.send_text", params("message.send_text")), want)
	}
	simulator.Fault(faults.Rule{Action: "swallow", Direction: "in", Tag: "message", When: "after", Times: 1})
	got := d.tryWithin(300*time.Millisecond, "message.send_text", params("message.send_text"))
	d.refused(got, OutcomeUnknown)
}

// What does not fit is refused by its field, and nothing of it is repeated.
func TestTalkingRefusesBadParams(t *testing.T) {
	d := lonely(t).newDevice(uuid.NewString())
	for method, fields := range map[string]map[string][]any{
		"call.reject": {
			"call_id": {"", strings.Repeat("A", maxCallID+1), 7}, "from": {"", "canary", "@lid", 7},
			"creator": {"", "canary@"},
		},
		"message.send_text": {
			"to":         {"", "canary", "120363000000000001@g.us", "15550002222@newsletter", nil},
			"text":       {"", strings.Repeat("ö", maxText+1), 7},
			"message_id": {"", "3eb0000000000000", "3EB000000000000", strings.Repeat("A", 33), "CANARY0000000000"},
		},
		"chat.typing": {
			"chat_jid": {"", "canary", "15550002222:1@s.whatsapp.net"}, "state": {"", "canary", "recording"},
			"media": {"", "canary", "video"},
		},
		"chat.set_disappearing": {"chat_jid": {"", "canary@newsletter"}, "seconds": {nil, 1, -1, "86400", 0.5}},
		"presence.set":          {"state": {"", "canary", "online"}},
		"presence.subscribe":    {"jid": {"", "canary", "120363000000000001@g.us"}},
	} {
		for field, values := range fields {
			for _, value := range values {
				params := requestFor(method)
				params["tenant_id"], params["device_id"] = d.key.TenantID, d.key.DeviceID
				params[field] = value
				got := d.try(method, params)
				d.refused(got, InvalidArgument)
				if strings.Contains(strings.ToLower(got.Error.Message), "canary") {
					t.Errorf("%s: %s", method, got.Error.Message)
				}
			}
			params := requestFor(method)
			params["tenant_id"], params["device_id"] = d.key.TenantID, d.key.DeviceID
			delete(params, field)
			d.refused(d.try(method, params), InvalidArgument)
		}
		params := requestFor(method)
		params["tenant_id"], params["device_id"] = d.key.TenantID, d.key.DeviceID
		d.refused(d.try(method, params), DeviceNotLinked)
	}
	if status := d.status(); status.Status != wa.StatusNew {
		t.Errorf("status is %s", status.Status)
	}
}
