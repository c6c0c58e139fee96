package engine

import (
	"time"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// Versions of the actions, as in whatsmeow's appstate/encode.go.
const (
	versionMute    = 2
	versionArchive = 3
	versionRead    = 3
	versionPin     = 5
)

// mutedForever is the end that WhatsApp writes for a mute without one.
const mutedForever = -1

// BuildArchive makes the mutation that archives or unarchives a chat, and nothing else: the pin
// that goes with an archive is a mutation of its own. rangeAt is the time of the newest message
// covered.
func BuildArchive(chat types.JID, archived bool, rangeAt time.Time) appstate.MutationInfo {
	return build(appstate.IndexArchive, chat, versionArchive, &waSyncAction.SyncActionValue{
		ArchiveChatAction: &waSyncAction.ArchiveChatAction{
			Archived:     proto.Bool(archived),
			MessageRange: messageRange(rangeAt),
		},
	})
}

// BuildPin makes the mutation that pins or unpins a chat.
func BuildPin(chat types.JID, pinned bool) appstate.MutationInfo {
	return build(appstate.IndexPin, chat, versionPin, &waSyncAction.SyncActionValue{
		PinAction: &waSyncAction.PinAction{Pinned: proto.Bool(pinned)},
	})
}

// BuildMute makes the mutation that mutes a chat until a time (nil: for ever) or unmutes it.
func BuildMute(chat types.JID, muted bool, until *time.Time) appstate.MutationInfo {
	action := &waSyncAction.MuteAction{Muted: proto.Bool(muted)}
	switch {
	case muted && until == nil:
		action.MuteEndTimestamp = proto.Int64(mutedForever)
	case muted:
		action.MuteEndTimestamp = proto.Int64(until.UnixMilli())
	}
	return build(appstate.IndexMute, chat, versionMute, &waSyncAction.SyncActionValue{
		MuteAction: action,
	})
}

// BuildRead makes the mutation that marks a chat as read or unread up to rangeAt.
func BuildRead(chat types.JID, read bool, rangeAt time.Time) appstate.MutationInfo {
	return build(appstate.IndexMarkChatAsRead, chat, versionRead, &waSyncAction.SyncActionValue{
		MarkChatAsReadAction: &waSyncAction.MarkChatAsReadAction{
			Read:         proto.Bool(read),
			MessageRange: messageRange(rangeAt),
		},
	})
}

func build(
	kind string, chat types.JID, version int32, value *waSyncAction.SyncActionValue,
) appstate.MutationInfo {
	return appstate.MutationInfo{
		Index: []string{kind, chat.String()}, Version: version, Value: value,
	}
}

// messageRange carries the time only, in seconds: message keys are not known to this service.
func messageRange(at time.Time) *waSyncAction.SyncActionMessageRange {
	return &waSyncAction.SyncActionMessageRange{LastMessageTimestamp: proto.Int64(at.Unix())}
}
