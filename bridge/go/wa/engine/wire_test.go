package engine

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waServerSync"
	"google.golang.org/protobuf/proto"

	"wuts/sim/syncd"
)

// memoryWire carries requests to the account's book without any connection.
type memoryWire struct {
	t       *testing.T
	account *account
	device  uint16

	mu         sync.Mutex
	connected  bool
	roundTrip  time.Duration
	queries    []waBinary.Node
	violations []syncd.Violation
	requested  [][]byte
	requestErr error
	copies     []appstate.WAPatchName // that the phone was asked for
	copyErr    error
	blob       []byte
	disturb    []disturbance
	always     disturbance
}

// disturbance stands between a request and its answer; forward asks the server.
type disturbance func(request waBinary.Node, forward func() waBinary.Node) (waBinary.Node, error)

func (w *memoryWire) IsConnected() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.connected
}

func (w *memoryWire) setConnected(connected bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.connected = connected
}

// next disturbs the following requests, one each; nil lets one pass.
func (w *memoryWire) next(disturbances ...disturbance) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.disturb = append(w.disturb, disturbances...)
}

func (w *memoryWire) setAlways(d disturbance) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.always = d
}

func (w *memoryWire) takeQueries() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	count := len(w.queries)
	w.queries = nil
	return count
}

func (w *memoryWire) Query(
	ctx context.Context, request waBinary.Node, timeout time.Duration,
) (waBinary.Node, error) {
	if !w.IsConnected() {
		return waBinary.Node{}, whatsmeow.ErrNotConnected
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	request = overWire(w.t, request)
	w.mu.Lock()
	w.queries = append(w.queries, request)
	length, disturb := w.roundTrip, w.always
	if len(w.disturb) > 0 {
		disturb, w.disturb = w.disturb[0], w.disturb[1:]
	}
	w.mu.Unlock()
	if err := sleep(ctx, length); err != nil {
		return waBinary.Node{}, err
	}
	if disturb == nil {
		return w.forward(request), nil
	}
	return disturb(request, func() waBinary.Node { return w.forward(request) })
}

func (w *memoryWire) forward(request waBinary.Node) waBinary.Node {
	answer, changes, violations := w.account.book.Answer(w.device, request)
	w.mu.Lock()
	w.violations = append(w.violations, violations...)
	w.mu.Unlock()
	for _, change := range changes {
		w.account.notify(w.device, appstate.WAPatchName(change.Collection))
	}
	return overWire(w.t, answer)
}

func (w *memoryWire) Download(
	context.Context, *waServerSync.ExternalBlobReference,
) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.blob == nil {
		return nil, errors.New("no such blob")
	}
	return w.blob, nil
}

func (w *memoryWire) RequestKeys(_ context.Context, ids [][]byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.requested = append(w.requested, ids...)
	return w.requestErr
}

func (w *memoryWire) RequestCopy(_ context.Context, name appstate.WAPatchName) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.copies = append(w.copies, name)
	return w.copyErr
}

func (w *memoryWire) copiesAsked() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.copies)
}

func (w *memoryWire) requests() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.requested)
}

// takeViolations returns what the server complained about; what is left at the end fails the test.
func (w *memoryWire) takeViolations() []syncd.Violation {
	w.mu.Lock()
	defer w.mu.Unlock()
	taken := w.violations
	w.violations = nil
	return taken
}

func (w *memoryWire) mustBeClean() {
	if violations := w.takeViolations(); len(violations) > 0 {
		w.t.Errorf("violations %v", violations)
	}
}

// Dispatch fails as whatsmeow does on an index without words.
func (w *memoryWire) Dispatch(
	_ context.Context, _ appstate.WAPatchName, mutation appstate.Mutation, _ bool,
) {
	_ = mutation.Index[0]
	if mutation.Index[0] == appstate.IndexLabelEdit {
		_ = mutation.Index[1]
	}
}

// overWire gives a node the types that it has after a connection.
func overWire(t testing.TB, node waBinary.Node) waBinary.Node {
	data, err := waBinary.Marshal(node)
	if err != nil {
		t.Error(err)
		return node
	}
	read, err := waBinary.Unmarshal(data[1:])
	if err != nil {
		t.Error(err)
		return node
	}
	return *read
}

// The disturbances that tests choose from.

// loseAnswer lets the server apply the request and drops the answer.
func loseAnswer(_ waBinary.Node, forward func() waBinary.Node) (waBinary.Node, error) {
	forward()
	return waBinary.Node{}, whatsmeow.ErrIQTimedOut
}

// loseRequest drops the request before the server sees it.
func loseRequest(waBinary.Node, func() waBinary.Node) (waBinary.Node, error) {
	return waBinary.Node{}, &whatsmeow.DisconnectedError{Action: "info query"}
}

// answerError answers with an error of the request's own level.
func answerError(code int, text string) disturbance {
	return func(waBinary.Node, func() waBinary.Node) (waBinary.Node, error) {
		return waBinary.Node{}, &whatsmeow.IQError{Code: code, Text: text}
	}
}

// refuse answers with an error inside a successful answer.
func refuse(code, text string) disturbance {
	return func(request waBinary.Node, _ func() waBinary.Node) (waBinary.Node, error) {
		return refusedAnswer(request, code, text), nil
	}
}

func refusedAnswer(request waBinary.Node, code, text string) waBinary.Node {
	wanted := request.GetChildByTag("collection")
	return waBinary.Node{Tag: "sync", Content: []waBinary.Node{{
		Tag:   "collection",
		Attrs: waBinary.Attrs{"name": wanted.Attrs["name"], "type": "error"},
		Content: []waBinary.Node{{
			Tag: "error", Attrs: waBinary.Attrs{"code": code, "text": text},
		}},
	}}}
}

// uploaded returns the patch of an upload, nil of a fetch.
func uploaded(request waBinary.Node) *waServerSync.SyncdPatch {
	collection := request.GetChildByTag("collection")
	node, ok := collection.GetOptionalChildByTag("patch")
	if !ok {
		return nil
	}
	var patch waServerSync.SyncdPatch
	if err := proto.Unmarshal(node.Content.([]byte), &patch); err != nil {
		return nil
	}
	return &patch
}

// corruptPatches flips a bit in the snapshot MAC of each patch of an answer.
func corruptPatches(_ waBinary.Node, forward func() waBinary.Node) (waBinary.Node, error) {
	answer := forward()
	collection := answer.GetChildByTag("collection")
	patches := collection.GetChildByTag("patches")
	children := patches.GetChildren()
	for i := range children {
		var patch waServerSync.SyncdPatch
		if err := proto.Unmarshal(children[i].Content.([]byte), &patch); err != nil {
			return answer, err
		}
		patch.SnapshotMAC[0] ^= 1
		raw, err := proto.Marshal(&patch)
		if err != nil {
			return answer, err
		}
		children[i].Content = raw
	}
	return answer, nil
}
