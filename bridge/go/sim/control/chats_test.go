package control_test

import (
	"fmt"
	"testing"
)

// The groups of an account can be created, renamed and left, each once.
func TestGroupsChange(t *testing.T) {
	a := start(t)
	const jid = `"jid":"120363000000000002@g.us"`
	a.post(base+"/groups", `{"what":"create",`+jid+`,"subject":"Chess","size":3}`, 200)
	a.post(base+"/groups", `{"what":"create",`+jid+`,"subject":"Chess"}`, 400)
	a.post(base+"/groups", `{"what":"rename",`+jid+`,"subject":"Go"}`, 200)
	groups := a.get(base, 200)["groups"].([]any)
	if renamed := groups[1].(map[string]any); len(groups) != 2 || renamed["subject"] != "Go" {
		t.Errorf("groups are %v", groups)
	}
	a.post(base+"/groups", `{"what":"leave",`+jid+`}`, 200)
	a.post(base+"/groups", `{"what":"leave",`+jid+`}`, 400)
	a.post(base+"/groups", `{"what":"sell",`+jid+`}`, 400)
	a.post(base+"/groups", `{"what":"leave","jid":"`+chat+`"}`, 400)
}

// Messages get ids, as many as were asked for, and impossible ones are refused.
func TestMessagesAreMade(t *testing.T) {
	a := start(t)
	received := a.post(base+"/messages", `{"from":"`+chat+`","count":3,"name":"Lin","paired":true}`, 200)
	if ids := received["ids"].([]any); len(ids) != 3 || ids[0] == ids[1] {
		t.Errorf("ids are %v", ids)
	}
	a.post(base+"/messages", `{"from":"200000000000077@lid","chat":"120363000000000001@g.us"}`, 200)
	a.post(base+"/sent", `{"to":"`+chat+`"}`, 200)
	a.post(base+"/pairs", `{}`, 200)
	for _, body := range []string{
		`{"from":"nobody"}`, `{"from":"4915550000@s.whatsapp.net"}`, `{"from":"` + chat + `","kind":"song"}`,
		`{"from":"` + chat + `","count":1001}`, `{"from":"` + chat + `","chat":"120363000000000009@g.us"}`,
	} {
		a.post(base+"/messages", body, 400)
	}
}

// A message takes a chat out of the archive as the phone sees it if the phone is set so; the app state does
// not change by it. Archiving it again counts again.
func TestMessageUnarchivesSilently(t *testing.T) {
	a := start(t)
	for number, isOut := range map[string]bool{"15550005001": true, "15550005002": false} {
		account := "/v1/accounts/" + number
		a.post("/v1/accounts", fmt.Sprintf(`{"pn":%q,"unarchive_chats":%v}`, number, isOut), 200)
		a.post(account+"/appstate", `{"archive":{"jid":"`+chat+`","archived":true}}`, 200)
		before := a.get(account+"/appstate/regular_low", 200)["version"]
		a.post(account+"/messages", `{"from":"`+chat+`","kind":"reaction"}`, 200)
		if a.get(account+"/archived/"+chat, 200)["archived"] != true {
			t.Error("a reaction unarchived the chat")
		}
		a.post(account+"/messages", `{"from":"`+chat+`"}`, 200)
		if archived := a.get(account+"/archived/"+chat, 200)["archived"]; archived == isOut {
			t.Errorf("archived is %v", archived)
		}
		if after := a.get(account+"/appstate/regular_low", 200)["version"]; after != before {
			t.Errorf("version went from %v to %v", before, after)
		}
		a.post(account+"/appstate", `{"archive":{"jid":"`+chat+`","archived":true}}`, 200)
		if a.get(account+"/archived/"+chat, 200)["archived"] != true {
			t.Error("the chat was not archived again")
		}
	}
}

// A crowd of chats is bounded, and nobody has two numbers by it.
func TestCrowdsAreBounded(t *testing.T) {
	a := start(t)
	a.post("/v1/accounts", `{"pn":"15550006001","chats":{"count":100,"lids":80}}`, 200)
	a.post("/v1/accounts", `{"pn":"15550006002","chats":{"count":100,"lids":100,"media":true}}`, 200)
	a.post("/v1/accounts", `{"pn":"15550006003","chats":{"count":100,"lids":101}}`, 400)
	a.post("/v1/accounts", `{"pn":"15550006004","chats":{"count":100001}}`, 400)
}
