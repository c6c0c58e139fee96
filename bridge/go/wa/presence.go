package wa

import (
	"context"

	"go.mau.fi/whatsmeow/types"

	"wuts/wa/engine"
)

// SetPresence says whether the account's owner is there, under the account's push name.
func (b *Bridge) SetPresence(ctx context.Context, key DeviceKey, state types.Presence) error {
	l, err := b.connectedLink(ctx, key)
	if err != nil {
		return err
	}
	name, err := ask(ctx, l.session, func() (string, error) { return l.pushName, nil })
	if err != nil {
		return err
	}
	if name == "" {
		return ErrNoPushName
	}
	return fromSending(engine.SendPresence(ctx, l.client, state, name))
}

// SubscribePresence asks to be told when a user comes and goes.
func (b *Bridge) SubscribePresence(ctx context.Context, key DeviceKey, user types.JID) error {
	l, err := b.connectedLink(ctx, key)
	if err != nil {
		return err
	}
	return fromSending(l.client.SubscribePresence(ctx, user))
}

// SetTyping shows in a chat that something is being composed, or not any more.
func (b *Bridge) SetTyping(
	ctx context.Context, key DeviceKey, chat types.JID, state types.ChatPresence, media types.ChatPresenceMedia,
) error {
	l, err := b.connectedLink(ctx, key)
	if err != nil {
		return err
	}
	return fromSending(l.client.SendChatPresence(ctx, chat, state, media))
}
