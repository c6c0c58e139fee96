// Package wire carries stanzas over a WebSocket as WhatsApp does: a four-byte header from the
// client, then frames with a three-byte length, then binary XML inside them.
package wire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/coder/websocket"
	"go.mau.fi/whatsmeow/socket"
)

const writeTimeout = 10 * time.Second

// ErrHeader says that the client did not open the connection with the header of this protocol.
var ErrHeader = errors.New("unexpected connection header")

// Conn is one accepted WebSocket. One goroutine reads and one writes.
type Conn struct {
	socket   *websocket.Conn
	incoming []byte
}

// Accept upgrades a request. Clients name WhatsApp's site as their origin whatever the host is.
func Accept(w http.ResponseWriter, r *http.Request) (*Conn, error) {
	accepted, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		OriginPatterns:  []string{socket.Origin},
		CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		return nil, err
	}
	// The default limit is smaller than a client's first upload of prekeys.
	accepted.SetReadLimit(socket.FrameMaxSize)
	return &Conn{socket: accepted}, nil
}

// ReadHeader reads the bytes with which every connection begins.
func (c *Conn) ReadHeader(ctx context.Context) ([]byte, error) {
	header, err := c.take(ctx, len(socket.WAConnHeader))
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(header, socket.WAConnHeader) {
		return nil, fmt.Errorf("%w: %x", ErrHeader, header)
	}
	return header, nil
}

// ReadFrame reads the next frame; frames may share a message or be split over several.
func (c *Conn) ReadFrame(ctx context.Context) ([]byte, error) {
	length, err := c.take(ctx, socket.FrameLengthSize)
	if err != nil {
		return nil, err
	}
	return c.take(ctx, int(length[0])<<16|int(length[1])<<8|int(length[2]))
}

func (c *Conn) take(ctx context.Context, count int) ([]byte, error) {
	for len(c.incoming) < count {
		kind, data, err := c.socket.Read(ctx)
		if err != nil {
			return nil, err
		}
		if kind == websocket.MessageBinary {
			c.incoming = append(c.incoming, data...)
		}
	}
	taken := bytes.Clone(c.incoming[:count])
	c.incoming = c.incoming[count:]
	return taken, nil
}

// WriteFrame writes one frame as one message: whatsmeow can't put a split frame together.
func (c *Conn) WriteFrame(ctx context.Context, body []byte) error {
	if len(body) >= socket.FrameMaxSize {
		return socket.ErrFrameTooLarge
	}
	return c.write(ctx, frameOf(body))
}

// WriteHalf writes a frame that ends in its middle.
func (c *Conn) WriteHalf(ctx context.Context, body []byte) error {
	return c.write(ctx, frameOf(body)[:socket.FrameLengthSize+len(body)/2])
}

func frameOf(body []byte) []byte {
	frame := make([]byte, 0, socket.FrameLengthSize+len(body))
	frame = append(frame, byte(len(body)>>16), byte(len(body)>>8), byte(len(body)))
	return append(frame, body...)
}

func (c *Conn) write(ctx context.Context, message []byte) error {
	limited, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	return c.socket.Write(limited, websocket.MessageBinary, message)
}

// Discard reads until the connection ends, and answers nothing.
func (c *Conn) Discard(ctx context.Context) {
	for {
		if _, _, err := c.socket.Read(ctx); err != nil {
			return
		}
	}
}

// Cut drops the connection without a word.
func (c *Conn) Cut() { _ = c.socket.CloseNow() }
