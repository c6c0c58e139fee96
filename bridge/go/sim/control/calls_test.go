package control_test

import (
	"reflect"
	"testing"
)

// A call is listed in its fixed shape from its first ring to its end, and impossible ones are refused.
func TestCallsAreMade(t *testing.T) {
	a := start(t)
	id := a.post(base+"/calls", `{"from":"200000000000077:3@lid","creator":"`+chat+`","video":true,"paired":true,
		"group":"120363000000000001@g.us","missed":true,"devices":[1]}`, 200)["call_id"].(string)
	call := base + "/calls/" + id
	a.post(call+"/signal", `{"tag":"preaccept"}`, 200)
	listed := a.get(base+"/calls", 200)["calls"].([]any)[0].(map[string]any)
	delete(listed, "offered_at")
	want := map[string]any{
		"call_id": id, "from": "200000000000077:3@lid", "creator": chat, "media": "video", "state": "ringing",
		"group_jid": "120363000000000001@g.us", "acks": []any{}, "rejects": []any{},
	}
	if !reflect.DeepEqual(listed, want) {
		t.Errorf("%v", listed)
	}
	a.post(call+"/end", `{"reason":"busy"}`, 200)
	for verb, body := range map[string]string{
		"/end": `{}`, "/answer": `{}`, "/decline": `{}`, "/signal": `{"tag":"transport"}`,
	} {
		a.post(call+verb, body, 404)
	}
	for _, body := range []string{
		`{}`, `{"from":"nobody"}`, `{"from":"120363000000000001@g.us"}`, `{"from":"4915550000@s.whatsapp.net"}`,
		`{"from":"` + chat + `","group":"120363000000000009@g.us"}`, `{"from":"` + chat + `","ring_ms":-1}`,
		`{"from":"` + chat + `","creator":"x"}`, `{"from":"` + chat + `","group":"` + chat + `"}`,
	} {
		a.post(base+"/calls", body, 400)
	}
}

// A call that nobody ends ends by itself, and one that the phone takes or refuses is over.
func TestCallsEnd(t *testing.T) {
	a := start(t)
	ring := func(more string) string {
		return a.post(base+"/calls", `{"from":"`+chat+`"`+more+`}`, 200)["call_id"].(string)
	}
	a.post(base+"/calls/"+ring("")+"/answer", `{}`, 200)
	a.post(base+"/calls/"+ring("")+"/decline", `{}`, 200)
	ring(`,"ring_ms":1`)
	if err := a.sim.Wait(t.Context(), func() bool {
		account, _ := a.sim.Account(phone)
		return account.Calls()[2].State == "ended"
	}); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"accepted", "rejected", "ended"} {
		listed := a.get(base+"/calls", 200)["calls"].([]any)[i].(map[string]any)
		if listed["state"] != want {
			t.Errorf("%v is not %s", listed, want)
		}
	}
}

// What devices wrote and said is listed, and can be waited for; nothing of it is there at first.
func TestNothingWasSaid(t *testing.T) {
	a := start(t)
	for path, name := range map[string]string{
		"/messages": "messages", "/presence": "presence", "/disappearing": "disappearing", "/calls": "calls",
	} {
		if listed := a.get(base+path, 200)[name].([]any); len(listed) != 0 {
			t.Errorf("%s lists %v", path, listed)
		}
	}
	for condition, status := range map[string]int{
		`{"account":"` + phone + `","reject":"CA11"}`:                                           408,
		`{"account":"` + phone + `","message":{"to":"` + chat + `"}}`:                           408,
		`{"account":"` + phone + `","message":{},"reject":"CA11"}`:                              400,
		`{"account":"` + phone + `","device":1,"state":"online","message":{"text":"whatever"}}`: 400,
	} {
		a.post("/v1/wait", `{"condition":`+condition+`,"timeout":"20ms"}`, status)
	}
}
