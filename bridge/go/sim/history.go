package sim

import (
	"bytes"
	"compress/zlib"
	"slices"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// history returns the messages with which the phone fills a new companion: its chats with the
// pairs of phone numbers and LIDs, and the names that people gave themselves. Clients other than
// whatsmeow begin to synchronise the app state only when the first of them has come.
func (a *Account) history() []*waE2E.ProtocolMessage {
	var messages []*waE2E.ProtocolMessage
	for _, chunk := range append(a.chatChunks(), a.nameChunk()) {
		if message, err := a.historyMessage(chunk); err != nil {
			a.server.log.Error("history_not_encoded", "error", err)
		} else {
			messages = append(messages, message)
		}
	}
	return messages
}

// chatChunks splits the conversations; the first chunk has the pairs and the settings, and is there
// also without any conversation.
func (a *Account) chatChunks() []*waHistorySync.HistorySync {
	size := a.chats.ChunkSize
	if size <= 0 {
		size = defaultChunkSize
	}
	parts := slices.Collect(slices.Chunk(a.conversations(), size))
	if len(parts) == 0 {
		parts = [][]*waHistorySync.Conversation{nil}
	}
	var chunks []*waHistorySync.HistorySync
	for i, part := range parts {
		kind := waHistorySync.HistorySync_RECENT
		if i == 0 {
			kind = waHistorySync.HistorySync_INITIAL_BOOTSTRAP
		}
		chunks = append(chunks, &waHistorySync.HistorySync{
			SyncType: &kind, ChunkOrder: proto.Uint32(uint32(i + 1)),
			Progress: proto.Uint32(uint32(100 * (i + 1) / len(parts))), Conversations: part,
		})
	}
	if !a.withoutPairs {
		chunks[0].PhoneNumberToLidMappings = a.lidMappings()
	}
	if a.migrated {
		chunks[0].GlobalSettings = &waHistorySync.GlobalSettings{
			ChatDbLidMigrationTimestamp: proto.Int64(time.Now().Unix()),
		}
	}
	return chunks
}

func (a *Account) nameChunk() *waHistorySync.HistorySync {
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
	return names
}

func (a *Account) conversations() []*waHistorySync.Conversation {
	now := time.Now().UnixMilli()
	var chats []*waHistorySync.Conversation
	for _, contact := range a.contacts {
		chat := Chat{JID: a.address(contact).String(), Name: contact.Name, LastMessageAt: now, Text: Canary}
		chats = append(chats, chat.conversation())
	}
	for _, group := range a.groups {
		chat := Chat{JID: group.JID.String(), Name: group.Subject, LastMessageAt: now}
		chats = append(chats, chat.conversation())
	}
	for _, chat := range a.chats.all() {
		if a.withoutPairs {
			chat.PN, chat.LID = "", ""
		}
		chats = append(chats, chat.conversation())
	}
	return chats
}

func (a *Account) lidMappings() []*waHistorySync.PhoneNumberToLIDMapping {
	var mappings []*waHistorySync.PhoneNumberToLIDMapping
	pair := func(pn, lid types.JID) {
		mappings = append(mappings, &waHistorySync.PhoneNumberToLIDMapping{
			PnJID: proto.String(pn.String()), LidJID: proto.String(lid.String()),
		})
	}
	pair(a.pn, a.lid)
	for _, contact := range a.contacts {
		pair(contact.PN, contact.LID)
	}
	for i := range a.chats.Count {
		pair(a.chats.person(i))
	}
	return mappings
}

// historyMessage puts a chunk into the message itself, or on the media host.
func (a *Account) historyMessage(chunk *waHistorySync.HistorySync) (*waE2E.ProtocolMessage, error) {
	packed, err := packChunk(chunk)
	if err != nil {
		return nil, err
	}
	kind := waE2E.HistorySyncType(chunk.GetSyncType())
	notice := &waE2E.HistorySyncNotification{
		SyncType: &kind, ChunkOrder: chunk.ChunkOrder, Progress: chunk.Progress,
	}
	if a.chats.Media {
		err = a.server.media.PutHistory(a.pn.User, packed, notice)
	} else {
		notice.InitialHistBootstrapInlinePayload = packed
	}
	return &waE2E.ProtocolMessage{
		Type:                    waE2E.ProtocolMessage_HISTORY_SYNC_NOTIFICATION.Enum(),
		HistorySyncNotification: notice,
	}, err
}

func packChunk(chunk *waHistorySync.HistorySync) ([]byte, error) {
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
	return packed.Bytes(), nil
}
