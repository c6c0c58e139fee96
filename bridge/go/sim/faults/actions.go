package faults

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	waBinary "go.mau.fi/whatsmeow/binary"
)

// ErrInvalidRule is wrapped by every error of Add.
var ErrInvalidRule = errors.New("invalid fault rule")

const maxDelayMS = 10 * 60 * 1000

// action is what a kind of fault takes. Options are the parameters that it knows besides the filters;
// check completes them; fits narrows the stanzas that it can befall.
type action struct {
	options []string
	check   func(*Rule) error
	fits    func(*waBinary.Node) bool
}

// actions is everything that can go wrong so far.
var actions = map[string]action{
	"delay":    {options: []string{"ms", "jitter_ms"}, check: checkDelay},
	"close":    {options: []string{"when"}, check: checkWhen},
	"swallow":  {options: []string{"when"}, check: checkWhen},
	"conflict": {options: []string{"n", "bare"}, check: checkConflict, fits: isUpload},
}

// complete checks a rule and fills in what it leaves open.
func complete(rule *Rule) error {
	kind, ok := actions[rule.Action]
	if !ok {
		return invalid("action %q is none of %s", rule.Action, strings.Join(slices.Sorted(maps.Keys(actions)), ", "))
	}
	for _, option := range given(rule) {
		if !slices.Contains(kind.options, option) {
			return invalid("action %s takes no %s", rule.Action, option)
		}
	}
	if err := checkFilters(rule); err != nil {
		return err
	}
	if err := kind.check(rule); err != nil {
		return err
	}
	if rule.Nth > 0 && rule.Times == 0 {
		rule.Times = 1
	}
	if rule.Direction == "" {
		rule.Direction = "both"
	}
	return nil
}

// given lists the options that a rule sets, by their JSON names.
func given(rule *Rule) []string {
	var names []string
	for _, option := range []struct {
		name  string
		isSet bool
	}{
		{"ms", rule.MS != 0}, {"jitter_ms", rule.JitterMS != 0}, {"when", rule.When != ""}, {"n", rule.N != 0},
		{"bare", rule.Bare}, {"code", rule.Code != 0}, {"text", rule.Text != ""},
	} {
		if option.isSet {
			names = append(names, option.name)
		}
	}
	return names
}

func checkFilters(rule *Rule) error {
	switch {
	case rule.ID != 0:
		return invalid("id is given by the simulator")
	case !slices.Contains([]string{"", "in", "out", "both"}, rule.Direction):
		return invalid("direction %q is none of in, out, both", rule.Direction)
	case rule.Nth < 0 || rule.Times < 0:
		return invalid("nth and times can't be negative")
	case !(rule.Probability >= 0 && rule.Probability <= 1):
		return invalid("probability must be between 0 and 1")
	}
	return nil
}

func checkDelay(rule *Rule) error {
	if rule.MS < 0 || rule.JitterMS < 0 || rule.MS > maxDelayMS || rule.JitterMS > maxDelayMS {
		return invalid("ms and jitter_ms must be between 0 and %d", maxDelayMS)
	}
	if rule.MS+rule.JitterMS == 0 {
		return invalid("a delay needs ms or jitter_ms")
	}
	return nil
}

func checkWhen(rule *Rule) error {
	switch rule.When {
	case "":
		rule.When = "before"
	case "before", "after":
	default:
		return invalid("when %q is neither before nor after", rule.When)
	}
	return nil
}

func checkConflict(rule *Rule) error {
	switch {
	case rule.Direction != "" && rule.Direction != "in":
		return invalid("a conflict answers an upload: its direction is in")
	case rule.N < 0:
		return invalid("n can't be negative")
	case rule.N > 0 && rule.Times > 0:
		return invalid("n and times both say how many conflicts: give one of them")
	}
	rule.Direction = "in"
	if rule.N > 0 {
		rule.Times, rule.N = rule.N, 0
	}
	return nil
}

// isUpload says whether a stanza brings an app-state patch.
func isUpload(node *waBinary.Node) bool {
	return node.Tag == "iq" && attribute(node, "xmlns") == "w:sync:app:state" &&
		slices.ContainsFunc(collections(node), func(collection waBinary.Node) bool {
			return len(collection.GetChildrenByTag("patch")) > 0
		})
}

func invalid(format string, arguments ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalidRule, fmt.Sprintf(format, arguments...))
}
