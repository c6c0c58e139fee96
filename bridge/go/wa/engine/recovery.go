package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/appstate/lthash"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waSyncdSnapshotRecovery"
)

// The last rungs of the ladder: what the server has does not verify, so the phone is asked for its own
// copy of the collection. The notification by which a client gives up for good, and the phone unlinks
// all its devices, is never sent.

const (
	// copyWait is how long the phone has to answer.
	copyWait = 10 * time.Minute
	// copyPause is how long the phone is left alone after it was asked, whatever came of it.
	copyPause = 48 * time.Hour
	// wedgedPause is how long a wedged collection is left alone unless a full sync is asked for.
	wedgedPause = time.Hour
)

// Copy is the phone's answer to a request for its copy of a collection.
type Copy = waE2E.PeerDataOperationRequestResponseMessage_PeerDataOperationResult_SyncDSnapshotFatalRecoveryResponse

// patience says why a collection is to be left alone now; nil if it is not.
func (e *Engine) patience(ctx context.Context, c *collection) error {
	switch {
	case c.record.rung == rungCopy && !hasPassed(e.now(), c.record.copyAt, copyWait):
		return ErrAwaitingPhone
	case c.record.rung == rungCopy:
		e.options.Log.Warn("app_state_copy_overdue", "collection", c.name)
		return e.wedge(ctx, c)
	case c.record.rung == rungWedged && !hasPassed(e.now(), c.record.triedAt, wedgedPause):
		return ErrBroken
	}
	return nil
}

// giveUp goes on from a full sync that didn't verify: it asks the phone, unless that was done lately.
func (e *Engine) giveUp(ctx context.Context, c *collection) error {
	asked := c.record.copyAt
	switch {
	case c.record.rung == rungCopy && !hasPassed(e.now(), asked, copyWait):
		return ErrAwaitingPhone
	case !asked.IsZero() && !hasPassed(e.now(), asked, copyPause):
		return e.wedge(ctx, c)
	}
	c.record.copyAt = e.now()
	if err := e.climb(ctx, c, rungCopy); err != nil {
		return err
	}
	e.options.Counters.CopiesAsked.Add(1)
	e.options.Go("app_state_copy", func() { e.askForCopy(c, asked) })
	e.expectCopy(c)
	return ErrAwaitingPhone
}

func (e *Engine) wedge(ctx context.Context, c *collection) error {
	e.options.Log.Warn("app_state_wedged", "collection", c.name, "version", c.record.version)
	e.options.Counters.Wedged.Add(1)
	if err := e.climb(ctx, c, rungWedged); err != nil {
		return err
	}
	return ErrBroken
}

// expectCopy has the collection looked at again when the phone's time is over.
func (e *Engine) expectCopy(c *collection) {
	left := max(0, c.record.copyAt.Add(copyWait).Sub(e.now()))
	time.AfterFunc(min(left, copyWait)+time.Millisecond, func() { e.poke(c.name) })
}

// askForCopy asks the phone. If that can't be sent nobody was asked, so that it may be tried again.
func (e *Engine) askForCopy(c *collection, askedBefore time.Time) {
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	e.options.Log.Info("app_state_copy_requested", "collection", c.name)
	if e.options.Wire.RequestCopy(ctx, c.name) == nil {
		return
	}
	e.options.Log.Warn("app_state_copy_request_failed", "collection", c.name)
	if e.take(context.Background()) != nil {
		return
	}
	defer e.giveBack()
	if c.record.rung == rungCopy {
		c.record.copyAt = askedBefore
		if err := e.wedge(ctx, c); !errors.Is(err, ErrBroken) {
			e.logFailure("app_state_wedged_not_kept", c.name, err)
		}
	}
}

// TakeCopy puts the phone's copy of a collection that nothing else could mend in place of the stored
// one, and fetches what came after it. A copy that nobody waits for is left alone.
func (e *Engine) TakeCopy(ctx context.Context, answer *Copy) error {
	found, err := parseCopy(answer)
	if err != nil {
		return err
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	if err := e.take(ctx); err != nil {
		return err
	}
	defer e.giveBack()
	c, err := e.open(ctx, appstate.WAPatchName(found.GetCollectionName()))
	if err != nil {
		return err
	}
	if c.record.rung != rungCopy && c.record.rung != rungWedged {
		return nil
	}
	if err := e.adopt(ctx, c, found); err != nil {
		e.logFailure("app_state_copy_refused", c.name, err)
		return err
	}
	e.options.Log.Info("app_state_copy_taken", "collection", c.name, "version", c.record.version)
	e.options.Counters.CopiesTaken.Add(1)
	return e.catchUp(ctx, c)
}

// adopt decodes a copy on a scratch, makes the self check, and commits it.
func (e *Engine) adopt(
	ctx context.Context, c *collection, found *waSyncdSnapshotRecovery.SyncdSnapshotRecovery,
) error {
	s := newScratch(nil, appstate.HashState{})
	mutations, err := e.decodeCopy(ctx, s, found)
	if err != nil {
		return err
	}
	if !s.isSound() {
		return fmt.Errorf("%w: the phone's copy fails the self check", errCorrupt)
	}
	c.notice(mutations)
	if err := e.commit(ctx, c, s); err != nil {
		return err
	}
	e.emit(ctx, c, batch{scratch: s, mutations: mutations})
	return nil
}

// catchUp fetches what came after a copy. If that does not verify, nothing is left to be tried.
func (e *Engine) catchUp(ctx context.Context, c *collection) error {
	err := e.follow(ctx, c, nil)
	if errors.Is(err, errCorrupt) {
		e.logFailure("app_state_fetch_corrupt", c.name, err)
		err = e.wedge(ctx, c)
	} else if err != nil {
		e.poke(c.name)
	}
	return e.settle(ctx, c, err)
}

func (e *Engine) decodeCopy(
	ctx context.Context, s *scratch, found *waSyncdSnapshotRecovery.SyncdSnapshotRecovery,
) (mutations []appstate.Mutation, err error) {
	defer func() {
		if recover() != nil {
			err = fmt.Errorf("%w: the decoder panicked", errCorrupt)
		}
	}()
	if found.GetVersion().GetVersion() == 0 {
		return nil, fmt.Errorf("%w: a copy without a version", errCorrupt)
	}
	e.reader.AppState = s
	mutations, err = e.processor.ProcessRecovery(ctx, found)
	return mutations, fromDecoder(ctx, err)
}

func parseCopy(answer *Copy) (found *waSyncdSnapshotRecovery.SyncdSnapshotRecovery, err error) {
	defer func() {
		if recover() != nil {
			err = ErrBadAnswer
		}
	}()
	found, err = appstate.ParseRecovery(answer)
	if err != nil {
		return nil, ErrBadAnswer // its text may hold what the copy says
	}
	return found, nil
}

// isSound is the self check of a scratch that holds a whole collection.
func (s *scratch) isSound() bool {
	macs := make([][]byte, 0, len(s.macs))
	for _, mac := range s.macs {
		if mac != nil {
			macs = append(macs, mac)
		}
	}
	var zero [128]byte
	sum := lthash.WAPatchIntegrity.SubtractThenAdd(zero[:], nil, macs)
	return bytes.Equal(sum, s.state.Hash[:])
}
