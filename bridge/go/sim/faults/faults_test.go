package faults

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	waBinary "go.mau.fi/whatsmeow/binary"
)

const account = "15550000001"

func iq(xmlns string, children ...waBinary.Node) *waBinary.Node {
	return &waBinary.Node{Tag: "iq", Attrs: waBinary.Attrs{"xmlns": xmlns, "id": "1"}, Content: children}
}

func collection(name string, children ...waBinary.Node) waBinary.Node {
	return waBinary.Node{Tag: "collection", Attrs: waBinary.Attrs{"name": name}, Content: children}
}

func upload(name string) *waBinary.Node {
	patched := collection(name, waBinary.Node{Tag: "patch", Content: []byte{1}})
	return iq("w:sync:app:state", waBinary.Node{Tag: "sync", Content: []waBinary.Node{patched}})
}

func fetch(name string) *waBinary.Node {
	return iq("w:sync:app:state", waBinary.Node{Tag: "sync", Content: []waBinary.Node{collection(name)}})
}

func incoming(node *waBinary.Node) Stanza {
	return Stanza{Account: account, Device: 3, Node: node}
}

func mustAdd(t *testing.T, engine *Engine, rule Rule) int {
	t.Helper()
	id, err := engine.Add(rule)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// hits says which of a number of equal stanzas a rule befalls, as a row of 0 and 1.
func hits(engine *Engine, count int) string {
	var row strings.Builder
	for range count {
		row.WriteByte("01"[len(engine.Match(incoming(fetch("regular"))))])
	}
	return row.String()
}

// Each filter lets its own stanzas through and no others.
func TestFilters(t *testing.T) {
	three, four := uint16(3), uint16(4)
	notification := &waBinary.Node{Tag: "notification", Content: []waBinary.Node{collection("regular")}}
	for name, test := range map[string]struct {
		rule     Rule
		stanza   Stanza
		expected bool
	}{
		"none":               {Rule{}, incoming(fetch("regular")), true},
		"account":            {Rule{Account: account}, incoming(fetch("regular")), true},
		"other account":      {Rule{Account: "15550000002"}, incoming(fetch("regular")), false},
		"device":             {Rule{Device: &three}, incoming(fetch("regular")), true},
		"other device":       {Rule{Device: &four}, incoming(fetch("regular")), false},
		"in":                 {Rule{Direction: "in"}, incoming(fetch("regular")), true},
		"out":                {Rule{Direction: "out"}, incoming(fetch("regular")), false},
		"both":               {Rule{Direction: "both"}, Stanza{Outgoing: true, Node: notification}, true},
		"outgoing":           {Rule{Direction: "out"}, Stanza{Outgoing: true, Node: notification}, true},
		"tag":                {Rule{Tag: "iq"}, incoming(fetch("regular")), true},
		"other tag":          {Rule{Tag: "message"}, incoming(fetch("regular")), false},
		"xmlns":              {Rule{XMLNS: "w:sync:app:state"}, incoming(fetch("regular")), true},
		"other xmlns":        {Rule{XMLNS: "encrypt"}, incoming(fetch("regular")), false},
		"child":              {Rule{Child: "sync"}, incoming(fetch("regular")), true},
		"other child":        {Rule{Child: "query"}, incoming(fetch("regular")), false},
		"collection":         {Rule{Collection: "regular"}, incoming(fetch("regular")), true},
		"notified":           {Rule{Collection: "regular"}, incoming(notification), true},
		"other collection":   {Rule{Collection: "regular"}, incoming(fetch("regular_low")), false},
		"no node":            {Rule{}, incoming(nil), false},
		"conflict":           {Rule{Action: "conflict"}, incoming(upload("regular")), true},
		"conflict in fetch":  {Rule{Action: "conflict"}, incoming(fetch("regular")), false},
		"conflict elsewhere": {Rule{Action: "conflict", Collection: "x"}, incoming(upload("regular")), false},
	} {
		t.Run(name, func(t *testing.T) {
			engine := New(1)
			if test.rule.Action == "" {
				test.rule.Action = "swallow"
			}
			mustAdd(t, engine, test.rule)
			if matched := len(engine.Match(test.stanza)) == 1; matched != test.expected {
				t.Fatalf("matched: %v", matched)
			}
		})
	}
}

// Nth passes over what comes before it and means one stanza, Times bounds, and both together start at the
// Nth; what is used up is gone from the list.
func TestCounting(t *testing.T) {
	for _, test := range []struct {
		nth, times int
		expected   string
	}{{0, 0, "111111"}, {1, 0, "100000"}, {3, 0, "001000"}, {0, 2, "110000"}, {3, 2, "001100"}} {
		engine := New(1)
		mustAdd(t, engine, Rule{Action: "swallow", Nth: test.nth, Times: test.times})
		if row := hits(engine, 6); row != test.expected {
			t.Fatalf("nth %d, times %d: %s", test.nth, test.times, row)
		}
		if isListed := len(engine.List()) == 1; isListed != (test.times+test.nth == 0) {
			t.Fatalf("nth %d, times %d: listed %v", test.nth, test.times, isListed)
		}
	}
}

// What doesn't match a filter isn't counted.
func TestOtherStanzasAreNotCounted(t *testing.T) {
	engine := New(1)
	mustAdd(t, engine, Rule{Action: "swallow", Tag: "iq", Nth: 2})
	for range 5 {
		engine.Match(incoming(&waBinary.Node{Tag: "message"}))
	}
	if row := hits(engine, 3); row != "010" {
		t.Fatal(row)
	}
}

// A probability hits its share, and equal seeds give equal rows.
func TestProbabilityIsSeeded(t *testing.T) {
	rows := make([]string, 3)
	for i, seed := range []int64{7, 7, 8} {
		engine := New(seed)
		mustAdd(t, engine, Rule{Action: "swallow", Probability: 0.25})
		rows[i] = hits(engine, 2000)
	}
	if share := strings.Count(rows[0], "1"); share < 400 || share > 600 {
		t.Fatalf("%d of 2000 at a probability of 0.25", share)
	}
	if rows[0] != rows[1] || rows[0] == rows[2] {
		t.Fatal("the seed does not decide")
	}
}

// Every rule that matches is returned in order of addition, ids are never used twice, and rules can go.
func TestSeveralRules(t *testing.T) {
	engine := New(1)
	first := mustAdd(t, engine, Rule{Action: "delay", MS: 5})
	second := mustAdd(t, engine, Rule{Action: "close", When: "after"})
	matched := engine.Match(incoming(fetch("regular")))
	if len(matched) != 2 || matched[0].ID != first || matched[1].ID != second || matched[1].When != "after" {
		t.Fatalf("matched %+v", matched)
	}
	if !engine.Remove(first) || engine.Remove(first) || len(engine.List()) != 1 {
		t.Fatal("a rule was not removed once")
	}
	engine.Clear()
	if len(engine.List()) != 0 || len(engine.Match(incoming(fetch("regular")))) != 0 {
		t.Fatal("rules outlived Clear")
	}
	if third := mustAdd(t, engine, Rule{Action: "swallow"}); third <= second {
		t.Fatalf("id %d after %d", third, second)
	}
}

// A delay's jitter is drawn when it matches, between nothing and its bound, and the rule keeps it.
func TestJitterIsDrawn(t *testing.T) {
	engine := New(1)
	mustAdd(t, engine, Rule{Action: "delay", MS: 100, JitterMS: 50})
	seen := make(map[int]bool)
	for range 200 {
		rule := engine.Match(incoming(fetch("regular")))[0]
		if rule.MS < 100 || rule.MS > 150 || rule.JitterMS != 0 {
			t.Fatalf("drawn %+v", rule)
		}
		seen[rule.MS] = true
	}
	if len(seen) < 10 || engine.List()[0].JitterMS != 50 || engine.List()[0].MS != 100 {
		t.Fatalf("%d lengths, rule %+v", len(seen), engine.List()[0])
	}
}

// Open fields are completed: both directions, before, and n conflicts are n times.
func TestCompletion(t *testing.T) {
	engine := New(1)
	mustAdd(t, engine, Rule{Action: "swallow"})
	mustAdd(t, engine, Rule{Action: "conflict", N: 2, Bare: true})
	rules := engine.List()
	if rules[0].Direction != "both" || rules[0].When != "before" {
		t.Fatalf("swallow %+v", rules[0])
	}
	if rules[1].Direction != "in" || rules[1].Times != 2 || !rules[1].Bare {
		t.Fatalf("conflict %+v", rules[1])
	}
	rules[0].Direction = "out"
	if engine.List()[0].Direction != "both" {
		t.Fatal("a caller can change the engine's rule")
	}
}

// A rule that makes no sense is refused, and the sentence names what is wrong.
func TestInvalidRules(t *testing.T) {
	for mention, rule := range map[string]Rule{
		`action "explode" is none of`:            {Action: "explode"},
		`action "" is none of`:                   {},
		"takes no when":                          {Action: "delay", MS: 5, When: "after"},
		"swallow takes no ms":                    {Action: "swallow", MS: 5},
		"takes no code":                          {Action: "close", Code: 500},
		"takes no text":                          {Action: "close", Text: "x"},
		"takes no bare":                          {Action: "close", Bare: true},
		"takes no n":                             {Action: "swallow", N: 1},
		"needs ms":                               {Action: "delay"},
		"between 0 and 600000":                   {Action: "delay", MS: 600_001},
		"ms and jitter_ms":                       {Action: "delay", MS: 5, JitterMS: -1},
		"neither before nor after":               {Action: "swallow", When: "during"},
		`direction "up"`:                         {Action: "swallow", Direction: "up"},
		"nth and times":                          {Action: "swallow", Times: -1},
		"probability":                            {Action: "swallow", Probability: 1.5},
		"id is given":                            {Action: "swallow", ID: 4},
		"the direction of action conflict is in": {Action: "conflict", Direction: "both"},
		"action delay takes no what":             {Action: "delay", What: "x", MS: 1},
		"is none of 403, 404":                    {Action: "media", What: "500"},
		"code must have three":                   {Action: "error", Code: 7},
		"not kept":                               {Action: "corrupt", What: "enc", AtRest: true},
		"needs a reason":                         {Action: "failure"},
		"code and expire_s":                      {Action: "failure", Reason: 402, ExpireS: -1},
		"takes no direction":                     {Action: "failure", Reason: 503, Tag: "iq"},
		"belongs to what late":                   {Action: "key", What: "never", MS: 1},
		"a delay needs":                          {Action: "key", What: "late"},
		"cut mid_frame":                          {Action: "close", When: "mid_frame", Direction: "in"},
		"between 1 and":                          {Action: "duplicate", N: -1},
		"between 2 and":                          {Action: "shuffle", N: 1},
		"needs offset_s":                         {Action: "clock"},
		"no account, device":                     {Action: "capacity", What: "silent", Account: "1"},
		"belongs to what slow":                   {Action: "capacity", What: "silent", MS: 1},
		"n can't be negative":                    {Action: "conflict", N: -1},
		"n and times both say how many":          {Action: "conflict", N: 1, Times: 1},
	} {
		_, err := New(1).Add(rule)
		if !errors.Is(err, ErrInvalidRule) || !strings.Contains(err.Error(), mention) {
			t.Errorf("%s: %v", mention, err)
		}
	}
}

// A rule that befalls something else than a stanza matches that and no stanza, and by its own filters.
func TestMoments(t *testing.T) {
	engine := New(1)
	mustAdd(t, engine, Rule{Action: "recovery", What: "never", Account: "1", Collection: "regular"})
	for _, stanza := range []Stanza{
		incoming(fetch("regular")), {Moment: OnRecovery, Account: "2", Collection: "regular"},
		{Moment: OnRecovery, Account: "1", Collection: "regular_low"}, {Moment: OnLogin, Account: "1"},
	} {
		if matched := engine.Match(stanza); len(matched) != 0 {
			t.Errorf("%+v matched %+v", matched, stanza)
		}
	}
	if len(engine.Match(Stanza{Moment: OnRecovery, Account: "1", Collection: "regular"})) != 1 {
		t.Error("the request was not matched")
	}
}

// Every action has a line in the help, can be added with nothing but what it needs, and says which
// variants it has when it is given another one.
func TestEveryAction(t *testing.T) {
	needs := map[string]Rule{
		"delay": {MS: 1}, "clock": {OffsetS: 1}, "failure": {Reason: 503},
		"late": {MS: 1}, "slow_reader": {MS: 1},
	}
	for name, kind := range actions {
		if !strings.Contains(Help(), "\n  "+name+" ") && !strings.HasPrefix(Help(), "  "+name+" ") {
			t.Errorf("the help does not mention %s", name)
		}
		for what := range kind.whats {
			rule := needs[name]
			if other, ok := needs[what]; ok {
				rule = other
			}
			rule.Action, rule.What = name, what
			mustAdd(t, New(1), rule)
		}
		if _, err := New(1).Add(Rule{Action: name, What: "unheard"}); !errors.Is(err, ErrInvalidRule) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Rules are snake case in JSON, and what isn't set is absent.
func TestRuleShape(t *testing.T) {
	text, _ := json.Marshal(Rule{ID: 1, Direction: "both", Action: "delay", MS: 25, JitterMS: 5, XMLNS: "x"})
	if string(text) != `{"id":1,"direction":"both","xmlns":"x","action":"delay","ms":25,"jitter_ms":5}` {
		t.Fatal(string(text))
	}
}

// Matching from many goroutines counts every stanza once.
func TestConcurrentMatches(t *testing.T) {
	engine := New(1)
	mustAdd(t, engine, Rule{Action: "swallow", Times: 50})
	counts := make([]int, 20)
	var done sync.WaitGroup
	for i := range counts {
		done.Go(func() {
			for range 10 {
				counts[i] += len(engine.Match(incoming(fetch("regular"))))
			}
		})
	}
	done.Wait()
	total := 0
	for _, count := range counts {
		total += count
	}
	if total != 50 || slices.Max(counts) > 10 {
		t.Fatalf("%d matches", total)
	}
}
