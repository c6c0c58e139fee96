package wa

import (
	"strings"
	"testing"

	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/proto/waWeb"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"
)

const canary = "what somebody wrote"

func text() *waE2E.Message { return &waE2E.Message{Conversation: proto.String(canary)} }

// Of a message nothing is kept that people wrote, and what is kept says as well whether a person sees it.
func TestLeanMessages(t *testing.T) {
	caption, wrapped := proto.String(canary), &waE2E.FutureProofMessage{Message: text()}
	history := &waHistorySync.HistorySync{
		SyncType: waHistorySync.HistorySync_RECENT.Enum(),
		Conversations: []*waHistorySync.Conversation{{
			ID: proto.String(chatOf("15550002222")),
			Messages: []*waHistorySync.HistorySyncMsg{{Message: &waWeb.WebMessageInfo{
				Key: &waCommon.MessageKey{}, Message: text(),
			}}},
		}},
	}
	packed, err := packHistory(history)
	if err != nil {
		t.Fatal(err)
	}
	for name, example := range map[string]struct {
		message *waE2E.Message
		isReal  bool
	}{
		"text":      {text(), true},
		"image":     {&waE2E.Message{ImageMessage: &waE2E.ImageMessage{Caption: caption}}, true},
		"ephemeral": {&waE2E.Message{EphemeralMessage: wrapped}, true},
		"own": {&waE2E.Message{DeviceSentMessage: &waE2E.DeviceSentMessage{
			DestinationJID: proto.String(chatOf("15550002222")), Message: text(),
		}}, true},
		"reaction": {&waE2E.Message{ReactionMessage: &waE2E.ReactionMessage{Text: caption}}, false},
		"edit":     {&waE2E.Message{EditedMessage: wrapped}, false},
		"edit of old": {&waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{
			Type: waE2E.ProtocolMessage_MESSAGE_EDIT.Enum(), EditedMessage: text(),
		}}, false},
		"history": {&waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{
			HistorySyncNotification: &waE2E.HistorySyncNotification{InitialHistBootstrapInlinePayload: packed},
		}}, false},
		"nothing": {&waE2E.Message{}, false},
	} {
		kept := lean(example.message)
		for which, message := range map[string]*waE2E.Message{"whole": example.message, "lean": kept} {
			if isReal((&events.Message{RawMessage: message}).UnwrapRaw()) != example.isReal {
				t.Errorf("%s: the %s one says the contrary", name, which)
			}
		}
		if written, err := proto.Marshal(kept); err != nil || strings.Contains(string(written), canary) {
			t.Errorf("%s: keeps the text: %v", name, err)
		}
	}
	notice := leanNotice(&waE2E.HistorySyncNotification{InitialHistBootstrapInlinePayload: packed})
	kept, err := unpackHistory(notice.GetInitialHistBootstrapInlinePayload())
	if err != nil || len(kept.GetConversations()) != 1 || len(kept.GetConversations()[0].GetMessages()) != 0 {
		t.Errorf("of the history is kept %v, %v", kept, err)
	}
}

func chatOf(number string) string {
	return types.NewJID(number, types.DefaultUserServer).String()
}

// A notice of history counts only from the account's own phone, under either of its names.
func TestHistoryIsBelievedOfThePhoneAlone(t *testing.T) {
	f := &feed{
		jid:  types.NewADJID("15550000001", 0, 5),
		link: &link{device: &store.Device{LID: types.JID{User: "200000000000001", Server: "lid", Device: 5}}},
	}
	for address, isPhone := range map[string]bool{
		"15550000001:0": true, "200000000000001_1:0": true, "15550000001:5": false,
		"200000000000001_1:3": false, "15550000002:0": false, "200000000000002_1:0": false, "": false,
	} {
		if f.isPhone(&decryption{address}) != isPhone {
			t.Errorf("%q is the phone: %v", address, !isPhone)
		}
	}
	if f.isPhone(nil) {
		t.Error("nobody is the phone")
	}
}

// Text that is no padded message is no message.
func TestUnpadded(t *testing.T) {
	for _, plain := range []string{"", "\x05", "\xff\xff\x01"} {
		if _, ok := unpadded([]byte(plain)); ok {
			t.Errorf("%q was taken for a message", plain)
		}
	}
}
