package engine

import (
	"slices"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	"google.golang.org/protobuf/proto"
)

// The builders make what whatsmeow's own do, one mutation each.
func TestBuildersMatchWhatsmeow(t *testing.T) {
	at := time.Unix(1_700_000_000, 0)
	until := proto.Int64(at.UnixMilli())
	for name, pair := range map[string]struct {
		own   appstate.MutationInfo
		their appstate.PatchInfo
	}{
		"archive":      {BuildArchive(chat, true, at), appstate.BuildArchive(chat, true, at, nil)},
		"unarchive":    {BuildArchive(chat, false, at), appstate.BuildArchive(chat, false, at, nil)},
		"pin":          {BuildPin(chat, true), appstate.BuildPin(chat, true)},
		"unpin":        {BuildPin(chat, false), appstate.BuildPin(chat, false)},
		"mute":         {BuildMute(chat, true, nil), appstate.BuildMuteAbs(chat, true, nil)},
		"unmute":       {BuildMute(chat, false, &at), appstate.BuildMuteAbs(chat, false, nil)},
		"mute for now": {BuildMute(chat, true, &at), appstate.BuildMuteAbs(chat, true, until)},
		"read":         {BuildRead(chat, true, at), appstate.BuildMarkChatAsRead(chat, true, at, nil)},
		"unread":       {BuildRead(chat, false, at), appstate.BuildMarkChatAsRead(chat, false, at, nil)},
	} {
		their := pair.their.Mutations[0]
		if !slices.Equal(pair.own.Index, their.Index) || pair.own.Version != their.Version ||
			!proto.Equal(pair.own.Value, their.Value) {
			t.Errorf("%s: %v, whatsmeow: %v", name, pair.own, their)
		}
	}
}

// Applying does not write into the caller's values, so that they can be applied again.
func TestApplyLeavesItsArgumentsAlone(t *testing.T) {
	r := prepared(t)
	mutation := archive(chat)
	before := proto.Clone(mutation.Value)
	r.mustApply(mutation)
	if !proto.Equal(before, mutation.Value) {
		t.Fatalf("now %v", mutation.Value)
	}
}
