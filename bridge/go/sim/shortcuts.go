package sim

import (
	"time"

	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"wuts/sim/syncd"
)

// The versions of the mutations are those that whatsmeow's builders and the phones use.

// ArchiveMutation is what the phone writes when its owner moves a chat into the archive or out.
func ArchiveMutation(chat types.JID, archived bool) syncd.Mutation {
	return set(3, &waSyncAction.SyncActionValue{
		ArchiveChatAction: &waSyncAction.ArchiveChatAction{
			Archived: &archived, MessageRange: untilNow(),
		},
	}, "archive", chat.String())
}

// PinMutation is what the phone writes when its owner pins a chat or takes the pin away.
func PinMutation(chat types.JID, pinned bool) syncd.Mutation {
	return set(5, &waSyncAction.SyncActionValue{
		PinAction: &waSyncAction.PinAction{Pinned: &pinned},
	}, "pin_v1", chat.String())
}

// ReadMutation is what the phone writes when its owner marks a chat as read or unread.
func ReadMutation(chat types.JID, read bool) syncd.Mutation {
	return set(3, &waSyncAction.SyncActionValue{
		MarkChatAsReadAction: &waSyncAction.MarkChatAsReadAction{
			Read: &read, MessageRange: untilNow(),
		},
	}, "markChatAsRead", chat.String())
}

// MuteMutation is what the phone writes when its owner mutes a chat, for ever if there is no end,
// or unmutes it.
func MuteMutation(chat types.JID, muted bool, until *time.Time) syncd.Mutation {
	action := &waSyncAction.MuteAction{Muted: &muted}
	switch {
	case muted && until == nil:
		action.MuteEndTimestamp = proto.Int64(-1)
	case muted:
		action.MuteEndTimestamp = proto.Int64(until.UnixMilli())
	}
	return set(2, &waSyncAction.SyncActionValue{MuteAction: action}, "mute", chat.String())
}

// PushNameMutation is what the phone writes when its owner takes another name.
func PushNameMutation(name string) syncd.Mutation {
	return set(1, &waSyncAction.SyncActionValue{
		PushNameSetting: &waSyncAction.PushNameSetting{Name: &name},
	}, "setting_pushName")
}

// ContactMutation is what the phone writes when its owner names a contact.
func ContactMutation(chat types.JID, contact Contact) syncd.Mutation {
	return set(2, &waSyncAction.SyncActionValue{
		ContactAction: &waSyncAction.ContactAction{
			FullName: &contact.Name,
			LidJID:   proto.String(contact.LID.String()),
			PnJID:    proto.String(contact.PN.String()),
		},
	}, "contact", chat.String())
}

func localeMutation() syncd.Mutation {
	return set(3, &waSyncAction.SyncActionValue{
		LocaleSetting: &waSyncAction.LocaleSetting{Locale: proto.String("en_US")},
	}, "setting_locale")
}

func unarchiveMutation() syncd.Mutation {
	return set(4, &waSyncAction.SyncActionValue{
		UnarchiveChatsSetting: &waSyncAction.UnarchiveChatsSetting{UnarchiveChats: proto.Bool(true)},
	}, "setting_unarchiveChats")
}

func set(version int32, value *waSyncAction.SyncActionValue, index ...string) syncd.Mutation {
	return syncd.Mutation{Operation: "set", Index: index, Version: version, Value: value}
}

func untilNow() *waSyncAction.SyncActionMessageRange {
	return &waSyncAction.SyncActionMessageRange{
		LastMessageTimestamp: proto.Int64(time.Now().Unix()),
	}
}
