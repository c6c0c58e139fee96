package sim

import (
	"strconv"
	"strings"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/proto/waLidMigrationSyncPayload"
	"google.golang.org/protobuf/proto"
)

// pairMessage is how a phone tells its devices pairs after their history.
func pairMessage(pairs []*waHistorySync.PhoneNumberToLIDMapping) *waE2E.ProtocolMessage {
	payload := &waLidMigrationSyncPayload.LIDMigrationMappingSyncPayload{
		ChatDbMigrationTimestamp: proto.Uint64(uint64(time.Now().Unix())),
	}
	for _, pair := range pairs {
		payload.PnToLidMappings = append(payload.PnToLidMappings,
			&waLidMigrationSyncPayload.LIDMigrationMapping{
				Pn: number(pair.GetPnJID()), AssignedLid: number(pair.GetLidJID()),
			})
	}
	text, _ := proto.Marshal(payload) // all that is required is set
	return &waE2E.ProtocolMessage{
		Type: waE2E.ProtocolMessage_LID_MIGRATION_MAPPING_SYNC.Enum(),
		LidMigrationMappingSyncMessage: &waE2E.LIDMigrationMappingSyncMessage{
			EncodedMappingPayload: text,
		},
	}
}

// number reads the digits of a JID; the simulator gives nobody anything else.
func number(jid string) *uint64 {
	digits, _, _ := strings.Cut(jid, "@")
	value, _ := strconv.ParseUint(digits, 10, 64)
	return &value
}
