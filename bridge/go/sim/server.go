// Package sim is a stand-in for the WhatsApp chat server and for the primary phones behind it,
// good enough that real clients link to it, log in and synchronise their app state. It listens
// on the loopback interface only and shares no code with the service that it tests.
package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"wuts/sim/ca"
	"wuts/sim/faults"
	"wuts/sim/media"
	"wuts/sim/wire"
)

const (
	chatPath          = "/ws/chat"
	readHeaderTimeout = 10 * time.Second
)

// ErrNotLoopback is returned for an address that other machines could reach.
var ErrNotLoopback = errors.New("the simulator listens on a loopback address only")

// Options of a Server; the zero value is a server on a free port that remembers nothing.
type Options struct {
	Listen    string // host and port, 127.0.0.1:0 if empty
	StateFile string // where everything is kept across restarts; nowhere if empty
	From      string // a state file to begin with, without one of its own
	Seed      int64  // of what is random about faults
	Floor     string // the oldest version of a client that is let in, all if empty
	PageSize  int    // app-state patches in one answer, 0 for all of them
	Snapshots bool   // answer the first fetch of a collection with a snapshot from the media host
	Lenient   bool   // answer unknown requests and accept bad patches, as the real server does
	Log       *slog.Logger
	Authority *ca.Authority // a fresh one if nil; a state file's goes before it
}

// Server is a running simulator.
//
// Its lock guards the fields below it and is held for map access only. An account's lock may be
// held while it is taken, never the other way round.
type Server struct {
	options   Options
	log       *slog.Logger
	authority *ca.Authority
	chain     []byte
	faults    *faults.Engine
	media     *media.Store
	listener  net.Listener
	http      *http.Server
	ctx       context.Context
	stop      context.CancelFunc
	running   sync.WaitGroup
	watch     watch
	state     stateFile
	shelf     shelf

	mu         sync.Mutex
	closed     bool
	accounts   map[string]*Account
	directory  directory
	pending    map[string]*pairing
	links      map[string]*pairing // who waits for a code to be typed, by phone number
	violations []Violation

	versionFloor appVersion
}

// Start reads the state file, if there is one, and listens.
func Start(options Options) (*Server, error) {
	s := newServer(options)
	if err := s.SetVersionFloor(options.Floor); err != nil {
		return nil, err
	}
	if err := s.load(); err != nil {
		return nil, err
	}
	chain, err := s.authority.Chain(time.Now())
	if err != nil {
		return nil, err
	}
	s.chain = chain
	if s.listener, err = Listen(s.options.Listen); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc(chatPath, s.serveChat)
	mux.Handle(media.Prefix, s.media.Handler(s.failingDownload))
	s.http = &http.Server{Handler: mux, ReadHeaderTimeout: readHeaderTimeout}
	s.running.Go(func() { _ = s.http.Serve(s.listener) })
	return s, nil
}

func newServer(options Options) *Server {
	if options.Listen == "" {
		options.Listen = "127.0.0.1:0"
	}
	if options.Log == nil {
		options.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if options.Authority == nil {
		options.Authority = ca.New()
	}
	s := &Server{
		options:   options,
		log:       options.Log,
		authority: options.Authority,
		faults:    faults.New(options.Seed),
		media:     media.New(),
		accounts:  map[string]*Account{},
		directory: newDirectory(),
		pending:   map[string]*pairing{},
		links:     map[string]*pairing{},
		state:     stateFile{path: options.StateFile, accounts: map[string][]byte{}},
	}
	s.watch.changed = make(chan struct{})
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s
}

// Listen listens on a loopback address given as IP and port, and refuses any other.
func Listen(address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("%w: %q", ErrNotLoopback, address)
	}
	return net.Listen("tcp", address)
}

// Close cuts every connection and waits until all is quiet.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.stop()
	err := s.http.Close()
	s.running.Wait()
	return err
}

// Endpoint returns the host and port of the chat server.
func (s *Server) Endpoint() string { return s.listener.Addr().String() }

// RootKey returns the public key that signs the server's certificates.
func (s *Server) RootKey() [32]byte { return s.authority.RootKey() }

// Faults returns the rules that disturb the traffic.
func (s *Server) Faults() *faults.Engine { return s.faults }

func (s *Server) serveChat(w http.ResponseWriter, r *http.Request) {
	if !s.enter() {
		http.Error(w, "stopping", http.StatusServiceUnavailable)
		return
	}
	defer s.running.Done()
	rule := s.disturbance(faults.Stanza{Moment: faults.OnConnect})
	if rule != nil && rule.What == "refused" {
		panic(http.ErrAbortHandler) // drops the connection without an answer
	}
	conn, err := wire.Accept(w, r)
	if err != nil {
		s.log.Warn("connection_refused", "error", err)
		return
	}
	defer conn.Cut()
	if rule != nil && rule.What == "silent" {
		conn.Discard(s.ctx)
		return
	}
	stream := newStream(s, conn)
	if rule != nil {
		stream.pause = length(rule)
	}
	stream.run(s.ctx)
}

// failingDownload says how a rule makes the download of an account's file fail.
func (s *Server) failingDownload(owner string) string {
	if rule := s.disturbance(faults.Stanza{Moment: faults.OnDownload, Account: owner}); rule != nil {
		return rule.What
	}
	return ""
}

// enter counts a connection that Close has to wait for.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.running.Add(1)
	return true
}
