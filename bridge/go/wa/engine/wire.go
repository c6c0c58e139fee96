package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waServerSync"
)

const (
	// maxAnswerTime is how long one answer is waited for; half of what is left of a deadline, if
	// that is shorter, so that time is left to find out what became of a lost one.
	maxAnswerTime = 10 * time.Second
	// maxConnectTime is how long a reconnecting socket is waited for before anything was sent.
	maxConnectTime = 5 * time.Second
	// maxFetchTries bounds the repetitions of a fetch whose answer is lost.
	maxFetchTries = 3
)

// Wire is what the engine needs of a connected client.
type Wire interface {
	// IsConnected tells whether the client is connected and logged in.
	IsConnected() bool
	// Query sends a <sync> element and returns the one of the answer. Its errors are whatsmeow's:
	// ErrNotConnected means never sent, *IQError is the server's, all others are unknown fate.
	Query(ctx context.Context, sync waBinary.Node, timeout time.Duration) (waBinary.Node, error)
	// Download fetches a blob that an answer points to.
	Download(ctx context.Context, blob *waServerSync.ExternalBlobReference) ([]byte, error)
	// RequestKeys asks the phone for keys; nil means that the question was sent.
	RequestKeys(ctx context.Context, ids [][]byte) error
	// RequestCopy asks the phone for its copy of a collection; nil means that the question was sent.
	RequestCopy(ctx context.Context, name appstate.WAPatchName) error
	// Dispatch lets whatsmeow keep what it wants of a mutation and tell its own event handlers.
	Dispatch(
		ctx context.Context, name appstate.WAPatchName, mutation appstate.Mutation, full bool,
	)
}

// query sends one <collection> element and returns the one of the answer, whatever it says.
func (e *Engine) query(ctx context.Context, collection waBinary.Node) (waBinary.Node, error) {
	if err := e.awaitConnection(ctx, maxConnectTime); err != nil {
		return waBinary.Node{}, err
	}
	e.trips++
	request := waBinary.Node{Tag: "sync", Content: []waBinary.Node{collection}}
	answer, err := e.options.Wire.Query(ctx, request, answerTime(ctx))
	if err != nil {
		return waBinary.Node{}, fromWire(ctx, err)
	}
	found, ok := answer.GetOptionalChildByTag("collection")
	if !ok {
		return waBinary.Node{}, ErrBadAnswer
	}
	return found, nil
}

// fetch asks for the patches after a version, or for the whole. Nothing is changed by it, so that a
// lost answer is simply asked for again.
func (e *Engine) fetch(
	ctx context.Context, name appstate.WAPatchName, after uint64, whole bool,
) (*appstate.PatchList, error) {
	attributes := waBinary.Attrs{"name": string(name), "return_snapshot": whole}
	if !whole {
		attributes["version"] = after
	}
	request := waBinary.Node{Tag: "collection", Attrs: attributes}
	answer, err := e.query(ctx, request)
	for try := 1; errors.Is(err, errLost) && ctx.Err() == nil && try < maxFetchTries; try++ {
		answer, err = e.query(ctx, request)
	}
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, errLost):
		return nil, ErrNotConnected
	case err != nil:
		return nil, err
	}
	if refusal := refusalIn(answer); refusal != nil {
		return nil, refusal
	}
	list, err := e.parse(ctx, answer)
	if err == nil && list.Snapshot != nil && !whole {
		return nil, fmt.Errorf("%w: a snapshot nobody asked for", ErrBadAnswer)
	}
	return list, err
}

// parse reads the patches of a <collection> element and downloads what it only points to.
func (e *Engine) parse(
	ctx context.Context, answer waBinary.Node,
) (list *appstate.PatchList, err error) {
	defer func() {
		if recover() != nil {
			list, err = nil, ErrBadAnswer
		}
	}()
	list, err = appstate.ParsePatchList(ctx, &answer, e.options.Wire.Download)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, ErrBadAnswer // its text may hold the address of a blob
	}
	return list, nil
}

// refusalIn returns the error that a <collection> element carries inside a successful answer.
func refusalIn(answer waBinary.Node) *ServerError {
	if answer.AttrGetter().OptionalString("type") != "error" {
		return nil
	}
	reason, _ := answer.GetOptionalChildByTag("error")
	attributes := reason.AttrGetter()
	return &ServerError{
		Code: attributes.OptionalInt("code"), Text: attributes.OptionalString("text"),
	}
}

// awaitConnection waits for a connection, at most for the given time and until the context ends.
func (e *Engine) awaitConnection(ctx context.Context, longest time.Duration) error {
	timer := time.NewTimer(longest)
	defer timer.Stop()
	for {
		announced := e.pokes.announced()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case e.options.Wire.IsConnected():
			return nil
		}
		select {
		case <-announced:
		case <-timer.C:
			return ErrNotConnected
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func answerTime(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return maxAnswerTime
	}
	return max(min(time.Until(deadline)/2, maxAnswerTime), time.Millisecond)
}
