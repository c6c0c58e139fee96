package wire_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/socket"
	"go.mau.fi/whatsmeow/types"

	"wuts/sim/wire"
)

// dial connects a bare WebSocket to a server that runs the function on its end.
func dial(t *testing.T, serve func(*wire.Conn)) *websocket.Conn {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := wire.Accept(w, r)
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Cut()
		serve(conn)
	}))
	t.Cleanup(server.Close)
	header := http.Header{"Origin": {socket.Origin}}
	client, _, err := websocket.Dial(t.Context(), strings.Replace(server.URL, "http", "ws", 1),
		&websocket.DialOptions{HTTPHeader: header})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.CloseNow() })
	return client
}

// Frames are found whether they share a message or are split over several.
func TestFramesAreReassembled(t *testing.T) {
	got := make(chan string, 3)
	client := dial(t, func(conn *wire.Conn) {
		if _, err := conn.ReadHeader(context.Background()); err != nil {
			t.Error(err)
		}
		for range 3 {
			frame, err := conn.ReadFrame(context.Background())
			if err != nil {
				t.Error(err)
			}
			got <- string(frame)
		}
	})
	stream := string(socket.WAConnHeader) + "\x00\x00\x03one\x00\x00\x00\x00\x00\x05three"
	for _, part := range []string{stream[:2], stream[2:9], stream[9:16], stream[16:]} {
		if err := client.Write(t.Context(), websocket.MessageBinary, []byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	if a, b, c := <-got, <-got, <-got; a != "one" || b != "" || c != "three" {
		t.Errorf("%q %q %q", a, b, c)
	}
}

// A connection that does not begin with the protocol's header is refused.
func TestOtherHeaderIsRefused(t *testing.T) {
	failed := make(chan error, 1)
	client := dial(t, func(conn *wire.Conn) {
		_, err := conn.ReadHeader(context.Background())
		failed <- err
	})
	if err := client.Write(t.Context(), websocket.MessageBinary, []byte("GET / HTTP")); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; !errors.Is(err, wire.ErrHeader) {
		t.Errorf("error %v", err)
	}
}

// A frame leaves as one message, length first.
func TestFrameIsOneMessage(t *testing.T) {
	client := dial(t, func(conn *wire.Conn) {
		if err := conn.WriteFrame(context.Background(), []byte("four")); err != nil {
			t.Error(err)
		}
	})
	_, message, err := client.Read(t.Context())
	if err != nil || !bytes.Equal(message, []byte("\x00\x00\x04four")) {
		t.Errorf("%q, %v", message, err)
	}
}

// A stanza survives the wire, and one that can't be encoded is an error rather than a panic.
func TestStanzas(t *testing.T) {
	plain, err := wire.Encode(waBinary.Node{Tag: "iq", Attrs: waBinary.Attrs{
		"from": types.ServerJID, "id": "1",
	}})
	if err != nil {
		t.Fatal(err)
	}
	node, err := wire.Decode(plain)
	if err != nil || node.Attrs["from"] != types.ServerJID || wire.Attr(*node, "id") != "1" {
		t.Errorf("%v, %v", node, err)
	}
	if _, err = wire.Encode(waBinary.Node{Tag: "iq", Attrs: waBinary.Attrs{"id": uint16(1)}}); err == nil {
		t.Error("an attribute of an unknown type was encoded")
	}
	if _, err = wire.Decode(nil); !errors.Is(err, wire.ErrEmptyFrame) {
		t.Errorf("empty frame: %v", err)
	}
}

// Content is bytes, however it came.
func TestContent(t *testing.T) {
	for _, content := range []any{"text", []byte("text")} {
		if got := wire.Content(waBinary.Node{Content: content}); string(got) != "text" {
			t.Errorf("%T: %q", content, got)
		}
	}
	if got := wire.Content(waBinary.Node{Content: []waBinary.Node{}}); got != nil {
		t.Errorf("children: %q", got)
	}
}
