package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.mau.fi/whatsmeow/appstate"
)

// Outcome says what became of the mutations of one Apply.
type Outcome struct {
	Version   uint64 // the version that the last accepted patch made
	Trips     int    // requests to the server, normally one
	Conflicts int    // patches that came too late and were made anew
	Rejected  []Rejection
}

// Rejection is a mutation that the server refused for itself, by its place in the request.
type Rejection struct {
	Position int
	Code     int
	Text     string
}

// segment is a run of the mutations of a request.
type segment struct {
	position  int
	mutations []appstate.MutationInfo
}

// Apply uploads the mutations as one patch and returns when the server has accepted it. A conflict
// is rebased until the deadline, a lost answer looked up. If the server refuses the patch it is
// halved until the guilty mutations stand alone; if none is accepted that is a *ServerError.
//
// Errors that mean that nothing was sent: ErrUnknownCollection, ErrEmpty, ErrTooLarge,
// ErrDuplicateIndex, ErrNoKeys, ErrNotFetched, ErrOwnPatch, ErrAwaitingPhone, ErrBroken,
// ErrNotConnected, ErrStorage and the context's. ErrUnknownOutcome means that something was, and that
// repeating is safe.
func (e *Engine) Apply(
	ctx context.Context, name appstate.WAPatchName, mutations []appstate.MutationInfo,
) (Outcome, error) {
	if err := validate(mutations); err != nil {
		return Outcome{}, err
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	if err := e.take(ctx); err != nil {
		return Outcome{}, err
	}
	defer e.giveBack()
	before := e.trips
	c, err := e.ready(ctx, name)
	if err != nil {
		return Outcome{Trips: e.trips - before}, err
	}
	u := &upload{engine: e, collection: c}
	err = u.run(ctx, segment{mutations: mutations})
	u.outcome.Trips = e.trips - before
	return u.outcome, err
}

// validate refuses what would give a patch that other devices can't verify or that WhatsApp Web
// would not send inline.
func validate(mutations []appstate.MutationInfo) error {
	if len(mutations) == 0 {
		return ErrEmpty
	}
	if len(mutations) > MaxMutations {
		return ErrTooLarge
	}
	seen := make(map[string]bool, len(mutations))
	for _, mutation := range mutations {
		if mutation.Value == nil {
			return ErrEmpty
		}
		index := strings.Join(mutation.Index, "\x00")
		if seen[index] {
			return ErrDuplicateIndex
		}
		seen[index] = true
	}
	return nil
}

// ready opens a collection for writing: with a key, fetched at least once, and sound.
func (e *Engine) ready(ctx context.Context, name appstate.WAPatchName) (*collection, error) {
	c, err := e.open(ctx, name)
	if err != nil {
		return nil, err
	}
	if _, err := e.keys.latest(ctx); err != nil {
		// The fetch tells the ids of the keys to ask for.
		e.poke(name)
		return nil, err
	}
	if c.record.rung == rungFollow && c.record.isFetched() && !c.isBehind {
		return c, nil
	}
	err = e.refresh(ctx, c, false, nil)
	var refused *ServerError
	if errors.As(err, &refused) || errors.Is(err, ErrBadAnswer) {
		err = fmt.Errorf("%w: %w", ErrNotFetched, err)
	}
	return c, err
}

// run uploads a request, halving what is refused.
func (u *upload) run(ctx context.Context, request segment) error {
	var refusal *ServerError
	for waiting := []segment{request}; len(waiting) > 0; {
		next := waiting[0]
		waiting = waiting[1:]
		refused, err := u.place(ctx, next.mutations)
		switch {
		case err != nil:
			return u.explain(err)
		case refused == nil:
			u.accepted++
			u.engine.options.Counters.Patches.Add(1)
			u.engine.options.Counters.Mutations.Add(int64(len(next.mutations)))
		case len(next.mutations) > 1:
			waiting = append(next.halves(), waiting...)
		default:
			refusal = refused
			u.outcome.Rejected = append(u.outcome.Rejected, Rejection{
				Position: next.position, Code: refused.Code, Text: refused.Text,
			})
		}
	}
	if u.accepted == 0 {
		return refusal
	}
	return nil
}

// explain adds to an error whether something may have been applied nevertheless.
func (u *upload) explain(err error) error {
	switch {
	case u.unsure || u.accepted > 0:
		u.engine.poke(u.collection.name)
		return fmt.Errorf("%w (%s)", ErrUnknownOutcome, kindOf(err))
	case u.outcome.Conflicts > 0 && errors.Is(err, context.DeadlineExceeded):
		return ErrConflict
	}
	return err
}

func (s segment) halves() []segment {
	middle := len(s.mutations) / 2
	return []segment{
		{position: s.position, mutations: s.mutations[:middle]},
		{position: s.position + middle, mutations: s.mutations[middle:]},
	}
}
