package control

import "net/http"

// showTexts lists what the devices wrote to others.
func (s *Server) showTexts(r *http.Request) (any, error) {
	a, err := s.account(r)
	if err != nil {
		return nil, err
	}
	return map[string]any{"messages": a.Texts()}, nil
}

// showPresence lists what the devices said of themselves and of their typing.
func (s *Server) showPresence(r *http.Request) (any, error) {
	a, err := s.account(r)
	if err != nil {
		return nil, err
	}
	return map[string]any{"presence": a.Presences()}, nil
}

// showTimers lists how long the devices wanted messages to last.
func (s *Server) showTimers(r *http.Request) (any, error) {
	a, err := s.account(r)
	if err != nil {
		return nil, err
	}
	return map[string]any{"disappearing": a.Timers()}, nil
}
