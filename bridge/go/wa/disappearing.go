package wa

import (
	"context"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// SetDisappearing sets how long the messages of a chat last, and returns since when. The server knows it
// of a group; in a chat with a user it is a message to them.
func (b *Bridge) SetDisappearing(
	ctx context.Context, key DeviceKey, chat types.JID, length time.Duration,
) (time.Time, error) {
	l, err := b.connectedLink(ctx, key)
	if err != nil {
		return time.Time{}, err
	}
	now := time.Now().Truncate(time.Second)
	if chat.Server == types.GroupServer {
		return now, fromSending(l.client.SetDisappearingTimer(ctx, chat, length, now))
	}
	_, err = l.send(ctx, chat, l.client.GenerateMessageID(), &waE2E.Message{
		ProtocolMessage: &waE2E.ProtocolMessage{
			Type:                      waE2E.ProtocolMessage_EPHEMERAL_SETTING.Enum(),
			EphemeralExpiration:       proto.Uint32(uint32(length.Seconds())),
			EphemeralSettingTimestamp: proto.Int64(now.Unix()),
		},
	})
	return now, err
}
