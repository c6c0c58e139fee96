package wa

import (
	"sync"

	waBinary "go.mau.fi/whatsmeow/binary"
	waLog "go.mau.fi/whatsmeow/util/log"
)

// tap sees every stanza that comes, before it is handled: whatsmeow shows it to its log, and whole nowhere
// else. It must not block. Nothing is logged.
//
// mu guards the map; nothing blocks under it.
type tap struct {
	waLog.Logger

	mu       sync.Mutex
	refusals map[string]int // the error codes of messages under way, by id
}

func newTap() *tap {
	return &tap{Logger: waLog.Noop, refusals: map[string]int{}}
}

// Sub returns the log of a part of whatsmeow.
func (t *tap) Sub(module string) waLog.Logger {
	if module == "Recv" {
		return received{t.Logger, t}
	}
	return t.Logger
}

// received is the log that stanzas are shown to.
type received struct {
	waLog.Logger
	tap *tap
}

func (r received) Debugf(_ string, shown ...any) {
	for _, value := range shown {
		if node, ok := value.(*waBinary.Node); ok {
			r.tap.see(node)
		}
	}
}

func (t *tap) see(node *waBinary.Node) {
	switch node.Tag {
	case "call":
		markOffline(node)
	case "ack":
		t.noteRefusal(node)
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

// expect has the refusal of a message noted until forget.
func (t *tap) expect(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refusals[id] = 0
}

func (t *tap) noteRefusal(ack *waBinary.Node) {
	attributes := ack.AttrGetter()
	id, code := attributes.OptionalString("id"), attributes.OptionalInt("error")
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, awaited := t.refusals[id]; awaited && code != 0 {
		t.refusals[id] = code
	}
}

// forget returns the code that the server has refused a message with, or 0.
func (t *tap) forget(id string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	code := t.refusals[id]
	delete(t.refusals, id)
	return code
}
