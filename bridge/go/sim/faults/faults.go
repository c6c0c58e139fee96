// Package faults decides which stanzas of the simulator go wrong, and how. It only decides: to delay, drop
// or close is up to whoever carries the stanza.
package faults

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"

	waBinary "go.mau.fi/whatsmeow/binary"
)

// Moment is what a fault befalls: a stanza on its way, or something that the server or a phone does.
type Moment string

// The moments that can go wrong.
const (
	OnStanza     Moment = ""
	OnConnect    Moment = "connection"
	OnLogin      Moment = "login"
	OnWelcome    Moment = "successful login"
	OnSession    Moment = "first message in a session"
	OnBundle     Moment = "request for prekeys"
	OnShare      Moment = "key share"
	OnKeyRequest Moment = "key request"
	OnRecovery   Moment = "recovery request"
	OnWrite      Moment = "write of the phone"
	OnDownload   Moment = "download"
	OnRead       Moment = "message at its recipient"
)

// Stanza is one stanza on its way; at another moment there is no node, and perhaps a collection.
type Stanza struct {
	Moment     Moment
	Account    string
	Device     uint16
	Outgoing   bool // server to client
	Node       *waBinary.Node
	Collection string
}

// Rule says what an action befalls. Empty filters match everything; Direction is "in" (client to
// server), "out" or "both". Nth passes over the matches before it and alone means that one only; Times
// bounds the matches that count (0: all). Probability is 0…1, 0 like 1 means always.
//
// What is the variant of an action. MS and JitterMS are lengths of time, When says whether a stanza is
// applied "before" or "after" it goes wrong, Collection and Bare (a 409 without a foreign mutation)
// belong to conflict; N is a number of times. The table of the actions says who takes what.
type Rule struct {
	ID          int     `json:"id,omitempty"`
	Account     string  `json:"account,omitempty"`
	Device      *uint16 `json:"device,omitempty"`
	Direction   string  `json:"direction,omitempty"`
	Tag         string  `json:"tag,omitempty"`
	XMLNS       string  `json:"xmlns,omitempty"`
	Child       string  `json:"child,omitempty"`
	Collection  string  `json:"collection,omitempty"`
	Nth         int     `json:"nth,omitempty"`
	Times       int     `json:"times,omitempty"`
	Probability float64 `json:"probability,omitempty"`
	Action      string  `json:"action,omitempty"`
	What        string  `json:"what,omitempty"`
	MS          int     `json:"ms,omitempty"`
	JitterMS    int     `json:"jitter_ms,omitempty"`
	When        string  `json:"when,omitempty"`
	N           int     `json:"n,omitempty"`
	Bare        bool    `json:"bare,omitempty"`
	Code        int     `json:"code,omitempty"`
	Text        string  `json:"text,omitempty"`
	Reason      int     `json:"reason,omitempty"`
	ExpireS     int     `json:"expire_s,omitempty"`
	AtRest      bool    `json:"at_rest,omitempty"`
	OffsetS     int     `json:"offset_s,omitempty"`
}

// Engine holds the rules of a simulator.
//
// Its mutex guards the rules and the random numbers. Nothing blocks under it.
type Engine struct {
	mu     sync.Mutex
	random *rand.Rand
	lastID int
	rules  []*Rule
}

// New makes an engine without rules. Of equal seeds and stanzas come equal decisions.
func New(seed int64) *Engine {
	return &Engine{random: rand.New(rand.NewPCG(uint64(seed), 0))}
}

// Add checks a rule, completes it and puts it after the others. The error says in a sentence what is wrong.
func (e *Engine) Add(rule Rule) (int, error) {
	if err := complete(&rule); err != nil {
		return 0, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lastID++
	rule.ID = e.lastID
	e.rules = append(e.rules, &rule)
	return rule.ID, nil
}

// List returns the rules that still can match, with what is left of their Nth and Times.
func (e *Engine) List() []Rule {
	e.mu.Lock()
	defer e.mu.Unlock()
	rules := make([]Rule, len(e.rules))
	for i, rule := range e.rules {
		rules[i] = rule.clone()
	}
	return rules
}

// Remove takes a rule away, and says whether it was there.
func (e *Engine) Remove(id int) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	before := len(e.rules)
	e.rules = slices.DeleteFunc(e.rules, func(rule *Rule) bool { return rule.ID == id })
	return len(e.rules) < before
}

// Clear takes every rule away.
func (e *Engine) Clear() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.rules = nil
}

// Shuffle brings things into an order that follows from the seed.
func (e *Engine) Shuffle(count int, swap func(i, j int)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.random.Shuffle(count, swap)
}

// Match returns every rule that befalls the stanza, in the order in which they were added, and counts them
// down; one that is used up is gone. In a returned delay the jitter is drawn: its MS is the whole length.
func (e *Engine) Match(stanza Stanza) []Rule {
	e.mu.Lock()
	defer e.mu.Unlock()
	var matched []Rule
	e.rules = slices.DeleteFunc(e.rules, func(rule *Rule) bool {
		if !rule.fits(stanza) || !e.counts(rule) {
			return false
		}
		matched = append(matched, e.draw(rule))
		if rule.Times == 0 {
			return false
		}
		rule.Times--
		return rule.Times == 0
	})
	return matched
}

// counts passes over the matches before the Nth, and then throws the dice.
func (e *Engine) counts(rule *Rule) bool {
	if rule.Nth > 1 {
		rule.Nth--
		return false
	}
	return rule.Probability == 0 || e.random.Float64() < rule.Probability
}

func (e *Engine) draw(rule *Rule) Rule {
	drawn := rule.clone()
	if drawn.JitterMS > 0 {
		drawn.MS += e.random.IntN(drawn.JitterMS + 1)
		drawn.JitterMS = 0
	}
	return drawn
}

func (r *Rule) clone() Rule {
	copied := *r
	if r.Device != nil {
		device := *r.Device
		copied.Device = &device
	}
	return copied
}

func (r *Rule) fits(stanza Stanza) bool {
	moment := actions[r.Action].whats[r.What]
	if moment != stanza.Moment ||
		(r.Account != "" && r.Account != stanza.Account) ||
		(r.Device != nil && *r.Device != stanza.Device) {
		return false
	}
	if moment != OnStanza {
		return r.Collection == "" || r.Collection == stanza.Collection
	}
	return stanza.Node != nil && r.fitsNode(stanza.Node, stanza.Outgoing)
}

func (r *Rule) fitsNode(node *waBinary.Node, outgoing bool) bool {
	direction, narrows := "in", actions[r.Action].fits
	if outgoing {
		direction = "out"
	}
	return (r.Direction == "both" || r.Direction == direction) &&
		(r.Tag == "" || r.Tag == node.Tag) &&
		(r.XMLNS == "" || r.XMLNS == attribute(node, "xmlns")) &&
		(r.Child == "" || len(node.GetChildrenByTag(r.Child)) > 0) &&
		(r.Collection == "" || slices.ContainsFunc(collections(node), r.isCollection)) &&
		(narrows == nil || narrows(r, node))
}

func (r *Rule) isCollection(node waBinary.Node) bool {
	return attribute(&node, "name") == r.Collection
}

// collections lists the app-state collections in a stanza: in the <sync> of an IQ, or directly in a
// notification.
func collections(node *waBinary.Node) []waBinary.Node {
	found := node.GetChildrenByTag("collection")
	for _, sync := range node.GetChildrenByTag("sync") {
		found = append(found, sync.GetChildrenByTag("collection")...)
	}
	return found
}

func attribute(node *waBinary.Node, name string) string {
	value, ok := node.Attrs[name]
	if !ok || value == nil {
		return ""
	}
	return fmt.Sprint(value)
}
