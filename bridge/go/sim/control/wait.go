package control

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"slices"

	"wuts/sim"
	"wuts/sim/syncd"
)

// condition is what a wait is for: a device's state, or an entry of the app state.
//
//	{"account":"1555…","device":1,"state":"online"|"active"|"offline"}
//	{"account":"1555…","collection":"regular_low","index":["archive","…"],"present":true,
//	 "value":{"archiveChatAction":{"archived":true}}}
//
// An active device is one that is online and has asked for what waits for it. A value is matched
// as far as it is given; present is true unless said otherwise.
type condition struct {
	Account    string          `json:"account"`
	Device     *uint16         `json:"device"`
	State      string          `json:"state"`
	Collection string          `json:"collection"`
	Index      []string        `json:"index"`
	Present    *bool           `json:"present"`
	Value      json.RawMessage `json:"value"`
}

func (s *Server) wait(r *http.Request) (any, error) {
	var body struct {
		Condition condition `json:"condition"`
		Timeout   string    `json:"timeout"`
	}
	if err := read(r, &body); err != nil {
		return nil, err
	}
	length, err := waitFor(body.Timeout)
	if err != nil {
		return nil, err
	}
	a, ok := s.sim.Account(body.Condition.Account)
	if !ok {
		return nil, failure{http.StatusNotFound, "no such account"}
	}
	holds, err := body.Condition.compile(a)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), length)
	defer cancel()
	if err = s.sim.Wait(ctx, holds); err != nil {
		return nil, failure{http.StatusRequestTimeout, "the condition did not come true in time"}
	}
	return map[string]bool{"met": true}, nil
}

// compile turns the condition into a function that can be asked again and again.
func (c condition) compile(a *sim.Account) (func() bool, error) {
	switch {
	case c.Device != nil && c.Collection == "":
		return c.deviceState(a, *c.Device)
	case c.Device == nil && c.Collection != "" && c.Index != nil:
		return c.entryState(a)
	default:
		return nil, invalid("a condition has a device and a state, or a collection and an index")
	}
}

func (c condition) deviceState(a *sim.Account, id uint16) (func() bool, error) {
	switch c.State {
	case "online":
		return func() bool { return a.Online(id) }, nil
	case "active":
		return func() bool { return a.Active(id) }, nil
	case "offline":
		return func() bool { return !a.Online(id) }, nil
	default:
		return nil, invalid("state is none of online, active, offline")
	}
}

func (c condition) entryState(a *sim.Account) (func() bool, error) {
	if _, err := a.Book().View(c.Collection); err != nil {
		return nil, err
	}
	var wanted any
	if len(c.Value) > 0 {
		if err := json.Unmarshal(c.Value, &wanted); err != nil {
			return nil, invalid("value: %v", err)
		}
	}
	present := c.Present == nil || *c.Present
	return func() bool {
		view, err := a.Book().View(c.Collection)
		return err == nil && present == slices.ContainsFunc(view.Entries, func(e syncd.Entry) bool {
			return slices.Equal(e.Index, c.Index) && matches(e.Value, wanted)
		})
	}, nil
}

func matches(value json.RawMessage, wanted any) bool {
	var found any
	return json.Unmarshal(value, &found) == nil && contains(found, wanted)
}

// contains says whether everything that is wanted is found; nil wants nothing.
func contains(found, wanted any) bool {
	fields, ok := wanted.(map[string]any)
	if !ok {
		return wanted == nil || reflect.DeepEqual(found, wanted)
	}
	inside, ok := found.(map[string]any)
	if !ok {
		return false
	}
	for name, field := range fields {
		if _, ok = inside[name]; !ok || !contains(inside[name], field) {
			return false
		}
	}
	return true
}
