package wa

import (
	"sync"

	waBinary "go.mau.fi/whatsmeow/binary"
	waLog "go.mau.fi/whatsmeow/util/log"
)

// tap sees every stanza that comes, before it is handled, and every one that goes: whatsmeow shows them to
// its log, and whole nowhere else. It must not block. Nothing is logged.
//
// mu guards the map; nothing blocks under it.
type tap struct {
	waLog.Logger

	mu       sync.Mutex
	underWay map[string]passage // messages, by id
}

// passage is what is seen of a message on its way.
type passage struct {
	isReadable bool // its recipient has got a copy
	code       int  // of the server's refusal, or 0
}

func newTap() *tap {
	return &tap{Logger: waLog.Noop, underWay: map[string]passage{}}
}

// Sub returns the log of a part of whatsmeow.
func (t *tap) Sub(module string) waLog.Logger {
	switch module {
	case "Recv":
		return stanzaLog{t.Logger, t.seeComing}
	case "Send":
		return stanzaLog{t.Logger, t.seeGoing}
	}
	return t.Logger
}

// stanzaLog is a log that stanzas are shown to.
type stanzaLog struct {
	waLog.Logger
	see func(*waBinary.Node)
}

// Debugf takes the stanza of what is logged.
func (l stanzaLog) Debugf(_ string, shown ...any) {
	for _, value := range shown {
		if node, ok := value.(*waBinary.Node); ok {
			l.see(node)
		}
	}
}

func (t *tap) seeComing(node *waBinary.Node) {
	switch node.Tag {
	case "call":
		markOffline(node)
	case "ack":
		attributes := node.AttrGetter()
		if code := attributes.OptionalInt("error"); code != 0 {
			t.note(attributes.OptionalString("id"), func(p *passage) { p.code = code })
		}
	}
}

func (t *tap) seeGoing(node *waBinary.Node) {
	if node.Tag != "message" {
		return
	}
	attributes := node.AttrGetter()
	to, participants := attributes.OptionalJIDOrEmpty("to"), node.GetChildByTag("participants")
	for _, copied := range participants.GetChildren() {
		if copied.AttrGetter().OptionalJIDOrEmpty("jid").User == to.User {
			t.note(attributes.OptionalString("id"), func(p *passage) { p.isReadable = true })
		}
	}
}

// markOffline tells the part of a call's stanza that events carry what only the whole one says: that it
// comes from the offline queue.
func markOffline(node *waBinary.Node) {
	for _, child := range node.GetChildren() {
		for _, name := range []string{"offline", "e"} {
			if value, ok := node.Attrs[name]; ok && child.Attrs != nil {
				child.Attrs[name] = value
			}
		}
	}
}

func isOffline(child *waBinary.Node) bool {
	attributes := child.AttrGetter()
	return attributes.OptionalString("offline") != "" || attributes.OptionalString("e") == "1"
}

// expect has a message watched until forget.
func (t *tap) expect(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.underWay[id] = passage{}
}

func (t *tap) note(id string, change func(*passage)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if seen, isExpected := t.underWay[id]; isExpected {
		change(&seen)
		t.underWay[id] = seen
	}
}

// forget returns what was seen of a message.
func (t *tap) forget(id string) passage {
	t.mu.Lock()
	defer t.mu.Unlock()
	seen := t.underWay[id]
	delete(t.underWay, id)
	return seen
}
