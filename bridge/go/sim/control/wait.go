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

// condition is what a wait is for: a device's state, an entry of the app state, a device's refusal of a
// call, or something that a device wrote.
//
//	{"account":"1555…","device":1,"state":"online"|"active"|"offline"}
//	{"account":"1555…","collection":"regular_low","index":["archive","…"],"present":true,
//	 "value":{"archiveChatAction":{"archived":true}}}
//	{"account":"1555…","reject":"<call id>"}
//	{"account":"1555…","message":{"id":"…","to":"…","text":"…"}}
//
// An active device is one that is online and has asked for what waits for it. A value and a message are
// matched as far as they are given; present is true unless said otherwise.
type condition struct {
	Account    string          `json:"account"`
	Device     *uint16         `json:"device"`
	State      string          `json:"state"`
	Collection string          `json:"collection"`
	Index      []string        `json:"index"`
	Present    *bool           `json:"present"`
	Value      json.RawMessage `json:"value"`
	Reject     string          `json:"reject"`
	Message    *messageFilter  `json:"message"`
}

// messageFilter picks messages by what is given of them. Both JIDs of a person are good.
type messageFilter struct {
	ID   string `json:"id"`
	To   string `json:"to"`
	Text string `json:"text"`
}

func (f messageFilter) fits(text sim.Text) bool {
	return (f.ID == "" || f.ID == text.ID) && (f.Text == "" || f.Text == text.Text) &&
		(f.To == "" || f.To == text.To.String() || f.To == text.PN.String())
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
	case c.kinds() != 1:
	case c.Device != nil:
		return c.deviceState(a, *c.Device)
	case c.Reject != "":
		return func() bool { return isRejected(a, c.Reject) }, nil
	case c.Message != nil:
		return func() bool { return slices.ContainsFunc(a.Texts(), c.Message.fits) }, nil
	case c.Index != nil:
		return c.entryState(a)
	}
	return nil, invalid("a condition has a device and a state, a collection and an index, a reject, or a message")
}

// kinds is how many things the condition is about at once.
func (c condition) kinds() int {
	count := 0
	for _, isGiven := range []bool{c.Device != nil, c.Collection != "", c.Reject != "", c.Message != nil} {
		if isGiven {
			count++
		}
	}
	return count
}

func isRejected(a *sim.Account, id string) bool {
	return slices.ContainsFunc(a.Calls(), func(call sim.Call) bool {
		return call.ID == id && len(call.Rejects) > 0
	})
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
