package control

import (
	"net/http"
	"strconv"

	"wuts/sim"
	"wuts/sim/faults"
)

func (s *Server) listFaults(*http.Request) (any, error) {
	return map[string]any{"faults": append([]faults.Rule{}, s.sim.Faults().List()...)}, nil
}

func (s *Server) addFault(r *http.Request) (any, error) {
	var rule faults.Rule
	if err := read(r, &rule); err != nil {
		return nil, err
	}
	id, err := s.sim.Faults().Add(rule)
	return map[string]int{"id": id}, err
}

func (s *Server) clearFaults(*http.Request) (any, error) {
	s.sim.Faults().Clear()
	return struct{}{}, nil
}

func (s *Server) removeFault(r *http.Request) (any, error) {
	id, err := strconv.Atoi(r.PathValue("id"))
	if err != nil || !s.sim.Faults().Remove(id) {
		return nil, failure{http.StatusNotFound, "no such fault"}
	}
	return struct{}{}, nil
}

// release sends what rules hold.
func (s *Server) release(*http.Request) (any, error) {
	return map[string]int{"released": s.sim.Release()}, nil
}

func (s *Server) setVersionFloor(r *http.Request) (any, error) {
	var body struct {
		Version string `json:"version"`
	}
	if err := read(r, &body); err != nil {
		return nil, err
	}
	return struct{}{}, s.sim.SetVersionFloor(body.Version)
}

func (s *Server) receipts(r *http.Request) (any, error) {
	a, err := s.account(r)
	if err != nil {
		return nil, err
	}
	return map[string]any{"receipts": a.Receipts(0)}, nil
}

func (s *Server) acks(r *http.Request) (any, error) {
	a, err := s.account(r)
	if err != nil {
		return nil, err
	}
	return map[string]any{"acks": a.Acks(0)}, nil
}

// drop cuts a device's connection without a word.
func (s *Server) drop(r *http.Request) (any, error) {
	a, id, err := s.accountAndDevice(r)
	if err != nil {
		return nil, err
	}
	return struct{}{}, a.Drop(id)
}

// end ends a device's connection with a stream error.
func (s *Server) end(r *http.Request) (any, error) {
	a, id, err := s.accountAndDevice(r)
	if err != nil {
		return nil, err
	}
	var body struct {
		What string `json:"what"`
	}
	if err = read(r, &body); err != nil {
		return nil, err
	}
	return struct{}{}, a.End(id, body.What)
}

func (s *Server) accountAndDevice(r *http.Request) (*sim.Account, uint16, error) {
	a, err := s.account(r)
	if err != nil {
		return nil, 0, err
	}
	id, err := device(r)
	return a, id, err
}

func (s *Server) ban(r *http.Request) (any, error) {
	a, err := s.account(r)
	if err != nil {
		return nil, err
	}
	var body struct {
		Code    int `json:"code"`
		ExpireS int `json:"expire_s"`
	}
	if err = read(r, &body); err != nil {
		return nil, err
	}
	if body.Code < 0 || body.ExpireS < 0 {
		return nil, invalid("code and expire_s can't be negative")
	}
	a.Ban(body.Code, body.ExpireS)
	return struct{}{}, nil
}

func (s *Server) losePhone(r *http.Request) (any, error) {
	a, err := s.account(r)
	if err != nil {
		return nil, err
	}
	a.LosePhone()
	return struct{}{}, nil
}

// restore lets the devices of a refused account log in again.
func (s *Server) restore(r *http.Request) (any, error) {
	a, err := s.account(r)
	if err != nil {
		return nil, err
	}
	a.Refuse(sim.Refusal{})
	return struct{}{}, nil
}
