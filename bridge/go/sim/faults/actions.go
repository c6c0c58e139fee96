package faults

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	waBinary "go.mau.fi/whatsmeow/binary"
)

// action is a kind of fault. Whats are the variants of it with the moment that each befalls; the empty
// variant is the one that a rule without "what" means. Options are the other parameters that it knows;
// direction is the only one that it has, empty for any; check completes a rule; fits narrows the stanzas
// that it can befall; help is its line in the program's help.
type action struct {
	whats     map[string]Moment
	options   []string
	direction string
	check     func(*Rule) error
	fits      func(*Rule, *waBinary.Node) bool
	help      string
}

// plain is an action without variants that befalls stanzas.
var plain = map[string]Moment{"": OnStanza}

// actions is everything that can go wrong.
var actions = map[string]action{
	"delay": {
		whats: plain, options: []string{"ms", "jitter_ms"}, check: checkDelay,
		help: "ms, jitter_ms: everything behind it waits too",
	},
	"close": {
		whats: plain, options: []string{"when"}, check: checkClose,
		help: "when before|after|mid_frame: cuts the connection",
	},
	"swallow": {
		whats: plain, options: []string{"when"}, check: checkWhen,
		help: "when before|after: the stanza, or only its answer, gets lost",
	},
	"error": {
		whats:   map[string]Moment{"": OnStanza, "collection": OnStanza},
		options: []string{"code", "text", "when"}, direction: "in", check: checkError, fits: canFail,
		help: "code, text, when: an IQ gets an error, a message an ack with one; collection puts it\n" +
			"into an otherwise good answer about app state",
	},
	"conflict": {
		whats: plain, options: []string{"n", "bare"}, direction: "in", check: checkConflict,
		fits: func(_ *Rule, node *waBinary.Node) bool { return isUpload(node) },
		help: "n, bare: the phone writes just before an upload; bare refuses it without that",
	},
	"corrupt": {
		whats: map[string]Moment{
			"snapshot_mac": OnStanza, "patch_mac": OnStanza, "value_mac": OnStanza, "index_mac": OnStanza,
			"enc": OnStanza, "frame": OnStanza, "zlib": OnStanza,
		},
		options: []string{"at_rest"}, direction: "out", check: checkCorrupt, fits: isDamageable,
		help: "a MAC: of the last app-state patch of a stanza (at_rest: of every later copy too); enc: a\n" +
			"message; frame, zlib: the whole stanza, encrypted or compressed",
	},
	"key": {
		whats: map[string]Moment{
			"withhold": OnShare, "unknown": OnWrite, "rotate": OnStanza,
			"late": OnKeyRequest, "never": OnKeyRequest, "partly": OnKeyRequest,
		},
		options: []string{"ms"}, direction: "in", check: checkLate, fits: isKeyRotation,
		help: "withhold: the phone shares no app-state keys; unknown: it writes with a key that nobody\n" +
			"has; rotate: it shares a new one before an upload; late (ms), never, partly: how it\n" +
			"answers when a device asks for keys",
	},
	"duplicate": {
		whats: plain, options: []string{"n"}, direction: "out", check: checkDuplicate,
		help: "n: how often a stanza comes once more",
	},
	"hold": {
		whats: plain, direction: "out", check: checkNothing,
		help: "keeps stanzas back until POST /v1/faults/release",
	},
	"shuffle": {
		whats: plain, options: []string{"n", "ms"}, direction: "out", check: checkShuffle,
		help: "n, ms: gathers so many stanzas, or for so long, and sends them in another order",
	},
	"clock": {
		whats: plain, options: []string{"offset_s"}, direction: "out", check: checkClock,
		help: "offset_s: what a stanza says about its time is wrong by so much",
	},
	"capacity": {
		whats: map[string]Moment{
			"refused": OnConnect, "silent": OnConnect, "slow_reader": OnConnect,
		},
		options: []string{"ms"}, check: checkCapacity,
		help: "refused: a connection is dropped; silent: it is accepted, and that was all; slow_reader:\n" +
			"the server takes ms for each frame",
	},
	"prekeys": {
		whats: map[string]Moment{"drain": OnWelcome, "none": OnSession, "stale": OnSession,
			"bad_signature": OnBundle},
		check: checkNothing,
		help: "drain: a device's one-time prekeys are gone when it logs in; none: the phone opens a\n" +
			"session without one; stale: it uses a signed prekey that the device does not have;\n" +
			"bad_signature: what a device fetches of another one's is signed wrongly",
	},
	"recovery": {
		whats:   map[string]Moment{"never": OnRecovery, "late": OnRecovery, "bad": OnRecovery},
		options: []string{"ms"}, check: checkLate,
		help: "how the phone answers a device that asks for a copy of a collection: never, late (ms),\n" +
			"or bad, with a hash that is not that of the copy",
	},
	"media": {
		whats: map[string]Moment{
			"404": OnDownload, "403": OnDownload, "truncated": OnDownload, "wrong_hash": OnDownload,
		},
		check: checkNothing, help: "how the download of an account's snapshot fails",
	},
	"retry": {
		whats: map[string]Moment{"": OnRead}, check: checkNothing,
		help: "somebody can't read a device's message, and asks for it again",
	},
	"stream": {
		whats: map[string]Moment{
			"515": OnStanza, "503": OnStanza, "replaced": OnStanza, "device_removed": OnStanza,
		},
		options: []string{"when"}, direction: "in", check: checkWhen,
		help: "when: the connection ends with that error; device_removed unlinks the device",
	},
	"failure": {
		whats: map[string]Moment{"": OnLogin}, options: []string{"reason", "code", "expire_s", "text"},
		check: checkFailure,
		help:  "reason, code, expire_s, text: a login, or the connection for a pairing, is refused",
	},
}

// Help describes every action, one or more lines each.
func Help() string {
	var help strings.Builder
	for _, name := range slices.Sorted(maps.Keys(actions)) {
		kind := actions[name]
		variants := strings.TrimPrefix(strings.Join(slices.Sorted(maps.Keys(kind.whats)), "|"), "|")
		if variants != "" {
			variants = "what " + variants + "\n"
		}
		text := strings.ReplaceAll(variants+kind.help, "\n", "\n             ")
		fmt.Fprintf(&help, "  %-10s %s\n", name, text)
	}
	return help.String()
}

// isUpload says whether a stanza brings an app-state patch.
func isUpload(node *waBinary.Node) bool {
	return node.Tag == "iq" && attribute(node, "xmlns") == "w:sync:app:state" &&
		slices.ContainsFunc(collections(node), func(collection waBinary.Node) bool {
			return len(collection.GetChildrenByTag("patch")) > 0
		})
}

func isKeyRotation(rule *Rule, node *waBinary.Node) bool {
	return rule.What == "rotate" && isUpload(node)
}

// canFail says whether a stanza of a client has an answer that can be an error.
func canFail(rule *Rule, node *waBinary.Node) bool {
	if rule.What == "collection" {
		return len(collections(node)) > 0
	}
	kind := attribute(node, "type")
	return node.Tag == "message" || node.Tag == "iq" && (kind == "get" || kind == "set")
}

// isDamageable says whether a stanza has the part that is to be damaged.
func isDamageable(rule *Rule, node *waBinary.Node) bool {
	switch rule.What {
	case "frame", "zlib":
		return true
	case "enc":
		return node.Tag == "message" && len(node.GetChildrenByTag("enc")) > 0
	}
	return slices.ContainsFunc(collections(node), func(collection waBinary.Node) bool {
		return len(collection.GetChildrenByTag("patches")) > 0
	})
}
