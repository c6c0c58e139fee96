package wa

import (
	"bytes"
	"compress/zlib"
	"context"
	"io"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"
)

// leanBuffer keeps, in the transaction that moves a Signal session on, what is needed of the decrypted
// message: a message whose handling a kill cut short can't be decrypted a second time. What people wrote
// is taken out before. The phone's notices of history are put into a table of their own there and then,
// because whatsmeow tells the phone of their arrival before any handler runs.
type leanBuffer struct {
	store.EventBuffer
	feed *feed
}

// decryption is what a transaction of DoDecryptionTxn has seen: whose Signal session it moved on.
type decryption struct {
	address string
}

type decryptionKey struct{}

func (b leanBuffer) DoDecryptionTxn(ctx context.Context, decrypt func(context.Context) error) error {
	return b.EventBuffer.DoDecryptionTxn(context.WithValue(ctx, decryptionKey{}, &decryption{}), decrypt)
}

func (b leanBuffer) PutBufferedEvent(
	ctx context.Context, ciphertextHash [32]byte, plaintext []byte, serverTime time.Time,
) error {
	message, ok := unpadded(plaintext)
	if !ok {
		// whatsmeow refuses it, too; an empty text in its place is refused in the same way.
		return b.EventBuffer.PutBufferedEvent(ctx, ciphertextHash, []byte{}, serverTime)
	}
	text, err := proto.Marshal(lean(message))
	if err != nil {
		return err
	}
	notice := message.GetProtocolMessage().GetHistorySyncNotification()
	if sender, _ := ctx.Value(decryptionKey{}).(*decryption); notice != nil && b.feed.isPhone(sender) {
		if err := b.feed.keepNotice(ctx, leanNotice(notice)); err != nil {
			return err
		}
	}
	return b.EventBuffer.PutBufferedEvent(ctx, ciphertextHash, append(text, 1), serverTime)
}

// isPhone tells whether a message was decrypted in the session with the account's own phone.
func (f *feed) isPhone(sender *decryption) bool {
	if sender == nil {
		return false
	}
	phone := types.JID{User: f.jid.User, Server: types.DefaultUserServer}
	if sender.address == phone.SignalAddress().String() {
		return true
	}
	lid := f.link.device.GetLID().ToNonAD()
	return !lid.IsEmpty() && sender.address == lid.SignalAddress().String()
}

// tracedSessions notes in the context of a decryption whose session it moves on.
type tracedSessions struct {
	store.SessionStore
}

func (t tracedSessions) PutSession(ctx context.Context, address string, session []byte) error {
	if seen, ok := ctx.Value(decryptionKey{}).(*decryption); ok {
		seen.address = address
	}
	return t.SessionStore.PutSession(ctx, address, session)
}

// unpadded takes WhatsApp's padding off: up to 255 bytes that all say how many they are.
func unpadded(plaintext []byte) (*waE2E.Message, bool) {
	if len(plaintext) == 0 {
		return nil, false
	}
	size := len(plaintext) - int(plaintext[len(plaintext)-1])
	message := &waE2E.Message{}
	if size < 0 || proto.Unmarshal(plaintext[:size], message) != nil {
		return nil, false
	}
	return message, true
}

// lean is a message without what people wrote. isReal says the same of it as of the whole.
func lean(message *waE2E.Message) *waE2E.Message {
	kept := &waE2E.Message{SenderKeyDistributionMessage: message.GetSenderKeyDistributionMessage()}
	if sent := message.GetDeviceSentMessage(); sent.GetMessage() != nil {
		kept.DeviceSentMessage = &waE2E.DeviceSentMessage{
			DestinationJID: sent.DestinationJID, Message: lean(sent.GetMessage()),
		}
		return kept
	}
	if protocol := message.GetProtocolMessage(); protocol != nil {
		kept.ProtocolMessage = leanProtocol(protocol)
	}
	if isReal((&events.Message{RawMessage: message}).UnwrapRaw()) {
		kept.Conversation = proto.String("")
	}
	return kept
}

// leanProtocol keeps of a message between devices what whatsmeow and the engine act on.
func leanProtocol(message *waE2E.ProtocolMessage) *waE2E.ProtocolMessage {
	kept := &waE2E.ProtocolMessage{
		Type:                           message.Type,
		AppStateSyncKeyShare:           message.AppStateSyncKeyShare,
		LidMigrationMappingSyncMessage: message.LidMigrationMappingSyncMessage,
	}
	if message.HistorySyncNotification != nil {
		kept.HistorySyncNotification = &waE2E.HistorySyncNotification{
			SyncType: message.HistorySyncNotification.SyncType,
		}
	}
	if answer := message.PeerDataOperationRequestResponseMessage; answer != nil {
		kept.PeerDataOperationRequestResponseMessage = leanAnswer(answer)
	}
	return kept
}

// leanAnswer keeps copies of collections; the phone's other answers hold messages.
func leanAnswer(
	answer *waE2E.PeerDataOperationRequestResponseMessage,
) *waE2E.PeerDataOperationRequestResponseMessage {
	type result = waE2E.PeerDataOperationRequestResponseMessage_PeerDataOperationResult
	kept := &waE2E.PeerDataOperationRequestResponseMessage{
		PeerDataOperationRequestType: answer.PeerDataOperationRequestType, StanzaID: answer.StanzaID,
	}
	for _, part := range answer.GetPeerDataOperationResult() {
		if found := part.SyncdSnapshotFatalRecoveryResponse; found != nil {
			kept.PeerDataOperationResult = append(kept.PeerDataOperationResult,
				&result{SyncdSnapshotFatalRecoveryResponse: found})
		}
	}
	return kept
}

// leanNotice takes the messages out of the history that a notice carries in itself. One that can't be
// read is of no use: its payload goes.
func leanNotice(notice *waE2E.HistorySyncNotification) *waE2E.HistorySyncNotification {
	if notice.InitialHistBootstrapInlinePayload == nil {
		return notice
	}
	kept := &waE2E.HistorySyncNotification{
		SyncType: notice.SyncType, ChunkOrder: notice.ChunkOrder, Progress: notice.Progress,
		InitialHistBootstrapInlinePayload: []byte{},
	}
	history, err := unpackHistory(notice.InitialHistBootstrapInlinePayload)
	if err != nil {
		return kept
	}
	if packed, err := packHistory(leanHistory(history)); err == nil {
		kept.InitialHistBootstrapInlinePayload = packed
	}
	return kept
}

func leanHistory(history *waHistorySync.HistorySync) *waHistorySync.HistorySync {
	for _, conversation := range history.GetConversations() {
		conversation.Messages, conversation.Description = nil, nil
	}
	return &waHistorySync.HistorySync{
		SyncType: history.SyncType, ChunkOrder: history.ChunkOrder, Progress: history.Progress,
		Conversations: history.Conversations, Pushnames: history.Pushnames,
		GlobalSettings: history.GlobalSettings, PhoneNumberToLidMappings: history.PhoneNumberToLidMappings,
		CompanionMetaNonce: history.CompanionMetaNonce, NctSalt: history.NctSalt,
		InlineContacts: history.InlineContacts,
	}
}

func unpackHistory(packed []byte) (*waHistorySync.HistorySync, error) {
	reader, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(reader)
	if err != nil {
		return nil, err
	}
	history := &waHistorySync.HistorySync{}
	return history, proto.Unmarshal(plain, history)
}

func packHistory(history *waHistorySync.HistorySync) ([]byte, error) {
	plain, err := proto.Marshal(history)
	if err != nil {
		return nil, err
	}
	var packed bytes.Buffer
	writer := zlib.NewWriter(&packed)
	if _, err = writer.Write(plain); err != nil {
		return nil, err
	}
	err = writer.Close()
	return packed.Bytes(), err
}
