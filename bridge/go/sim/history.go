package sim

import (
	"bytes"
	"compress/zlib"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"google.golang.org/protobuf/proto"
)

// history returns the messages with which the phone fills a new companion: its chats with the
// pairs of phone numbers and LIDs, and the names that people gave themselves. Clients other than
// whatsmeow begin to synchronise the app state only when the first of them has come.
func (a *Account) history() []*waE2E.ProtocolMessage {
	bootstrap := &waHistorySync.HistorySync{
		SyncType:                 waHistorySync.HistorySync_INITIAL_BOOTSTRAP.Enum(),
		ChunkOrder:               proto.Uint32(1),
		Progress:                 proto.Uint32(100),
		Conversations:            a.conversations(),
		PhoneNumberToLidMappings: a.lidMappings(),
	}
	names := &waHistorySync.HistorySync{
		SyncType:   waHistorySync.HistorySync_PUSH_NAME.Enum(),
		ChunkOrder: proto.Uint32(1),
		Progress:   proto.Uint32(100),
	}
	for _, contact := range a.contacts {
		names.Pushnames = append(names.Pushnames, &waHistorySync.Pushname{
			ID: proto.String(contact.PN.String()), Pushname: proto.String(contact.Name),
		})
	}
	messages := make([]*waE2E.ProtocolMessage, 0, 2)
	for _, chunk := range []*waHistorySync.HistorySync{bootstrap, names} {
		if message, err := historyMessage(chunk); err != nil {
			a.server.log.Error("history_not_encoded", "error", err)
		} else {
			messages = append(messages, message)
		}
	}
	return messages
}

func (a *Account) conversations() []*waHistorySync.Conversation {
	now := uint64(time.Now().Unix())
	var chats []*waHistorySync.Conversation
	for _, contact := range a.contacts {
		chats = append(chats, &waHistorySync.Conversation{
			ID: proto.String(a.address(contact).String()), Name: proto.String(contact.Name),
			ConversationTimestamp: &now, LastMsgTimestamp: &now, EndOfHistoryTransfer: proto.Bool(true),
		})
	}
	for _, group := range a.groups {
		chats = append(chats, &waHistorySync.Conversation{
			ID: proto.String(group.JID.String()), Name: proto.String(group.Subject),
			ConversationTimestamp: &now, LastMsgTimestamp: &now, EndOfHistoryTransfer: proto.Bool(true),
		})
	}
	return chats
}

func (a *Account) lidMappings() []*waHistorySync.PhoneNumberToLIDMapping {
	mappings := []*waHistorySync.PhoneNumberToLIDMapping{{
		PnJID: proto.String(a.pn.String()), LidJID: proto.String(a.lid.String()),
	}}
	for _, contact := range a.contacts {
		mappings = append(mappings, &waHistorySync.PhoneNumberToLIDMapping{
			PnJID: proto.String(contact.PN.String()), LidJID: proto.String(contact.LID.String()),
		})
	}
	return mappings
}

// historyMessage puts a chunk into the message itself, so that no media server is needed.
func historyMessage(chunk *waHistorySync.HistorySync) (*waE2E.ProtocolMessage, error) {
	plain, err := proto.Marshal(chunk)
	if err != nil {
		return nil, err
	}
	var packed bytes.Buffer
	writer := zlib.NewWriter(&packed)
	if _, err = writer.Write(plain); err != nil {
		return nil, err
	}
	if err = writer.Close(); err != nil {
		return nil, err
	}
	kind := waE2E.HistorySyncType(chunk.GetSyncType())
	return &waE2E.ProtocolMessage{
		Type: waE2E.ProtocolMessage_HISTORY_SYNC_NOTIFICATION.Enum(),
		HistorySyncNotification: &waE2E.HistorySyncNotification{
			SyncType: &kind, ChunkOrder: chunk.ChunkOrder, Progress: chunk.Progress,
			InitialHistBootstrapInlinePayload: packed.Bytes(),
		},
	}, nil
}
