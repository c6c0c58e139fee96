package rpc

import (
	"context"

	"go.mau.fi/whatsmeow/types"

	"wuts/wa"
)

type presenceParams struct {
	deviceParams
	State types.Presence `json:"state"`
}

func (p presenceParams) validate() error {
	if p.State != types.PresenceAvailable && p.State != types.PresenceUnavailable {
		return invalid("state is neither available nor unavailable")
	}
	return p.deviceParams.validate()
}

func setPresence(ctx context.Context, bridge *wa.Bridge, params presenceParams) (any, error) {
	return nothing{}, bridge.SetPresence(ctx, params.key(), params.State)
}

type subscribeParams struct {
	deviceParams
	JID userJID `json:"jid"`
}

func (p subscribeParams) validate() error {
	if p.JID.IsEmpty() {
		return invalid("jid is missing")
	}
	return p.deviceParams.validate()
}

func subscribePresence(ctx context.Context, bridge *wa.Bridge, params subscribeParams) (any, error) {
	return nothing{}, bridge.SubscribePresence(ctx, params.key(), params.JID.JID)
}
