package control_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"wuts/sim"
	"wuts/sim/control"
)

const (
	phone = "15550001000"
	chat  = "15550001111@s.whatsapp.net"
	base  = "/v1/accounts/" + phone
)

// api is a control API on a port of its own, with one account.
type api struct {
	t   *testing.T
	url string
	sim *sim.Server
}

func start(t *testing.T) *api {
	t.Helper()
	simulator, err := sim.Start(sim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(control.New(simulator, "http://control", 7))
	t.Cleanup(func() {
		server.Close()
		if err := simulator.Close(); err != nil {
			t.Error(err)
		}
	})
	a := &api{t, server.URL, simulator}
	a.post("/v1/accounts", `{"pn":"`+phone+`","name":"Ada","contacts":[{"pn":"15550001111","name":"Grace"}],
		"groups":[{"jid":"120363000000000001@g.us","subject":"Hikers"}]}`, 200)
	return a
}

func (a *api) do(request *http.Request, status int) map[string]any {
	a.t.Helper()
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		a.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	if answer.StatusCode != status {
		a.t.Fatalf("%s %s: %d %s", request.Method, request.URL.Path, answer.StatusCode, body)
	}
	decoded := map[string]any{}
	if err = json.Unmarshal(body, &decoded); err != nil {
		a.t.Fatalf("%s: %v", body, err)
	}
	if _, failed := decoded["error"]; failed != (status >= 400) {
		a.t.Errorf("%d with %s", status, body)
	}
	return decoded
}

func (a *api) request(method, path, body string) *http.Request {
	a.t.Helper()
	request, err := http.NewRequestWithContext(
		a.t.Context(), method, a.url+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/json; charset=utf-8")
	}
	return request
}

func (a *api) get(path string, status int) map[string]any {
	a.t.Helper()
	return a.do(a.request(http.MethodGet, path, ""), status)
}

func (a *api) post(path, body string, status int) map[string]any {
	a.t.Helper()
	return a.do(a.request(http.MethodPost, path, body), status)
}

func entryOf(collection map[string]any, index ...any) map[string]any {
	for _, raw := range collection["entries"].([]any) {
		entry := raw.(map[string]any)
		if reflect.DeepEqual(entry["index"], index) {
			return entry
		}
	}
	return nil
}

// What no page in a browser must be able to do is refused before anything is read.
func TestGuard(t *testing.T) {
	a := start(t)
	foreign := a.request(http.MethodGet, "/v1/info", "")
	foreign.Host = "example.com"
	a.do(foreign, 403)
	page := a.request(http.MethodPost, base+"/unlink-all", "{}")
	page.Header.Set("Origin", "http://127.0.0.1")
	a.do(page, 403)
	form := a.request(http.MethodPost, base+"/unlink-all", "")
	form.Header.Set("Content-Type", "text/plain")
	a.do(form, 415)
	for _, host := range []string{"localhost:1", "[::1]:1", "127.0.0.1"} {
		local := a.request(http.MethodGet, "/v1/info", "")
		local.Host = host
		a.do(local, 200)
	}
}

// What does not exist is 404, and a method that a path does not have is 405, both as JSON.
func TestUnknownPathsAndMethods(t *testing.T) {
	a := start(t)
	for _, path := range []string{
		"/", "/v1", "/v1/accounts/15550009999", base + "/appstate/unknown", base + "/chats",
	} {
		a.get(path, 404)
	}
	a.do(a.request(http.MethodDelete, "/v1/info", ""), 405)
	a.do(a.request(http.MethodDelete, base+"/devices/1", ""), 404)
	a.do(a.request(http.MethodDelete, base+"/devices/many", ""), 404)
}

// An account is shown with everything that it was made with.
func TestAccount(t *testing.T) {
	a := start(t)
	shown := a.get(base, 200)
	contact := shown["contacts"].([]any)[0].(map[string]any)
	if shown["name"] != "Ada" || contact["pn"] != "15550001111" || contact["name"] != "Grace" {
		t.Errorf("%v", shown)
	}
	if listed := a.get("/v1/accounts", 200)["accounts"].([]any); !reflect.DeepEqual(listed[0], any(shown)) {
		t.Errorf("%v", listed)
	}
	a.post("/v1/accounts", `{"pn":"`+phone+`"}`, 409)
	for _, body := range []string{
		"", "[]", `{"phone":"1"}`, `{"pn":"4912345"}`, `{} {}`,
		`{"appstate":[{"collection":"regular_low","value":{}}]}`,
		`{"appstate":[{"collection":"regular_low","index":["x"],"value":{"unheard":1}}]}`,
	} {
		a.post("/v1/accounts", body, 400)
	}
}

// Each short form is one mutation in its collection, and the whole form writes anything.
func TestPhoneWrites(t *testing.T) {
	a := start(t)
	for body, wanted := range map[string][]any{
		`{"archive":{"jid":"` + chat + `","archived":true}}`:               {"regular_low", "archive", chat},
		`{"pin":{"jid":"` + chat + `","pinned":true}}`:                     {"regular_low", "pin_v1", chat},
		`{"read":{"jid":"` + chat + `","read":false}}`:                     {"regular_low", "markChatAsRead", chat},
		`{"mute":{"jid":"` + chat + `","muted":true}}`:                     {"regular_high", "mute", chat},
		`{"pushname":{"name":"Lovelace"}}`:                                 {"critical_block", "setting_pushName"},
		`{"contact":{"jid":"15550002222@s.whatsapp.net","name":"Hopper"}}`: {"critical_unblock_low", "contact", "15550002222@s.whatsapp.net"},
		`{"collection":"regular","op":"set","index":[],"value":{}}`:        {"regular"},
	} {
		answer := a.post(base+"/appstate", body, 200)
		if answer["collection"] != wanted[0] || answer["version"] == 0 {
			t.Errorf("%s: %v", body, answer)
		}
		collection := a.get(base+"/appstate/"+wanted[0].(string), 200)
		if entry := entryOf(collection, wanted[1:]...); entry == nil && len(wanted) > 1 {
			t.Errorf("%s: %v", body, collection)
		}
	}
	if shown := a.get(base, 200); shown["name"] != "Lovelace" || len(shown["contacts"].([]any)) != 2 {
		t.Errorf("%v", shown)
	}
	if all := a.get(base+"/appstate", 200)["collections"].([]any); len(all) != 5 {
		t.Errorf("%d collections", len(all))
	}
}

// A write that is none, or more than one, or about no chat, is refused.
func TestBadWrites(t *testing.T) {
	a := start(t)
	for _, body := range []string{
		`{}`, `{"archive":{"jid":"nobody","archived":true}}`, `{"archive":{"jid":"` + chat + `","pinned":true}}`,
		`{"archive":{"jid":"` + chat + `"},"pin":{"jid":"` + chat + `"}}`,
		`{"contact":{"jid":"120363000000000001@g.us","name":"x"}}`,
		`{"collection":"regular","op":"replace","index":["x"],"value":{}}`,
		`{"collection":"regular","index":["x"]}`,
	} {
		a.post(base+"/appstate", body, 400)
	}
	a.post(base+"/appstate", `{"collection":"other","index":["x"],"value":{}}`, 404)
}

// A wait ends when its condition holds, or says that it did not.
func TestWait(t *testing.T) {
	a := start(t)
	wait := func(condition string, status int) {
		t.Helper()
		a.post("/v1/wait", `{"condition":`+condition+`,"timeout":"50ms"}`, status)
	}
	entry := `{"account":"` + phone + `","collection":"regular_low","index":["archive","` + chat + `"]`
	wait(entry+`}`, 408)
	wait(entry+`,"present":false}`, 200)
	a.post(base+"/appstate", `{"archive":{"jid":"`+chat+`","archived":true}}`, 200)
	wait(entry+`}`, 200)
	wait(entry+`,"value":{"archiveChatAction":{"archived":true}}}`, 200)
	wait(entry+`,"value":{"archiveChatAction":{"archived":false}}}`, 408)
	wait(`{"account":"`+phone+`","device":1,"state":"offline"}`, 200)
	wait(`{"account":"`+phone+`","device":1,"state":"online"}`, 408)
	wait(`{"account":"`+phone+`","device":1,"state":"asleep"}`, 400)
	wait(`{"account":"`+phone+`"}`, 400)
	wait(`{"account":"15550009999","device":1,"state":"online"}`, 404)
	a.post("/v1/wait", `{"condition":{"account":"`+phone+`"},"timeout":"soon"}`, 400)
}

// Fault rules are numbered, listed and cleared, and what is not built is refused.
func TestFaults(t *testing.T) {
	a := start(t)
	if made := a.post("/v1/faults", `{"action":"delay","direction":"both","ms":5}`, 200); made["id"] != 1.0 {
		t.Errorf("%v", made)
	}
	a.post("/v1/faults", `{"action":"explode"}`, 400)
	a.post("/v1/faults", `{"action":"delay","ms":5,"colour":"red"}`, 400)
	if rules := a.get("/v1/faults", 200)["faults"].([]any); len(rules) != 1 {
		t.Errorf("%v", rules)
	}
	a.do(a.request(http.MethodDelete, "/v1/faults", ""), 200)
	if rules := a.get("/v1/faults", 200)["faults"].([]any); len(rules) != 0 {
		t.Errorf("%v", rules)
	}
}

// One rule can be taken away, and what is held can be released; another id is none.
func TestSingleFault(t *testing.T) {
	a := start(t)
	a.post("/v1/faults", `{"action":"hold","tag":"message"}`, 200)
	if answer := a.post("/v1/faults/release", "{}", 200); answer["released"] != 0.0 {
		t.Errorf("%v", answer)
	}
	for _, path := range []string{"/v1/faults/2", "/v1/faults/x"} {
		a.do(a.request(http.MethodDelete, path, ""), 404)
	}
	a.do(a.request(http.MethodDelete, "/v1/faults/1", ""), 200)
	if rules := a.get("/v1/faults", 200)["faults"].([]any); len(rules) != 0 {
		t.Errorf("%v", rules)
	}
}

// An account is banned, loses its phone and is restored; what makes no sense is refused.
func TestAccountTrouble(t *testing.T) {
	a := start(t)
	account, _ := a.sim.Account(phone)
	a.post(base+"/ban", `{"code":101,"expire_s":60}`, 200)
	if refused := account.Refused(); refused != (sim.Refusal{Reason: 402, Code: 101, ExpireS: 60}) {
		t.Errorf("%+v", refused)
	}
	a.post(base+"/main-device-gone", "{}", 200)
	if refused := account.Refused(); refused != (sim.Refusal{Reason: 403}) {
		t.Errorf("%+v", refused)
	}
	a.post(base+"/restore", "{}", 200)
	if refused := account.Refused(); refused != (sim.Refusal{}) {
		t.Errorf("%+v", refused)
	}
	a.post(base+"/ban", `{"code":-1}`, 400)
	a.post(base+"/snapshots", `{"on":true}`, 200)
	a.post(base+"/snapshots", `{"on":"yes"}`, 400)
	a.post(base+"/devices/1/drop", "{}", 404)
	a.post(base+"/devices/1/end", `{"what":"503"}`, 404)
	a.post(base+"/devices/1/end", `{"what":"unheard"}`, 400)
	a.post("/v1/version-floor", `{"version":"2.3000.1"}`, 200)
	a.post("/v1/version-floor", `{"version":""}`, 200)
	a.post("/v1/version-floor", `{"version":"2.3000"}`, 400)
	for _, path := range []string{"receipts", "acks"} {
		if list := a.get(base+"/"+path, 200)[path].([]any); len(list) != 0 {
			t.Errorf("%v", list)
		}
	}
}

// A code that nobody waits with, or that is none, is neither scanned nor typed; nor is a passkey taken
// that could verify nothing.
func TestLinking(t *testing.T) {
	a := start(t)
	a.post(base+"/scan?wait=1s", `{"qr":"nonsense"}`, 400)
	key := strings.Repeat("A", 43) + "="
	a.post(base+"/scan", `{"qr":"2@gone,`+key+`,`+key+`,`+key+`"}`, 404)
	a.post(base+"/scan?wait=forever", `{"qr":"x"}`, 400)
	a.post(base+"/pairing-code", `{"code":"12"}`, 400)
	a.post(base+"/pairing-code", `{"code":"ABCD-EFGH"}`, 404)
	waiting := a.get(base+"/pending", 200)
	if len(waiting["pending"].([]any)) != 0 || len(waiting["links"].([]any)) != 0 || waiting["passkey_code"] != "" {
		t.Errorf("%v", waiting)
	}
	a.post("/v1/accounts", `{"pn":"15550007777","passkey":{"id":"AAAA","public_key":"AAAA"}}`, 400)
}

// The rest answers in the fixed shapes.
func TestOtherAnswers(t *testing.T) {
	a := start(t)
	info := a.get("/v1/info", 200)
	if info["endpoint"] != a.sim.Endpoint() || len(info["root_key"].(string)) != 64 || info["seed"] != 7.0 {
		t.Errorf("%v", info)
	}
	if list := a.get("/v1/violations", 200)["violations"].([]any); len(list) != 0 {
		t.Errorf("%v", list)
	}
	a.post(base+"/keys/share", "{}", 200)
	if rotated := a.post(base+"/keys/rotate", "{}", 200); rotated["key_id"] == "" {
		t.Errorf("%v", rotated)
	}
	a.post(base+"/unlink-all", "{}", 200)
}
