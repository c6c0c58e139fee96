package faults

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ErrInvalidRule is wrapped by every error of Add.
var ErrInvalidRule = errors.New("invalid fault rule")

const (
	maxDelayMS     = 10 * 60 * 1000
	maxCopies      = 1000
	defaultWindow  = 4
	defaultFlushMS = 500
)

// errorTexts are the words that go with the codes of an IQ error; clients compare both.
var errorTexts = map[int]string{
	400: "bad-request", 401: "not-authorized", 403: "forbidden", 404: "item-not-found",
	405: "not-allowed", 406: "not-acceptable", 409: "conflict", 410: "gone", 419: "resource-limit",
	423: "locked", 429: "rate-overlimit", 500: "internal-server-error",
	501: "feature-not-implemented", 503: "service-unavailable", 530: "partial-server-error",
}

// complete checks a rule and fills in what it leaves open.
func complete(rule *Rule) error {
	kind, ok := actions[rule.Action]
	if !ok {
		return invalid("action %q is none of %s", rule.Action, strings.Join(slices.Sorted(maps.Keys(actions)), ", "))
	}
	if err := checkOptions(kind, rule); err != nil {
		return err
	}
	if err := checkFilters(rule); err != nil {
		return err
	}
	if err := checkDirection(kind, rule); err != nil {
		return err
	}
	if err := kind.check(rule); err != nil {
		return err
	}
	if rule.Nth > 0 && rule.Times == 0 {
		rule.Times = 1
	}
	return nil
}

func checkOptions(kind action, rule *Rule) error {
	for _, option := range given(rule) {
		if !slices.Contains(kind.options, option) {
			return invalid("action %s takes no %s", rule.Action, option)
		}
	}
	if _, ok := kind.whats[rule.What]; ok {
		return nil
	}
	known := slices.Sorted(maps.Keys(kind.whats))
	if len(known) == 1 && known[0] == "" {
		return invalid("action %s takes no what", rule.Action)
	}
	return invalid("what %q of action %s is none of %s", rule.What, rule.Action, strings.Join(known, ", "))
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
		{"reason", rule.Reason != 0}, {"expire_s", rule.ExpireS != 0}, {"at_rest", rule.AtRest},
		{"offset_s", rule.OffsetS != 0},
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

// checkDirection holds an action to its own direction, and one that befalls no stanza to filters that
// have nothing to do with stanzas.
func checkDirection(kind action, rule *Rule) error {
	if moment := kind.whats[rule.What]; moment != OnStanza {
		if rule.Direction+rule.Tag+rule.XMLNS+rule.Child != "" {
			return invalid("action %s befalls a %s, not a stanza: it takes no direction, tag, xmlns or child",
				rule.Action, moment)
		}
		return nil
	}
	if kind.direction != "" && rule.Direction != "" && rule.Direction != kind.direction {
		return invalid("the direction of action %s is %s", rule.Action, kind.direction)
	}
	if rule.Direction == "" {
		rule.Direction = kind.direction
	}
	if rule.Direction == "" {
		rule.Direction = "both"
	}
	return nil
}

func checkNothing(*Rule) error { return nil }

func checkDelay(rule *Rule) error {
	if rule.MS < 0 || rule.JitterMS < 0 || rule.MS > maxDelayMS || rule.JitterMS > maxDelayMS {
		return invalid("ms and jitter_ms must be between 0 and %d", maxDelayMS)
	}
	if rule.MS+rule.JitterMS == 0 {
		return invalid("a delay needs ms or jitter_ms")
	}
	return nil
}

// checkLate wants a length of time of the variant that is late, and of no other.
func checkLate(rule *Rule) error {
	if rule.What == "late" {
		return checkDelay(rule)
	}
	if rule.MS != 0 {
		return invalid("ms belongs to what late")
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

// checkClose knows one moment more than others: a frame that is written in part.
func checkClose(rule *Rule) error {
	if rule.When != "mid_frame" {
		return checkWhen(rule)
	}
	if rule.Direction == "in" {
		return invalid("only what goes out can be cut mid_frame")
	}
	rule.Direction = "out"
	return nil
}

func checkDuplicate(rule *Rule) error {
	if rule.N < 0 || rule.N > maxCopies {
		return invalid("n must be between 1 and %d", maxCopies)
	}
	rule.N = max(rule.N, 1)
	return nil
}

func checkShuffle(rule *Rule) error {
	if rule.N == 0 {
		rule.N = defaultWindow
	}
	if rule.MS == 0 {
		rule.MS = defaultFlushMS
	}
	if rule.N < 2 || rule.N > maxCopies {
		return invalid("n must be between 2 and %d", maxCopies)
	}
	return checkDelay(rule)
}

func checkClock(rule *Rule) error {
	if rule.OffsetS == 0 {
		return invalid("a clock that is wrong needs offset_s")
	}
	return nil
}

func checkCapacity(rule *Rule) error {
	if rule.Account != "" || rule.Device != nil || rule.Collection != "" {
		return invalid("a connection has no account, device or collection yet")
	}
	if rule.What == "slow_reader" {
		return checkDelay(rule)
	}
	if rule.MS != 0 {
		return invalid("ms belongs to what slow_reader")
	}
	return nil
}

func checkConflict(rule *Rule) error {
	switch {
	case rule.N < 0:
		return invalid("n can't be negative")
	case rule.N > 0 && rule.Times > 0:
		return invalid("n and times both say how many conflicts: give one of them")
	}
	if rule.N > 0 {
		rule.Times, rule.N = rule.N, 0
	}
	return nil
}

func checkError(rule *Rule) error {
	if rule.Code == 0 {
		rule.Code = 500
	}
	if rule.Code < 100 || rule.Code > 999 {
		return invalid("code must have three digits")
	}
	if rule.Text == "" {
		rule.Text = errorTexts[rule.Code]
	}
	return checkWhen(rule)
}

func checkCorrupt(rule *Rule) error {
	if rule.AtRest && !strings.HasSuffix(rule.What, "_mac") {
		return invalid("%s is not kept: it can't be damaged at rest", rule.What)
	}
	return nil
}

func checkFailure(rule *Rule) error {
	switch {
	case rule.Reason < 100 || rule.Reason > 999:
		return invalid("a failure needs a reason of three digits")
	case rule.Code < 0 || rule.ExpireS < 0:
		return invalid("code and expire_s can't be negative")
	}
	return nil
}

func invalid(format string, arguments ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalidRule, fmt.Sprintf(format, arguments...))
}
