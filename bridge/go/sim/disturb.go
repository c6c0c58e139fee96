package sim

import (
	"context"
	"slices"
	"strconv"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"

	"wuts/sim/faults"
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

	actionDuplicate = "duplicate"
	actionHold      = "hold"
	actionShuffle   = "shuffle"
	actionClock     = "clock"

	whenBefore   = "before"
	whenAfter    = "after"
	whenMidFrame = "mid_frame"

	damageFrame = "frame"
	damageZlib  = "zlib"
	damageHalf  = "half"
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
		if rest(s.ctx, wait) {
			act()
		}
	}()
}

// rest waits, and returns false if the context ends first.
func rest(ctx context.Context, wait time.Duration) bool {
	if wait == 0 {
		return true
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
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
