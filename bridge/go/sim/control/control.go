// Package control is the simulator's HTTP interface for tests and demonstrations: JSON over a
// loopback port of its own. A web page can't use it: it wants a loopback Host and a JSON content
// type, and refuses requests that name an Origin.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"wuts/sim"
	"wuts/sim/faults"
	"wuts/sim/syncd"
)

const (
	maxBody     = 1 << 20
	defaultWait = 10 * time.Second
	maxWait     = 2 * time.Minute
)

// Server answers the control API of one simulator.
type Server struct {
	sim     *sim.Server
	address string // of the control API itself
	seed    int64
}

// handler answers a request with a value for the JSON body.
type handler func(*http.Request) (any, error)

// New makes the control API's handler. The address is where it is going to be served.
func New(simulator *sim.Server, address string, seed int64) http.Handler {
	s := &Server{sim: simulator, address: address, seed: seed}
	mux := http.NewServeMux()
	for path, methods := range s.routes() {
		mux.Handle(path, dispatch(methods))
	}
	mux.Handle("/", dispatch(nil))
	return guard(mux)
}

func (s *Server) routes() map[string]map[string]handler {
	const account = "/v1/accounts/{pn}"
	return map[string]map[string]handler{
		"/v1/info":                         {"GET": s.info},
		"/v1/accounts":                     {"GET": s.listAccounts, "POST": s.addAccount},
		account:                            {"GET": s.showAccount},
		account + "/devices/{device}":      {"DELETE": s.unlink},
		account + "/devices/{device}/drop": {"POST": s.drop},
		account + "/devices/{device}/end":  {"POST": s.end},
		account + "/unlink-all":            {"POST": s.unlinkAll},
		account + "/ban":                   {"POST": s.ban},
		account + "/main-device-gone":      {"POST": s.losePhone},
		account + "/restore":               {"POST": s.restore},
		account + "/scan":                  {"POST": s.scan},
		account + "/pairing-code":          {"POST": s.submitCode},
		account + "/pending":               {"GET": s.pending},
		account + "/receipts":              {"GET": s.receipts},
		account + "/acks":                  {"GET": s.acks},
		account + "/messages":              {"GET": s.showTexts, "POST": s.receive},
		account + "/calls":                 {"GET": s.showCalls, "POST": s.ring},
		account + "/calls/{id}/end":        {"POST": s.endCall},
		account + "/calls/{id}/answer":     {"POST": s.answerCall},
		account + "/calls/{id}/decline":    {"POST": s.declineCall},
		account + "/calls/{id}/signal":     {"POST": s.signalCall},
		account + "/presence":              {"GET": s.showPresence},
		account + "/disappearing":          {"GET": s.showTimers},
		account + "/sent":                  {"POST": s.send},
		account + "/groups":                {"POST": s.changeGroup},
		account + "/pairs":                 {"POST": s.tellPairs},
		account + "/archived/{jid}":        {"GET": s.showArchived},
		account + "/snapshots":             {"POST": s.serveSnapshots},
		account + "/appstate":              {"GET": s.showCollections, "POST": s.write},
		account + "/appstate/{collection}": {"GET": s.showCollection},
		account + "/keys/share":            {"POST": s.shareKeys},
		account + "/keys/rotate":           {"POST": s.rotateKey},
		"/v1/violations":                   {"GET": s.violations},
		"/v1/wait":                         {"POST": s.wait},
		"/v1/version-floor":                {"POST": s.setVersionFloor},
		"/v1/faults": {
			"GET": s.listFaults, "POST": s.addFault, "DELETE": s.clearFaults,
		},
		"/v1/faults/release": {"POST": s.release},
		"/v1/faults/{id}":    {"DELETE": s.removeFault},
	}
}

// failure is an error with the status that it is answered with.
type failure struct {
	status int
	text   string
}

func (f failure) Error() string { return f.text }

func invalid(format string, arguments ...any) error {
	return failure{http.StatusBadRequest, fmt.Sprintf(format, arguments...)}
}

var errNotFound = failure{http.StatusNotFound, "no such thing"}

// statuses maps the simulator's errors.
var statuses = []struct {
	err    error
	status int
}{
	{sim.ErrAccountExists, http.StatusConflict},
	{sim.ErrUnknownDevice, http.StatusNotFound},
	{sim.ErrTooManyDevices, http.StatusConflict},
	{sim.ErrStreamError, http.StatusBadRequest},
	{sim.ErrVersion, http.StatusBadRequest},
	{sim.ErrCall, http.StatusBadRequest},
	{sim.ErrUnknownCall, http.StatusNotFound},
	{sim.ErrMessage, http.StatusBadRequest},
	{sim.ErrNumber, http.StatusBadRequest},
	{sim.ErrNotQR, http.StatusBadRequest},
	{sim.ErrNotLinkCode, http.StatusBadRequest},
	{sim.ErrPasskey, http.StatusBadRequest},
	{sim.ErrUnknownRef, http.StatusNotFound},
	{sim.ErrWrongLinkCode, http.StatusConflict},
	{sim.ErrWrongKeys, http.StatusConflict},
	{sim.ErrNotPaired, http.StatusConflict},
	{sim.ErrPairingGone, http.StatusConflict},
	{syncd.ErrUnknownCollection, http.StatusNotFound},
	{syncd.ErrInvalidMutation, http.StatusBadRequest},
	{faults.ErrInvalidRule, http.StatusBadRequest},
	{context.DeadlineExceeded, http.StatusRequestTimeout},
	{context.Canceled, http.StatusRequestTimeout},
}

func statusOf(err error) int {
	var known failure
	if errors.As(err, &known) {
		return known.status
	}
	for _, entry := range statuses {
		if errors.Is(err, entry.err) {
			return entry.status
		}
	}
	return http.StatusInternalServerError
}

// guard turns away what a web page in a browser could send.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
		switch {
		case !isLoopback(r.Host):
			respondError(w, failure{http.StatusForbidden, "the Host is not a loopback address"})
		case r.Header.Get("Origin") != "":
			respondError(w, failure{http.StatusForbidden, "requests with an Origin are refused"})
		case r.Method == http.MethodPost && kind != "application/json":
			respondError(w, failure{
				http.StatusUnsupportedMediaType, "the content type must be application/json",
			})
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func isLoopback(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.Trim(host, "[]")
	}
	ip := net.ParseIP(name)
	return name == "localhost" || (ip != nil && ip.IsLoopback())
}

// dispatch picks the handler of a method; no methods at all means an unknown path.
func dispatch(methods map[string]handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, ok := methods[r.Method]
		switch {
		case methods == nil:
			respondError(w, errNotFound)
			return
		case !ok:
			w.Header().Set("Allow", strings.Join(slices.Sorted(maps.Keys(methods)), ", "))
			respondError(w, failure{http.StatusMethodNotAllowed, "method not allowed"})
			return
		}
		value, err := answer(r)
		if err != nil {
			respondError(w, err)
			return
		}
		respond(w, http.StatusOK, value)
	})
}

func respondError(w http.ResponseWriter, err error) {
	respond(w, statusOf(err), map[string]string{"error": err.Error()})
}

func respond(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"error":"answer not encoded"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}

// read decodes the body into a value and refuses what it does not know.
func read(r *http.Request, into any) error {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return invalid("the body can't be read: %v", err)
	}
	if len(body) > maxBody {
		return failure{http.StatusRequestEntityTooLarge, "the body is too large"}
	}
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.DisallowUnknownFields()
	if err = decoder.Decode(into); err != nil {
		return invalid("the body is not as expected: %v", err)
	}
	if decoder.More() {
		return invalid("the body has more than one value")
	}
	return nil
}

// waitFor reads a length of time such as 5s; empty is the default.
func waitFor(text string) (time.Duration, error) {
	if text == "" {
		return defaultWait, nil
	}
	length, err := time.ParseDuration(text)
	if err != nil || length < 0 || length > maxWait {
		return 0, invalid("%q is not a length of time up to %v, such as 5s", text, maxWait)
	}
	return length, nil
}
