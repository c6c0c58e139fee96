package rpc

import (
	"context"

	"go.mau.fi/whatsmeow/types"

	"wuts/wa"
)

type rejectParams struct {
	deviceParams
	CallID  string    `json:"call_id"`
	From    callerJID `json:"from"`
	Creator callerJID `json:"creator"`
}

func (p rejectParams) validate() error {
	switch {
	case p.CallID == "" || len(p.CallID) > maxCallID:
		return invalid("call_id: between 1 and %d characters", maxCallID)
	case p.From.IsEmpty():
		return invalid("from is missing")
	case p.Creator.IsEmpty():
		return invalid("creator is missing")
	}
	return p.deviceParams.validate()
}

const maxCallID = 128

// callerJID is a JID as an offer had it, with a device part or without.
type callerJID struct{ types.JID }

func (c *callerJID) UnmarshalText(text []byte) error {
	jid, err := types.ParseJID(string(text))
	if err != nil || jid.User == "" || jid.Server == "" || jid.String() != string(text) {
		return invalid("from or creator is not a JID")
	}
	c.JID = jid
	return nil
}

func rejectCall(ctx context.Context, bridge *wa.Bridge, params rejectParams) (any, error) {
	acknowledged, err := bridge.RejectCall(
		ctx, params.key(), params.CallID, params.From.JID, params.Creator.JID)
	return map[string]any{"acknowledged": acknowledged}, err
}
