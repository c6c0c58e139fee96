package sim

import (
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"wuts/sim/wire"
)

const presenceKept = 10_000 // of each account

// Presence is what a device said of itself, or whom it wants to know about.
type Presence struct {
	Device uint16    `json:"device"`
	Kind   string    `json:"kind"`            // presence, typing or subscribe
	JID    string    `json:"jid,omitempty"`   // the chat, or whom it is about
	State  string    `json:"state,omitempty"` // available, unavailable, composing or paused; empty: a name alone
	Media  string    `json:"media,omitempty"` // what is being composed, if not text
	Name   string    `json:"name,omitempty"`
	At     time.Time `json:"at"`
}

// presence takes a device's presence, or its wish to see somebody's.
func (s *stream) presence(node *waBinary.Node) {
	seen := Presence{Kind: "presence", State: wire.Attr(*node, "type"), Name: wire.Attr(*node, "name")}
	to, isNamed := node.Attrs["to"].(types.JID)
	switch {
	case seen.State == "subscribe" && isNamed:
		seen = Presence{Kind: "subscribe", JID: to.String()}
	case (seen.State == "available" || seen.State == "unavailable") && seen.Name != "":
	case seen.State == "": // Baileys tells its name so, also when it knows none
	default:
		s.violate(violationContent, "presence "+seen.State)
		return
	}
	s.observe(seen)
}

// typing takes what a device says of its typing in a chat.
func (s *stream) typing(node *waBinary.Node) {
	chat, isNamed := node.Attrs["to"].(types.JID)
	child := wire.FirstChild(*node)
	if !isNamed || child.Tag != "composing" && child.Tag != "paused" {
		s.violate(violationContent, "chatstate "+child.Tag)
		return
	}
	s.observe(Presence{
		Kind: "typing", JID: chat.String(), State: child.Tag, Media: wire.Attr(child, "media"),
	})
}

func (s *stream) observe(seen Presence) {
	s.withDevice(func(b *batch, d *device) {
		seen.Device, seen.At = d.ID, time.Now().UTC()
		if len(b.account.presences) == presenceKept {
			b.account.presences = b.account.presences[1:]
		}
		b.account.presences = append(b.account.presences, seen)
	})
}

// Presences returns what the devices said since the start, the oldest first.
func (a *Account) Presences() []Presence {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]Presence{}, a.presences...)
}
