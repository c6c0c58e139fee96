package rpc

import (
	"context"
	"regexp"
	"unicode/utf8"

	"go.mau.fi/whatsmeow/types"

	"wuts/wa"
)

const maxText = 4096

var messageIDPattern = regexp.MustCompile(`^[0-9A-F]{16,32}$`)

type textParams struct {
	deviceParams
	To        userJID `json:"to"`
	Text      string  `json:"text"`
	MessageID string  `json:"message_id"`
}

func (p textParams) validate() error {
	length := utf8.RuneCountInString(p.Text)
	switch {
	case p.To.IsEmpty():
		return invalid("to is missing")
	case length == 0 || length > maxText:
		return invalid("text: between 1 and %d characters", maxText)
	case !messageIDPattern.MatchString(p.MessageID):
		return invalid("message_id: between 16 and 32 upper-case hex digits")
	}
	return p.deviceParams.validate()
}

// userJID takes the JID of a person, by phone number or LID. A device part is dropped.
type userJID struct{ types.JID }

func (u *userJID) UnmarshalText(text []byte) error {
	jid, err := types.ParseJID(string(text))
	isUser := jid.Server == types.DefaultUserServer || jid.Server == types.HiddenUserServer
	if err != nil || jid.User == "" || !isUser || jid.RawAgent != 0 || jid.String() != string(text) {
		return invalid("not the JID of a user")
	}
	u.JID = jid.ToNonAD()
	return nil
}

func sendText(ctx context.Context, bridge *wa.Bridge, params textParams) (any, error) {
	at, err := bridge.SendText(ctx, params.key(), params.To.JID, params.MessageID, params.Text)
	if err != nil {
		return nil, err
	}
	return map[string]any{"sent_at": at.UnixMilli()}, nil
}
