package rpc

import (
	"context"
	"slices"
	"time"

	"go.mau.fi/whatsmeow/types"

	"wuts/wa"
)

type typingParams struct {
	deviceParams
	ChatJID chatJID                 `json:"chat_jid"`
	State   types.ChatPresence      `json:"state"`
	Media   types.ChatPresenceMedia `json:"media"`
}

func (p typingParams) validate() error {
	switch {
	case p.ChatJID.IsEmpty():
		return invalid("chat_jid is missing")
	case p.State != types.ChatPresenceComposing && p.State != types.ChatPresencePaused:
		return invalid("state is neither composing nor paused")
	case p.Media != "text" && p.Media != types.ChatPresenceMediaAudio:
		return invalid("media is neither text nor audio")
	}
	return p.deviceParams.validate()
}

func setTyping(ctx context.Context, bridge *wa.Bridge, params typingParams) (any, error) {
	media := params.Media
	if media == "text" {
		media = types.ChatPresenceMediaText
	}
	return nothing{}, bridge.SetTyping(ctx, params.key(), params.ChatJID.JID, params.State, media)
}

// timers are the lengths that WhatsApp's own apps know, in seconds.
var timers = []int64{0, 86400, 604800, 7776000}

type disappearingParams struct {
	deviceParams
	ChatJID chatJID `json:"chat_jid"`
	Seconds *int64  `json:"seconds"`
}

func (p disappearingParams) validate() error {
	switch {
	case p.ChatJID.IsEmpty():
		return invalid("chat_jid is missing")
	case p.Seconds == nil || !slices.Contains(timers, *p.Seconds):
		return invalid("seconds is none of %v", timers)
	}
	return p.deviceParams.validate()
}

func setDisappearing(ctx context.Context, bridge *wa.Bridge, params disappearingParams) (any, error) {
	length := time.Duration(*params.Seconds) * time.Second
	at, err := bridge.SetDisappearing(ctx, params.key(), params.ChatJID.JID, length)
	if err != nil {
		return nil, err
	}
	return map[string]any{"set_at": at.UnixMilli()}, nil
}
