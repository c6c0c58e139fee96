package wa

import (
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/reflect/protoreflect"
)

type messageTimeData struct {
	ChatJID   string `json:"chat_jid"`
	AltJID    string `json:"alt_jid,omitempty"`
	MessageID string `json:"message_id"`
	MessageAt int64  `json:"message_at"`
	FromMe    bool   `json:"from_me"`
	Real      bool   `json:"real"`
}

type contactNameData struct {
	JID          string `json:"jid"`
	Name         string `json:"name,omitempty"`
	PushName     string `json:"push_name,omitempty"`
	BusinessName string `json:"business_name,omitempty"`
}

// message reports when a message came and what its sender is called, nothing of what it says. Reports
// false if the message has to come again.
func (f *feed) message(event *events.Message) bool {
	if !f.tellPairs() {
		return false
	}
	info := &event.Info
	if info.IsFromMe && event.Message.GetProtocolMessage().GetHistorySyncNotification() != nil {
		f.wakeHistory()
	}
	if info.Category == "peer" || !isChat(info.Chat) {
		return true
	}
	notes := f.names(info)
	notes = append(notes, note{"message.time", messageTimeData{
		ChatJID: info.Chat.ToNonAD().String(), AltJID: f.otherJID(info), MessageID: info.ID,
		MessageAt: info.Timestamp.UnixMilli(), FromMe: info.IsFromMe, Real: isReal(event),
	}})
	if !f.spool(notes...) {
		return false
	}
	for _, told := range notes[:len(notes)-1] {
		name := told.data.(contactNameData)
		f.told.add(name.JID, name.PushName, name.BusinessName)
	}
	return true
}

// isChat tells whether the JID is that of a person or a group, not of a channel or a broadcast.
func isChat(jid types.JID) bool {
	switch jid.Server {
	case types.DefaultUserServer, types.HiddenUserServer, types.GroupServer:
		return jid.User != ""
	}
	return false
}

// names returns what a message says of its sender's names that was not reported yet.
func (f *feed) names(info *types.MessageInfo) []note {
	if info.IsFromMe {
		return nil
	}
	name := contactNameData{JID: info.Sender.ToNonAD().String()}
	if info.PushName != "-" {
		name.PushName = info.PushName
	}
	if info.VerifiedName != nil {
		name.BusinessName = info.VerifiedName.Details.GetVerifiedName()
	}
	isEmpty := name.PushName == "" && name.BusinessName == ""
	if isEmpty || f.told.has(name.JID, name.PushName, name.BusinessName) {
		return nil
	}
	return []note{{"contact.name", name}}
}

// otherJID returns a user's other JID, if this device's own events said it: whatsmeow also fills it in
// from a table that the tenant's devices share.
func (f *feed) otherJID(info *types.MessageInfo) string {
	other := info.SenderAlt
	if info.IsFromMe {
		other = info.RecipientAlt
	}
	chat, other := info.Chat.ToNonAD().String(), other.ToNonAD()
	if info.IsGroup || other.IsEmpty() {
		return ""
	}
	if f.told.has(chat, other.String()) || f.told.has(other.String(), chat) {
		return other.String()
	}
	return ""
}

// unseen are the parts of a message that a person does not see as a message of its own.
var unseen = map[protoreflect.Name]bool{
	"senderKeyDistributionMessage": true, "fastRatchetKeySenderKeyDistributionMessage": true,
	"messageContextInfo": true, "protocolMessage": true, "deviceSentMessage": true,
	"reactionMessage": true, "encReactionMessage": true, "pollUpdateMessage": true,
	"keepInChatMessage": true, "pinInChatMessage": true, "editedMessage": true,
	"encEventResponseMessage": true, "encCommentMessage": true, "secretEncryptedMessage": true,
	"messageHistoryNotice": true, "messageHistoryBundle": true, "stickerSyncRmrMessage": true,
	"statusMentionMessage": true, "groupStatusMentionMessage": true,
}

// isReal tells whether a person sees a message, rather than a change of an earlier one or nothing at all.
func isReal(event *events.Message) bool {
	if event.IsEdit || event.Info.Edit != types.EditAttributeEmpty {
		return false
	}
	return hasVisiblePart(event.Message)
}

func hasVisiblePart(message *waE2E.Message) (found bool) {
	if message == nil {
		return false
	}
	message.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		found = !unseen[field.Name()]
		return !found
	})
	return found
}
