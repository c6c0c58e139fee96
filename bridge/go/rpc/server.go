package rpc

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"

	"wuts/wa"
)

const maxTimeout = 10 * time.Minute

// Server answers the five symbols. The zero value is not started; Log is where log lines go.
//
// mu guards the fields below it. It is held while the bridge opens, so that a second start waits for
// the first, and never while a method runs.
type Server struct {
	Log io.Writer

	mu      sync.Mutex
	bridge  *wa.Bridge
	stopped bool
}

type request struct {
	TimeoutMS int64  `json:"timeout_ms"`
	Params    object `json:"params"`
}

// object is a JSON object as it was sent.
type object []byte

func (o *object) UnmarshalJSON(text []byte) error {
	if len(text) == 0 || text[0] != '{' {
		return invalid("params is not an object")
	}
	*o = append(object(nil), text...)
	return nil
}

func (r request) validate() error {
	if r.TimeoutMS <= 0 || r.TimeoutMS > maxTimeout.Milliseconds() {
		return invalid("timeout_ms is not between 1 and %d", maxTimeout.Milliseconds())
	}
	if r.Params == nil {
		return invalid("params is missing")
	}
	return nil
}

// Start opens the bridge, once a process.
func (s *Server) Start(config []byte) []byte {
	return s.guard("wa_start", func() (any, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.stopped {
			return nil, wa.ErrStopped
		}
		if s.bridge != nil {
			return nil, invalid("the bridge is started already")
		}
		parsed, err := parseConfig(config, s.Log)
		if err != nil {
			return nil, err
		}
		bridge, err := wa.Open(context.Background(), parsed)
		if err != nil {
			return nil, err
		}
		s.bridge = bridge
		return map[string]any{"whatsmeow": whatsmeowVersion(), "stores": bridge.Stores()}, nil
	})
}

// Call runs a method and answers at the latest when its timeout is over, even if the method goes on.
func (s *Server) Call(name string, text []byte) []byte {
	return s.guard("wa_call", func() (any, error) {
		called, found := findMethod(name)
		if !found {
			return nil, errUnknownMethod
		}
		var asked request
		if err := decodeStrict(text, &asked); err != nil {
			return nil, err
		}
		bridge, err := s.running()
		if err != nil {
			return nil, err
		}
		return s.run(bridge, called, asked)
	})
}

type outcome struct {
	result any
	err    error
}

// run gives the method a deadline a little before the caller's, so that it can still say what it knows.
func (s *Server) run(bridge *wa.Bridge, called method, asked request) (any, error) {
	timeout := time.Duration(asked.TimeoutMS) * time.Millisecond
	hard := time.NewTimer(timeout)
	defer hard.Stop()
	ctx, cancel := context.WithTimeout(bridge.Context(), timeout-min(timeout/10, 50*time.Millisecond))
	answered := make(chan outcome, 1)
	bridge.Go("call "+called.name, func() {
		defer cancel()
		ended := outcome{err: wa.ErrPanicked}
		defer func() { answered <- ended }()
		ended.result, ended.err = called.run(ctx, bridge, asked.Params)
	})
	select {
	case ended := <-answered:
		return ended.result, ended.err
	case <-hard.C:
		if called.maySend {
			return nil, errUnknownOutcome
		}
		return nil, context.DeadlineExceeded
	}
}

// NextEvents acknowledges a batch and waits for the next one.
func (s *Server) NextEvents(ack uint64, timeout time.Duration) []byte {
	return s.guard("wa_next_events", func() (any, error) {
		bridge, err := s.running()
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(context.Background(), max(0, timeout))
		defer cancel()
		return bridge.NextEvents(ctx, ack)
	})
}

// Stop closes the bridge for good. What has not ended by the deadline is left behind.
func (s *Server) Stop(deadline time.Duration) []byte {
	return s.guard("wa_stop", func() (any, error) {
		s.mu.Lock()
		bridge := s.bridge
		s.bridge, s.stopped = nil, true
		s.mu.Unlock()
		if bridge != nil {
			ctx, cancel := context.WithTimeout(context.Background(), max(0, deadline))
			defer cancel()
			bridge.Close(ctx)
		}
		return nothing{}, nil
	})
}

func (s *Server) running() (*wa.Bridge, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bridge == nil {
		return nil, wa.ErrStopped
	}
	return s.bridge, nil
}

// guard turns an answer into a reply, and a panic into INTERNAL.
func (s *Server) guard(name string, answer func() (any, error)) (encoded []byte) {
	defer func() {
		if value := recover(); value != nil {
			wa.LogPanic(slog.New(slog.NewJSONHandler(s.Log, nil)), name, value)
			encoded = encodeFailure(Internal, nil)
		}
	}()
	return encode(answer())
}
