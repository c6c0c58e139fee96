package sim

import (
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"

	"wuts/sim/faults"
)

// The words of the fault rules that this package acts on.
const (
	actionDelay    = "delay"
	actionClose    = "close"
	actionSwallow  = "swallow"
	actionConflict = "conflict"

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
