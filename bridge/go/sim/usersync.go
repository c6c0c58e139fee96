package sim

import (
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"wuts/sim/wire"
)

// answerUserSync answers a query about users, protocol by protocol. Of what is asked for, the
// simulator knows LIDs and linked devices; the rest comes back empty.
func answerUserSync(r request) {
	query := r.node.GetChildByTag("usync")
	protocols := query.GetChildByTag("query")
	list := query.GetChildByTag("list")
	var users []waBinary.Node
	for _, user := range list.GetChildren() {
		jid, ok := user.Attrs["jid"].(types.JID)
		if !ok {
			continue
		}
		answer := waBinary.Node{Tag: "user", Attrs: waBinary.Attrs{"jid": jid}}
		var content []waBinary.Node
		for _, protocol := range protocols.GetChildren() {
			if part, known := r.stream.account.describe(jid, protocol.Tag); known {
				content = append(content, part)
			}
		}
		answer.Content = content
		users = append(users, answer)
	}
	r.stream.reply(r.result(waBinary.Node{
		Tag: "usync",
		Attrs: waBinary.Attrs{
			"sid": wire.Attr(query, "sid"), "mode": wire.Attr(query, "mode"),
			"last": "true", "index": "0", "context": wire.Attr(query, "context"),
		},
		Content: []waBinary.Node{{Tag: "result"}, {Tag: "list", Content: users}},
	}))
}

// describe answers one protocol for one user.
func (a *Account) describe(jid types.JID, protocol string) (waBinary.Node, bool) {
	switch protocol {
	case "lid":
		lid, ok := a.server.lidOf(jid)
		return waBinary.Node{Tag: "lid", Attrs: waBinary.Attrs{"val": lid}}, ok
	case "devices":
		return a.deviceList(jid), true
	default:
		return waBinary.Node{Tag: protocol}, true
	}
}

func (s *Server) lidOf(jid types.JID) (types.JID, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.directory.lidOf(jid)
}

// deviceList names the devices of a user: whoever is not the account's owner has one.
func (a *Account) deviceList(jid types.JID) waBinary.Node {
	devices := []waBinary.Node{{Tag: "device", Attrs: waBinary.Attrs{"id": "0"}}}
	if a.isOwn(jid) {
		a.mu.Lock()
		for _, d := range a.sorted() {
			devices = append(devices, waBinary.Node{Tag: "device", Attrs: waBinary.Attrs{
				"id": int(d.ID), "key-index": d.KeyIndex,
			}})
		}
		a.mu.Unlock()
	}
	return waBinary.Node{Tag: "devices", Content: []waBinary.Node{
		{Tag: "device-list", Content: devices},
		{Tag: "key-index-list", Attrs: waBinary.Attrs{"ts": time.Now().Unix()}},
	}}
}

// knows says whether there is somebody of that phone number or LID.
func (s *Server) knows(jid types.JID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := s.directory.lids
	if jid.Server == types.HiddenUserServer {
		names = s.directory.phones
	}
	_, known := names[jid.User]
	return known
}
