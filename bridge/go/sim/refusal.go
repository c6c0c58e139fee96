package sim

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waWa6"

	"wuts/sim/faults"
)

// ErrVersion is returned for a version that is not three numbers.
var ErrVersion = errors.New("a version is three numbers with dots, such as 2.3000.1")

// Reasons of a refused login, in the numbers of the protocol.
const (
	reasonBadRegister    = 400
	reasonLoggedOut      = 401
	reasonBanned         = 402
	reasonMainDeviceGone = 403
	reasonOutdated       = 405
)

// Refusal is what a login is refused with. Code and ExpireS belong to a ban.
type Refusal struct {
	Reason  int    `json:"reason"`
	Code    int    `json:"code,omitempty"`
	ExpireS int    `json:"expire_s,omitempty"`
	Text    string `json:"text,omitempty"`
}

// turnAway ends a connection with a refusal.
func (s *stream) turnAway(refusal Refusal) {
	attrs := waBinary.Attrs{"reason": strconv.Itoa(refusal.Reason), "location": "sim"}
	if refusal.Code != 0 {
		attrs["code"] = strconv.Itoa(refusal.Code)
	}
	if refusal.ExpireS != 0 {
		attrs["expire"] = strconv.Itoa(refusal.ExpireS)
	}
	if refusal.Text != "" {
		attrs["message"] = refusal.Text
	}
	s.send(&waBinary.Node{Tag: "failure", Attrs: attrs})
	s.closeAfter(closeDelay)
}

// turnedAway refuses a connection that a rule, the version floor or the account's state forbids.
func (s *stream) turnedAway(payload *waWa6.ClientPayload) bool {
	happening := faults.Stanza{Moment: faults.OnLogin, Device: uint16(payload.GetDevice())}
	if payload.GetDevicePairingData() == nil {
		happening.Account = strconv.FormatUint(payload.GetUsername(), 10)
	}
	if rule := s.server.disturbance(happening); rule != nil {
		s.turnAway(Refusal{rule.Reason, rule.Code, rule.ExpireS, rule.Text})
		return true
	}
	if versionOf(payload).isBefore(s.server.floor()) {
		s.refuse(reasonOutdated)
		return true
	}
	if a, ok := s.server.Account(happening.Account); ok {
		if refusal := a.Refused(); refusal.Reason != 0 {
			s.turnAway(refusal)
			return true
		}
	}
	return false
}

// Refused returns what every login of the account is refused with; its reason is 0 if none is.
func (a *Account) Refused() Refusal {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.refusal
}

// Refuse cuts every device of the account and refuses its logins from now on. The zero refusal lets
// them in again.
func (a *Account) Refuse(refusal Refusal) {
	a.update(func(b *batch) {
		a.refusal, b.changed = refusal, true
		if refusal.Reason == 0 {
			return
		}
		for _, d := range a.sorted() {
			if d.stream != nil {
				b.out = append(b.out, d.stream.cut)
			}
		}
	})
}

// Ban refuses every login as that of a banned account; the code says why, the seconds how long.
func (a *Account) Ban(code, expireS int) {
	a.Refuse(Refusal{Reason: reasonBanned, Code: code, ExpireS: expireS})
}

// LosePhone refuses every login as that of an account whose main device is gone.
func (a *Account) LosePhone() { a.Refuse(Refusal{Reason: reasonMainDeviceGone}) }

// appVersion is a client's version. The zero value is before all others.
type appVersion [3]uint32

func versionOf(payload *waWa6.ClientPayload) appVersion {
	said := payload.GetUserAgent().GetAppVersion()
	return appVersion{said.GetPrimary(), said.GetSecondary(), said.GetTertiary()}
}

func (v appVersion) isBefore(other appVersion) bool {
	for i := range v {
		if v[i] != other[i] {
			return v[i] < other[i]
		}
	}
	return false
}

func parseVersion(text string) (version appVersion, err error) {
	parts := strings.Split(text, ".")
	if len(parts) != len(version) {
		return version, fmt.Errorf("%w: %q", ErrVersion, text)
	}
	for i, part := range parts {
		number, err := strconv.ParseUint(part, 10, 32)
		if err != nil {
			return version, fmt.Errorf("%w: %q", ErrVersion, text)
		}
		version[i] = uint32(number)
	}
	return version, nil
}

// SetVersionFloor refuses clients of an older version from now on; an empty text lets all in.
func (s *Server) SetVersionFloor(text string) (err error) {
	var floor appVersion
	if text != "" {
		if floor, err = parseVersion(text); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.versionFloor = floor
	return nil
}

func (s *Server) floor() appVersion {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.versionFloor
}
