package wa

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mattn/go-sqlite3"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/socket"
	"go.mau.fi/whatsmeow/types"

	"wuts/wa/engine"
)

// SendText writes to a user and returns when the server took the message. Sent again with the same id it
// is the same message to whoever reads it.
func (b *Bridge) SendText(ctx context.Context, key DeviceKey, to types.JID, id, text string) (time.Time, error) {
	l, err := b.connectedLink(ctx, key)
	if err != nil {
		return time.Time{}, err
	}
	return l.send(ctx, to, id, &waE2E.Message{Conversation: &text})
}

// send encrypts a message for a user's devices and the account's own, and waits for the server to take it.
// It is kept in memory only, for those who can't read it and ask again.
func (l *link) send(ctx context.Context, to types.JID, id string, message *waE2E.Message) (time.Time, error) {
	to = to.ToNonAD()
	if err := l.find(ctx, to); err != nil {
		return time.Time{}, fromSending(err)
	}
	l.tap.expect(id)
	response, err := l.client.SendMessage(ctx, to, message, whatsmeow.SendRequestExtra{ID: id})
	seen := l.tap.forget(id)
	switch {
	case errors.Is(err, whatsmeow.ErrServerReturnedError):
		return time.Time{}, &engine.ServerError{Code: seen.code}
	case err == nil && !seen.isReadable:
		return time.Time{}, ErrUnreadable
	case ctx.Err() != nil:
		l.suspect()
	}
	return response.Timestamp, fromSending(err)
}

// find asks who has a phone number, unless it is known. Messages go to LIDs only.
func (l *link) find(ctx context.Context, user types.JID) error {
	if user.Server != types.DefaultUserServer {
		return nil
	}
	lid, err := l.client.Store.LIDs.GetLIDForPN(ctx, user)
	if err != nil || !lid.IsEmpty() {
		return storageError(err)
	}
	found, err := l.client.GetUserInfo(ctx, []types.JID{user})
	if err == nil && found[user].LID.IsEmpty() {
		return ErrNobody
	}
	return err
}

// fromSending translates an error of whatsmeow's on the way to the server. Repeating is safe whenever it
// is not known what became of a stanza.
func fromSending(err error) error {
	var refused *whatsmeow.IQError
	var database sqlite3.Error
	switch {
	case err == nil, errors.Is(err, ErrNobody), errors.Is(err, ErrStorage), errors.As(err, &database):
		return err
	case errors.Is(err, whatsmeow.ErrNotConnected), errors.Is(err, socket.ErrSocketClosed),
		errors.Is(err, whatsmeow.ErrNotLoggedIn):
		return ErrDeviceNotConnected
	case errors.As(err, &refused):
		return &engine.ServerError{Code: refused.Code, Text: refused.Text}
	}
	return fmt.Errorf("%w: %w", engine.ErrUnknownOutcome, err)
}
