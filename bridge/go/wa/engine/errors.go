package engine

import (
	"context"
	"errors"
	"fmt"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
)

// What Apply and Sync report; tell them apart with errors.Is.
var (
	// ErrDoor answers every call that whatsmeow itself makes to the app-state tables.
	ErrDoor = errors.New("app state belongs to the engine")
	// ErrUnknownCollection means that the name is none of the five collections.
	ErrUnknownCollection = errors.New("unknown collection")
	// ErrEmpty means that there was no mutation to apply.
	ErrEmpty = errors.New("no mutations")
	// ErrTooLarge means more than MaxMutations mutations or MaxPatchBytes bytes in one patch.
	ErrTooLarge = errors.New("patch too large")
	// ErrDuplicateIndex means that two mutations of one patch have the same index.
	ErrDuplicateIndex = errors.New("two mutations of one index")
	// ErrNoKeys means that a key is missing; the phone has been asked for it. Nothing was sent.
	ErrNoKeys = errors.New("no app state key yet")
	// ErrNotFetched means that the first fetch has not succeeded. Nothing was sent.
	ErrNotFetched = errors.New("collection not fetched yet")
	// ErrOwnPatch means that the patch just made does not verify. Nothing was sent.
	ErrOwnPatch = errors.New("own patch does not verify")
	// ErrBroken means that the ladder is exhausted: the collection is wedged.
	ErrBroken = errors.New("collection is wedged")
	// ErrAwaitingPhone means that the phone has been asked for its copy. Nothing was sent.
	ErrAwaitingPhone = errors.New("waiting for the phone's copy")
	// ErrNotConnected means that no connection came in time. Nothing was sent.
	ErrNotConnected = fmt.Errorf("app state: %w", whatsmeow.ErrNotConnected)
	// ErrConflict means that others wrote first each time until the deadline. Nothing was applied.
	ErrConflict = errors.New("others kept writing first")
	// ErrUnknownOutcome means that something was sent and its fate was not known by the deadline.
	ErrUnknownOutcome = errors.New("outcome unknown")
	// ErrStorage means that the device store could not be read or written. Nothing was sent.
	ErrStorage = errors.New("device store failed")
	// ErrBadAnswer means that the server's answer, or a blob it points to, can't be read.
	ErrBadAnswer = errors.New("server's answer can't be read")
)

// errCorrupt marks patches that do not fit what is stored; the ladder answers it.
var errCorrupt = errors.New("patches do not verify")

// errLost marks a request that was sent and whose answer never came.
var errLost = errors.New("answer lost")

// ServerError is a refusal by the server, with its own code and text.
type ServerError struct {
	Code int
	Text string
}

func (e *ServerError) Error() string { return fmt.Sprintf("server refused: %d %s", e.Code, e.Text) }

// isRefusal tells whether the code blames what was sent rather than the moment.
func (e *ServerError) isRefusal() bool {
	return e.Code == 400 || e.Code == 404 || e.Code == 405 || e.Code == 406
}

// fromWire translates an error of Wire.Query: it was never sent, the server answered with an
// error, the caller's context ended, or nobody knows.
func fromWire(ctx context.Context, err error) error {
	var refused *whatsmeow.IQError
	switch {
	case errors.Is(err, whatsmeow.ErrNotConnected):
		return ErrNotConnected
	case errors.As(err, &refused):
		return &ServerError{Code: refused.Code, Text: refused.Text}
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %w", errLost, ctx.Err())
	default:
		return errLost
	}
}

// fromDecoder translates an error of the whatsmeow processor. What is neither a missing key nor a
// failing store is a patch that does not fit.
func fromDecoder(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, ErrStorage):
		return err
	case errors.Is(err, appstate.ErrKeyNotFound):
		return ErrNoKeys
	}
	for _, mismatch := range mismatches {
		if errors.Is(err, mismatch) {
			return fmt.Errorf("%w: %w", errCorrupt, mismatch)
		}
	}
	return errCorrupt
}

// mismatches are what the processor may find; its own texts name keys and mutations.
var mismatches = []error{
	appstate.ErrMismatchingLTHash, appstate.ErrMismatchingPatchMAC,
	appstate.ErrMismatchingContentMAC, appstate.ErrMismatchingIndexMAC,
}

// fromStore marks an error of the device store, unless it is the caller's context that ended.
func fromStore(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("%w: %w", ErrStorage, err)
}

// kinds are the errors that a log line may name.
var kinds = []error{
	ErrNotConnected, ErrStorage, ErrBadAnswer, ErrNoKeys, ErrAwaitingPhone, ErrBroken, ErrOwnPatch,
	errCorrupt,
	context.DeadlineExceeded, context.Canceled,
}

// kindOf names an error in words of this package's own.
func kindOf(err error) string {
	for _, kind := range kinds {
		if errors.Is(err, kind) {
			return kind.Error()
		}
	}
	return "other"
}
