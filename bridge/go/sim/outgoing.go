package sim

import (
	"bytes"
	"compress/zlib"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"

	"wuts/sim/faults"
	"wuts/sim/wire"
)

// send hands a stanza to the client, if the rules that it falls under let it through. It never blocks.
func (s *stream) send(node *waBinary.Node) {
	rules := s.match(node, true)
	if has(rules, actionSwallow, "") {
		return
	}
	kept := parked{s, node, rules}
	for _, rule := range rules {
		switch rule.Action {
		case actionHold:
			s.server.shelf.hold(kept)
			return
		case actionShuffle:
			s.server.gather(kept, rule)
			return
		}
	}
	s.forward(node, rules)
}

// forward queues a stanza as often and in the state that the rules demand; a client that reads too
// slowly is cut.
func (s *stream) forward(node *waBinary.Node, rules []faults.Rule) {
	due := time.Now().Add(latency(rules))
	for _, next := range s.departures(node, rules) {
		if !s.outbound.Push(next, due) {
			s.cut()
			return
		}
	}
}

func (s *stream) departures(node *waBinary.Node, rules []faults.Rule) []departure {
	if has(rules, actionClose, whenBefore) {
		return []departure{{end: true}}
	}
	leaving := departure{node: s.spoil(node, rules)}
	copies := 1
	for _, rule := range rules {
		switch {
		case rule.Action == actionDuplicate:
			copies += rule.N
		case rule.Action == actionClock:
			leaving.node = misdated(leaving.node, rule.OffsetS)
		case rule.Action == actionClose && rule.When == whenMidFrame:
			leaving.damage = damageHalf
		case rule.Action == actionCorrupt && (rule.What == damageFrame || rule.What == damageZlib):
			leaving.damage = rule.What
		}
	}
	all := slices.Repeat([]departure{leaving}, copies)
	if leaving.damage == damageHalf || has(rules, actionClose, whenAfter) {
		all = append(all, departure{end: true})
	}
	return all
}

// misdated returns the stanza with another time, if it says one.
func misdated(node *waBinary.Node, offsetS int) *waBinary.Node {
	seconds, err := strconv.ParseInt(fmt.Sprint(node.Attrs["t"]), 10, 64)
	if err != nil {
		return node
	}
	copied := *node
	copied.Attrs = maps.Clone(node.Attrs)
	copied.Attrs["t"] = seconds + int64(offsetS)
	return &copied
}

// write encrypts a stanza and writes it, whole and right or as its damage has it.
func (s *stream) write(ctx context.Context, next departure) error {
	plain, err := wire.Encode(*next.node)
	if err == nil && next.damage == damageZlib {
		plain, err = badlyPacked(plain)
	}
	if err != nil {
		return err
	}
	sealed := s.session.Outgoing.Seal(plain)
	switch next.damage {
	case damageFrame:
		sealed[len(sealed)-1] ^= 1
	case damageHalf:
		return s.conn.WriteHalf(ctx, sealed)
	}
	return s.conn.WriteFrame(ctx, sealed)
}

// badlyPacked compresses a frame's plaintext, and damages the checksum at its end.
func badlyPacked(plain []byte) ([]byte, error) {
	const compressed = 2
	packed := bytes.NewBuffer([]byte{compressed})
	writer := zlib.NewWriter(packed)
	if _, err := writer.Write(plain[1:]); err != nil {
		return nil, err
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	body := packed.Bytes()
	body[len(body)-1] ^= 1
	return body, nil
}

// parked is a stanza that waits for its release, or for others to change places with.
type parked struct {
	stream *stream
	node   *waBinary.Node
	rules  []faults.Rule
}

func (p parked) leave() { p.stream.forward(p.node, p.rules) }

// shelf keeps stanzas back.
//
// Its lock guards both lists and is held for their change only.
type shelf struct {
	mu      sync.Mutex
	held    []parked
	windows map[int][]parked // by the rule that shuffles
}

func (s *shelf) hold(stanza parked) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = append(s.held, stanza)
}

func (s *shelf) gather(id int, stanza parked) (count int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.windows == nil {
		s.windows = map[int][]parked{}
	}
	s.windows[id] = append(s.windows[id], stanza)
	return len(s.windows[id])
}

func (s *shelf) takeHeld() []parked {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.held
	s.held = nil
	return taken
}

func (s *shelf) takeWindow(id int) []parked {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.windows[id]
	delete(s.windows, id)
	return taken
}

// Release sends what rules hold, in its order, and says how much that was.
func (s *Server) Release() int {
	taken := s.shelf.takeHeld()
	for _, stanza := range taken {
		stanza.leave()
	}
	return len(taken)
}

// gather puts a stanza into the window of a rule, which is sent when it is full or its time is over.
func (s *Server) gather(stanza parked, rule faults.Rule) {
	switch s.shelf.gather(rule.ID, stanza) {
	case rule.N:
		s.scatter(rule.ID)
	case 1:
		s.after(length(&rule), func() { s.scatter(rule.ID) })
	}
}

func (s *Server) scatter(id int) {
	taken := s.shelf.takeWindow(id)
	s.faults.Shuffle(len(taken), func(i, j int) { taken[i], taken[j] = taken[j], taken[i] })
	for _, stanza := range taken {
		stanza.leave()
	}
}
