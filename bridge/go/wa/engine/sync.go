package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mau.fi/whatsmeow/appstate"
)

const (
	// longestCall bounds a call whose context has no deadline.
	longestCall = time.Minute
	// fullTries is how often a full sync that does not verify is made before giving up.
	fullTries = 2
)

// Sync brings a collection up to date and returns its version; full fetches all of it anew, also
// when it is wedged. It raises ErrNoKeys, ErrAwaitingPhone, ErrBroken, ErrNotConnected, ErrStorage,
// ErrBadAnswer, a *ServerError or the context's error.
func (e *Engine) Sync(
	ctx context.Context, name appstate.WAPatchName, full bool,
) (uint64, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	if err := e.take(ctx); err != nil {
		return 0, err
	}
	defer e.giveBack()
	c, err := e.open(ctx, name)
	if err != nil {
		return 0, err
	}
	err = e.refresh(ctx, c, full, nil)
	return c.record.version, err
}

// refresh climbs the ladder as far as it must: incremental fetch, once more if only the transport
// can be blamed, full sync. It looks for the given patches on the way; they may be nil.
func (e *Engine) refresh(ctx context.Context, c *collection, full bool, sent *sentPatches) error {
	if err := e.patience(ctx, c); err != nil && !full {
		return err
	}
	if full || c.record.rung != rungFollow || !c.record.isFetched() {
		return e.settle(ctx, c, e.rebuild(ctx, c, sent))
	}
	err := e.follow(ctx, c, sent)
	if errors.Is(err, errCorrupt) {
		if sound, checkErr := e.isSound(ctx, c); checkErr == nil && sound {
			err = e.follow(ctx, c, sent)
		}
	}
	if errors.Is(err, errCorrupt) {
		e.logFailure("app_state_fetch_corrupt", c.name, err)
		if err := e.climb(ctx, c, rungFull); err != nil {
			return err
		}
		err = e.rebuild(ctx, c, sent)
	}
	return e.settle(ctx, c, err)
}

// settle ends a refresh: it notes what the collection waits for, if anything.
func (e *Engine) settle(ctx context.Context, c *collection, err error) error {
	switch {
	case err == nil:
		_, keyErr := e.keys.latest(ctx)
		c.awaitingKeys = errors.Is(keyErr, ErrNoKeys)
		c.record.lastOK, c.isBehind = e.now(), false
	case errors.Is(err, ErrNoKeys):
		c.awaitingKeys = true
	}
	e.publish(c, false)
	return err
}

// follow fetches and commits page by page what came after the stored version.
func (e *Engine) follow(ctx context.Context, c *collection, sent *sentPatches) error {
	state, err := e.state(ctx, c.name)
	for more := true; more && err == nil; {
		var list *appstate.PatchList
		list, err = e.fetch(ctx, c.name, state.Version, false)
		if err != nil {
			return err
		}
		before := state
		state, err = e.advance(ctx, c, patches{list: list, base: state, sent: sent})
		more = list.HasMorePatches
		if more && err == nil && state == before {
			return fmt.Errorf("%w: a page without news", ErrBadAnswer)
		}
	}
	return err
}

// patches is a list from the server with the state it builds on.
type patches struct {
	list *appstate.PatchList
	base appstate.HashState
	sent *sentPatches
}

// advance verifies patches on a scratch, commits and reports them.
func (e *Engine) advance(
	ctx context.Context, c *collection, p patches,
) (appstate.HashState, error) {
	s := newScratch(e.store, p.base)
	mutations, next, err := e.decode(ctx, s, p)
	if err != nil || next == p.base {
		return p.base, err
	}
	c.notice(mutations)
	if err := e.commit(ctx, c, s); err != nil {
		return p.base, err
	}
	e.emit(ctx, c, batch{scratch: s, mutations: mutations, own: p.sent.versionsSeen()})
	return next, nil
}

// rebuild fetches the whole collection and puts it in place of the stored copy, which stays until
// the new one has verified. What doesn't verify twice only the phone can mend.
func (e *Engine) rebuild(ctx context.Context, c *collection, sent *sentPatches) error {
	err := e.replace(ctx, c, sent)
	for try := 1; errors.Is(err, errCorrupt) && try < fullTries; try++ {
		err = e.replace(ctx, c, sent)
	}
	if !errors.Is(err, errCorrupt) {
		return err
	}
	e.logFailure("app_state_full_sync_corrupt", c.name, err)
	return e.giveUp(ctx, c)
}

func (e *Engine) replace(ctx context.Context, c *collection, sent *sentPatches) error {
	s := newScratch(nil, appstate.HashState{})
	var state appstate.HashState
	var mutations []appstate.Mutation
	for more, whole := true, true; more; whole = false {
		list, err := e.fetch(ctx, c.name, state.Version, whole)
		if err != nil {
			return err
		}
		decoded, next, err := e.decode(ctx, s, patches{list: list, base: state, sent: sent})
		if err != nil {
			return err
		}
		more = list.HasMorePatches
		if more && next == state {
			return fmt.Errorf("%w: a page without news", ErrBadAnswer)
		}
		state, mutations = next, append(mutations, decoded...)
	}
	c.notice(mutations)
	if err := e.commit(ctx, c, s); err != nil {
		return err
	}
	c.awaitingKeys = false
	e.options.Counters.FullSyncs.Add(1)
	e.emit(ctx, c, batch{scratch: s, mutations: mutations, own: sent.versionsSeen()})
	return nil
}

// decode verifies patches on a scratch. Those that the state already has are left out; a panic in
// the decoder is a patch that does not verify. Keys that are missing are asked for.
func (e *Engine) decode(
	ctx context.Context, s *scratch, p patches,
) (mutations []appstate.Mutation, next appstate.HashState, err error) {
	defer func() {
		if recover() != nil {
			err = fmt.Errorf("%w: the decoder panicked", errCorrupt)
		}
	}()
	list := *p.list
	list.Patches = nil
	for _, patch := range p.list.Patches {
		if patch.GetVersion().GetVersion() > p.base.Version {
			list.Patches = append(list.Patches, patch)
		}
	}
	e.reader.AppState = s
	mutations, next, err = e.processor.DecodePatches(ctx, &list, p.base, true)
	if err = fromDecoder(ctx, err); err != nil {
		if errors.Is(err, ErrNoKeys) {
			e.askForKeys(ctx, &list)
		}
		return nil, p.base, err
	}
	p.sent.look(&list)
	return mutations, next, nil
}

func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, longestCall)
}
