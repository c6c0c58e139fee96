package wire

import (
	"errors"
	"fmt"

	waBinary "go.mau.fi/whatsmeow/binary"
)

// ErrEmptyFrame says that a decrypted frame has no content.
var ErrEmptyFrame = errors.New("empty frame")

// Encode turns a stanza into a frame's plaintext. The encoder panics on attribute types that it
// does not know; that becomes an error.
func Encode(node waBinary.Node) (plain []byte, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("stanza %s can't be encoded: %v", node.Tag, reason)
		}
	}()
	return waBinary.Marshal(node)
}

// Decode turns a frame's plaintext into a stanza.
func Decode(plain []byte) (*waBinary.Node, error) {
	if len(plain) == 0 {
		return nil, ErrEmptyFrame
	}
	unpacked, err := waBinary.Unpack(plain)
	if err != nil {
		return nil, err
	}
	return waBinary.Unmarshal(unpacked)
}

// Content returns a node's content as bytes: clients send the same field as text or as bytes.
func Content(node waBinary.Node) []byte {
	switch content := node.Content.(type) {
	case []byte:
		return content
	case string:
		return []byte(content)
	default:
		return nil
	}
}

// Attr returns an attribute as text, or the empty string.
func Attr(node waBinary.Node, name string) string {
	switch value := node.Attrs[name].(type) {
	case nil:
		return ""
	case string:
		return value
	default:
		return fmt.Sprint(value)
	}
}

// FirstChild returns a node's first child; a node without children has an empty one.
func FirstChild(node waBinary.Node) waBinary.Node {
	if children := node.GetChildren(); len(children) > 0 {
		return children[0]
	}
	return waBinary.Node{}
}
