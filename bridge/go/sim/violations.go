package sim

import (
	"slices"
	"time"
)

// Violation is something that no correct client does.
type Violation struct {
	Account string    `json:"account"` // the digits of the phone number, empty before login
	Device  uint16    `json:"device"`
	Kind    string    `json:"kind"`
	Detail  string    `json:"detail"`
	At      time.Time `json:"at"`
}

// The kinds that the connection layer reports; the app state has its own.
const (
	violationFrame         = "bad_frame"
	violationStanza        = "unknown_stanza"
	violationRequest       = "unknown_iq"
	violationContent       = "malformed"
	violationSignature     = "bad_signature"
	violationUndecryptable = "undecryptable"
	violationUnsupported   = "unsupported"
	violationFatal         = "app_state_fatal"
)

const violationsKept = 10_000

// Violations returns what was recorded, the oldest first.
func (s *Server) Violations() []Violation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.violations)
}

func (s *Server) record(violation Violation) {
	violation.At = time.Now().UTC()
	s.log.Warn("violation", "device", violation.Device, "kind", violation.Kind)
	s.mu.Lock()
	if len(s.violations) < violationsKept {
		s.violations = append(s.violations, violation)
	}
	s.mu.Unlock()
	s.watch.wake()
}
