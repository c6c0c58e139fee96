package sim

import (
	"slices"
	"strconv"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waServerSync"
	"google.golang.org/protobuf/proto"

	"wuts/sim/faults"
	"wuts/sim/syncd"
	"wuts/sim/wire"
)

// The words of the fault rules that this package acts on.
const (
	actionDelay    = "delay"
	actionClose    = "close"
	actionSwallow  = "swallow"
	actionError    = "error"
	actionConflict = "conflict"
	actionCorrupt  = "corrupt"
	actionKey      = "key"
	actionStream   = "stream"

	whenBefore = "before"
	whenAfter  = "after"
)

// match returns the rules that a stanza of this connection falls under.
func (s *stream) match(node *waBinary.Node, outgoing bool) []faults.Rule {
	stanza := faults.Stanza{Device: s.device, Outgoing: outgoing, Node: node}
	if s.account != nil {
		stanza.Account = s.account.pn.User
	}
	return s.server.faults.Match(stanza)
}

// disturbance returns the rule that something falls under which is no stanza, or nil.
func (s *Server) disturbance(happening faults.Stanza) *faults.Rule {
	if rules := s.faults.Match(happening); len(rules) > 0 {
		return &rules[0]
	}
	return nil
}

// disturbance returns the rule that an act of the phone falls under, or nil.
func (a *Account) disturbance(moment faults.Moment, device uint16, collection string) *faults.Rule {
	return a.server.disturbance(faults.Stanza{
		Moment: moment, Account: a.pn.User, Device: device, Collection: collection,
	})
}

// length is how long a rule makes something wait.
func length(rule *faults.Rule) time.Duration { return time.Duration(rule.MS) * time.Millisecond }

// after does something later, unless the server is closed before.
func (s *Server) after(wait time.Duration, act func()) {
	if !s.enter() {
		return
	}
	go func() {
		defer s.running.Done()
		select {
		case <-time.After(wait):
			act()
		case <-s.ctx.Done():
		}
	}()
}

// latency adds up the delays among the rules.
func latency(rules []faults.Rule) time.Duration {
	total := 0
	for _, rule := range rules {
		if rule.Action == actionDelay {
			total += rule.MS // the jitter is in it
		}
	}
	return time.Duration(total) * time.Millisecond
}

// has says whether one of the rules is such an action at such a moment; an empty moment is any.
func has(rules []faults.Rule, action, when string) bool {
	for _, rule := range rules {
		if rule.Action == action && (when == "" || when == rule.When) {
			return true
		}
	}
	return false
}

// replaces says whether a rule of the moment stands for the answer to a stanza.
func replaces(rules []faults.Rule, when string) bool {
	return slices.ContainsFunc([]string{actionClose, actionSwallow, actionError, actionStream},
		func(action string) bool { return has(rules, action, when) })
}

// intervene does what the first such rule of the moment says, and tells whether there was one.
func (s *stream) intervene(next arrival, when string) bool {
	for _, rule := range next.rules {
		if rule.When != when {
			continue
		}
		switch rule.Action {
		case actionClose:
			s.cut()
		case actionSwallow:
		case actionError:
			s.fail(next.node, rule)
		case actionStream:
			s.end(rule.What)
		default:
			continue
		}
		return true
	}
	return false
}

// fail answers a stanza with the error that a rule asks for.
func (s *stream) fail(node *waBinary.Node, rule faults.Rule) {
	r := request{stream: s, node: node}
	switch {
	case node.Tag == "message":
		ack := ackFor(node)
		ack.Attrs["error"] = strconv.Itoa(rule.Code)
		s.reply(ack)
	case rule.What == "collection":
		s.reply(r.result(refuseCollections(node, rule)))
	default:
		s.reply(r.failure(rule.Code, rule.Text))
	}
}

// refuseCollections is the answer to a request about app state each collection of which failed.
func refuseCollections(node *waBinary.Node, rule faults.Rule) waBinary.Node {
	child := node.GetChildByTag("sync")
	wanted := child.GetChildrenByTag("collection")
	refused := make([]waBinary.Node, len(wanted))
	for i, collection := range wanted {
		refused[i] = waBinary.Node{
			Tag:   "collection",
			Attrs: waBinary.Attrs{"name": wire.Attr(collection, "name"), "type": "error"},
			Content: []waBinary.Node{{Tag: "error", Attrs: waBinary.Attrs{
				"code": rule.Code, "text": rule.Text,
			}}},
		}
	}
	return waBinary.Node{Tag: "sync", Content: refused}
}

// end ends the connection with a stream error. A device that is told of its removal is removed.
func (s *stream) end(what string) {
	switch {
	case what == "device_removed" && s.account != nil:
		s.withDevice(func(b *batch, d *device) { b.expel(d) })
		return
	case what == "device_removed" || what == "replaced":
		node := streamConflict("", what)
		s.send(&node)
	default:
		s.send(&waBinary.Node{Tag: "stream:error", Attrs: waBinary.Attrs{"code": what}})
	}
	s.closeAfter(closeDelay)
}

// spoil returns the stanza as the rules damage it.
func (s *stream) spoil(node *waBinary.Node, rules []faults.Rule) *waBinary.Node {
	for _, rule := range rules {
		if rule.Action != actionCorrupt {
			continue
		}
		copied := clone(*node)
		if rule.What == "enc" {
			spoilMessage(&copied)
		} else {
			s.spoilPatches(&copied, rule)
		}
		node = &copied
	}
	return node
}

// spoilMessage damages the ciphertext. It is not at the end, where a first message has no MAC, and not
// in the first half, where it has keys.
func spoilMessage(node *waBinary.Node) {
	for _, child := range node.GetChildren() {
		if body, ok := child.Content.([]byte); ok && child.Tag == "enc" && len(body) > 0 {
			body[len(body)*3/4] ^= 1
		}
	}
}

// spoilPatches damages the last patch of each collection in a stanza.
func (s *stream) spoilPatches(node *waBinary.Node, rule faults.Rule) {
	child := node.GetChildByTag("sync")
	for _, collection := range child.GetChildrenByTag("collection") {
		list := collection.GetChildByTag("patches")
		patches := list.GetChildren()
		if len(patches) == 0 || rule.Collection != "" && rule.Collection != wire.Attr(collection, "name") {
			continue
		}
		last := &patches[len(patches)-1]
		whole := wire.Content(*last)
		damaged, err := syncd.Damage(whole, rule.What)
		if err == nil && rule.AtRest {
			err = s.account.damage(wire.Attr(collection, "name"), whole, rule.What)
		}
		if err != nil {
			s.server.log.Error("patch_not_damaged", "error", err)
			continue
		}
		last.Content = damaged
	}
}

// damage spoils a patch where it is stored.
func (a *Account) damage(collection string, raw []byte, part string) error {
	patch := &waServerSync.SyncdPatch{}
	if err := proto.Unmarshal(raw, patch); err != nil {
		return err
	}
	return a.book.Damage(collection, patch.GetVersion().GetVersion(), part)
}

// clone copies a stanza so far down that nothing of the copy is shared.
func clone(node waBinary.Node) waBinary.Node {
	copied := waBinary.Node{Tag: node.Tag, Attrs: waBinary.Attrs{}}
	for name, value := range node.Attrs {
		copied.Attrs[name] = value
	}
	switch content := node.Content.(type) {
	case []waBinary.Node:
		children := make([]waBinary.Node, len(content))
		for i, child := range content {
			children[i] = clone(child)
		}
		copied.Content = children
	case []byte:
		copied.Content = slices.Clone(content)
	default:
		copied.Content = content
	}
	return copied
}
