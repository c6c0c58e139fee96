package control

import (
	"net/http"
	"time"

	"go.mau.fi/whatsmeow/types"

	"wuts/sim"
)

type newCall struct {
	From    string   `json:"from"`
	Creator string   `json:"creator"`
	Group   string   `json:"group"`
	Notice  bool     `json:"notice"`
	Video   bool     `json:"video"`
	Paired  bool     `json:"paired"`
	Missed  bool     `json:"missed"`
	RingMS  int64    `json:"ring_ms"`
	Devices []uint16 `json:"devices"`
}

// ring lets somebody call the account.
func (s *Server) ring(r *http.Request) (any, error) {
	a, err := s.account(r)
	if err != nil {
		return nil, err
	}
	var wanted newCall
	if err = read(r, &wanted); err != nil {
		return nil, err
	}
	spec, err := wanted.spec()
	if err != nil {
		return nil, err
	}
	id, err := a.Ring(spec)
	return map[string]string{"call_id": id}, err
}

func (c newCall) spec() (spec sim.CallSpec, err error) {
	spec = sim.CallSpec{
		Notice: c.Notice, Video: c.Video, Paired: c.Paired, Missed: c.Missed,
		Ring: time.Duration(c.RingMS) * time.Millisecond, Devices: c.Devices,
	}
	if spec.From, err = callerJID(c.From); err != nil {
		return spec, err
	}
	if c.Creator != "" {
		if spec.Creator, err = callerJID(c.Creator); err != nil {
			return spec, err
		}
	}
	if c.Group != "" {
		if spec.Group, err = groupJID(c.Group); err != nil {
			return spec, err
		}
	}
	if spec.Ring < 0 || spec.Ring > maxWait {
		return spec, invalid("ring_ms is at most %d", maxWait.Milliseconds())
	}
	return spec, nil
}

// callerJID reads the JID of a user, with the number of a device or without.
func callerJID(text string) (types.JID, error) {
	jid, err := types.ParseJID(text)
	if err != nil {
		return jid, invalid("%q is not the JID of a user", text)
	}
	if _, err = userJID(jid.ToNonAD().String()); err != nil {
		return jid, err
	}
	return jid, nil
}

func (s *Server) showCalls(r *http.Request) (any, error) {
	a, err := s.account(r)
	if err != nil {
		return nil, err
	}
	return map[string]any{"calls": a.Calls()}, nil
}

// endCall lets the caller give up.
func (s *Server) endCall(r *http.Request) (any, error) {
	a, err := s.account(r)
	if err != nil {
		return nil, err
	}
	var body struct {
		Reason string `json:"reason"`
	}
	if err = read(r, &body); err != nil {
		return nil, err
	}
	return struct{}{}, a.EndCall(r.PathValue("id"), body.Reason)
}

// answerCall lets the phone take a call.
func (s *Server) answerCall(r *http.Request) (any, error) {
	a, err := s.account(r)
	if err != nil {
		return nil, err
	}
	return struct{}{}, a.AnswerCall(r.PathValue("id"))
}

// declineCall lets the phone refuse a call.
func (s *Server) declineCall(r *http.Request) (any, error) {
	a, err := s.account(r)
	if err != nil {
		return nil, err
	}
	return struct{}{}, a.DeclineCall(r.PathValue("id"))
}

// signalCall sends the devices another stanza about a call.
func (s *Server) signalCall(r *http.Request) (any, error) {
	a, err := s.account(r)
	if err != nil {
		return nil, err
	}
	var body struct {
		Tag string `json:"tag"`
	}
	if err = read(r, &body); err != nil {
		return nil, err
	}
	if body.Tag == "" {
		return nil, invalid("tag is missing")
	}
	return struct{}{}, a.SignalCall(r.PathValue("id"), body.Tag)
}
