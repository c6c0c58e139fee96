package sim

import (
	"context"
	"sync"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"

	"wuts/sim/faults"
	"wuts/sim/noise"
	"wuts/sim/wire"
)

const (
	handshakeTimeout = 20 * time.Second
	maxWaiting       = 50_000 // stanzas that wait in one direction
)

// stream is one connection of a client. A goroutine each reads, applies and writes; the queues
// between them carry the simulated latency.
type stream struct {
	server   *Server
	conn     *wire.Conn
	session  *noise.Session
	cancel   context.CancelFunc
	inbound  *wire.Queue[arrival]
	outbound *wire.Queue[departure]

	// One of the two is set before the first stanza is read, and does not change.
	pairing *pairing
	account *Account
	device  uint16

	pause time.Duration // after each frame that is read

	mute bool // the stanza that is being applied gets no answer; belongs to the applying goroutine
}

// arrival is a stanza from the client and the rules that disturb it.
type arrival struct {
	node  *waBinary.Node
	rules []faults.Rule
}

// departure is a stanza to the client, or the end of the connection. The damage is done to its frame.
type departure struct {
	node   *waBinary.Node
	damage string
	end    bool
}

func newStream(server *Server, conn *wire.Conn) *stream {
	return &stream{
		server: server, conn: conn,
		inbound:  wire.NewQueue[arrival](maxWaiting),
		outbound: wire.NewQueue[departure](maxWaiting),
	}
}

// run serves the connection until it ends.
func (s *stream) run(parent context.Context) {
	ctx, cancel := context.WithCancel(parent)
	s.cancel = cancel
	defer cancel()
	if err := s.handshake(ctx); err != nil {
		s.server.log.Info("handshake_failed", "error", err)
		return
	}
	s.admit()
	var applying, writing sync.WaitGroup
	applying.Go(func() { s.applyLoop(ctx) })
	writing.Go(func() { s.writeLoop(ctx) })
	s.readLoop(ctx)
	s.inbound.Close()
	applying.Wait() // what the client sent before it went away still counts
	cancel()
	s.outbound.Close()
	writing.Wait()
	s.leave()
}

// pipe lets the handshake use the connection before there is encryption.
type pipe struct {
	conn *wire.Conn
	ctx  context.Context
}

func (p pipe) ReadFrame() ([]byte, error)   { return p.conn.ReadFrame(p.ctx) }
func (p pipe) WriteFrame(body []byte) error { return p.conn.WriteFrame(p.ctx, body) }

func (s *stream) handshake(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	header, err := s.conn.ReadHeader(limited)
	if err != nil {
		return err
	}
	own := noise.Server{Static: s.server.authority.Static(), Certificate: s.server.chain}
	s.session, err = noise.Respond(pipe{s.conn, limited}, own, header)
	return err
}

func (s *stream) readLoop(ctx context.Context) {
	for {
		frame, err := s.conn.ReadFrame(ctx)
		if err != nil || !rest(ctx, s.pause) {
			return
		}
		plain, err := s.session.Incoming.Open(frame)
		if err != nil {
			s.violate(violationFrame, "a frame does not decrypt")
			return
		}
		node, err := wire.Decode(plain)
		if err != nil {
			s.violate(violationFrame, "a frame is not a stanza")
			return
		}
		rules := s.match(node, false)
		due := time.Now().Add(latency(rules))
		if !s.inbound.Push(arrival{node, rules}, due) {
			return
		}
	}
}

func (s *stream) writeLoop(ctx context.Context) {
	defer s.conn.Cut() // this ends the reading, and then all
	for {
		next, ok := s.outbound.Pop(ctx)
		if !ok || next.end {
			return
		}
		if err := s.write(ctx, next); err != nil {
			s.server.log.Info("stanza_not_written", "error", err)
			return
		}
	}
}

func (s *stream) applyLoop(ctx context.Context) {
	for {
		next, ok := s.inbound.Pop(ctx)
		if !ok || ctx.Err() != nil {
			return
		}
		s.apply(next)
	}
}

// apply handles a stanza; rules may lose it or its answer, put an error in its place, or end the
// connection around it.
func (s *stream) apply(next arrival) {
	if s.intervene(next, whenBefore) {
		return
	}
	s.mute = replaces(next.rules, whenAfter)
	s.handle(next)
	s.mute = false
	s.intervene(next, whenAfter)
}

// reply sends an answer to the stanza that is being applied, unless a rule loses it.
func (s *stream) reply(node waBinary.Node) {
	if !s.mute {
		s.send(&node)
	}
}

// closeAfter ends the connection when everything that was queued is written, but not at once.
func (s *stream) closeAfter(delay time.Duration) {
	s.outbound.Push(departure{end: true}, time.Now().Add(delay))
}

// cut ends the connection at once; what has not been applied yet never is.
func (s *stream) cut() {
	s.cancel()
	s.conn.Cut()
}

func (s *stream) violate(kind, detail string) {
	violation := Violation{Device: s.device, Kind: kind, Detail: detail}
	if s.account != nil {
		violation.Account = s.account.pn.User
	}
	s.server.record(violation)
}
