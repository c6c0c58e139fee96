package sim

import (
	"slices"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"

	"wuts/sim/wire"
)

const confirmationsKept = 20_000 // of each kind and device

// Confirmation is a receipt or an acknowledgement that a device sent.
type Confirmation struct {
	Device uint16    `json:"device"`
	ID     string    `json:"id"`              // of the stanza that it is about
	Class  string    `json:"class,omitempty"` // of an acknowledgement: message, notification, …
	Type   string    `json:"type,omitempty"`
	Error  string    `json:"error,omitempty"`
	At     time.Time `json:"at"`
}

// note appends what a device confirmed to the others of the kind; the oldest one makes room.
func (d *device) note(kind *[]Confirmation, node *waBinary.Node) {
	if len(*kind) == confirmationsKept {
		*kind = (*kind)[1:]
	}
	*kind = append(*kind, Confirmation{
		Device: d.ID, ID: wire.Attr(*node, "id"), Class: wire.Attr(*node, "class"),
		Type: wire.Attr(*node, "type"), Error: wire.Attr(*node, "error"), At: time.Now().UTC(),
	})
}

// Receipts returns the receipts that a device has sent since the start, or of all devices if the number
// is 0.
func (a *Account) Receipts(id uint16) []Confirmation {
	return a.confirmations(id, func(d *device) []Confirmation { return d.receipts })
}

// Acks returns the acknowledgements that a device has sent since the start, or of all devices if the
// number is 0.
func (a *Account) Acks(id uint16) []Confirmation {
	return a.confirmations(id, func(d *device) []Confirmation { return d.acks })
}

func (a *Account) confirmations(id uint16, kind func(*device) []Confirmation) []Confirmation {
	a.mu.Lock()
	defer a.mu.Unlock()
	found := []Confirmation{}
	for _, d := range a.sorted() {
		if id == 0 || id == d.ID {
			found = append(found, kind(d)...)
		}
	}
	return slices.Clip(found)
}
