package sim

import (
	"bytes"
	"compress/gzip"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waSyncdSnapshotRecovery"
	"google.golang.org/protobuf/proto"

	"wuts/sim/faults"
)

// recover answers a companion that asks for a copy of a collection, because it can't put its own right
// any more; a rule may make the phone slow, unwilling or wrong.
func (b *batch) recover(d *device, id string, request *waE2E.PeerDataOperationRequestMessage) {
	name := request.GetSyncdCollectionFatalRecoveryRequest().GetCollectionName()
	rule := b.account.disturbance(faults.OnRecovery, d.ID, name)
	switch {
	case rule != nil && rule.What == "never":
	case rule != nil && rule.What == "late":
		b.account.later(d.ID, length(rule), func(b *batch, d *device) { b.sendCopy(d, id, name, false) })
	default:
		b.sendCopy(d, id, name, rule != nil)
	}
}

// sendCopy sends the copy; a bad one has a hash that is not that of its records.
func (b *batch) sendCopy(d *device, id, name string, bad bool) {
	recovery, err := b.account.book.Recovery(name)
	if err != nil {
		b.account.server.record(Violation{
			Account: b.account.pn.User, Device: d.ID, Kind: violationContent,
			Detail: "request for a copy: " + err.Error(),
		})
		return
	}
	if bad {
		recovery.CollectionLthash[0] ^= 1
	}
	packed, err := pack(recovery)
	if err != nil {
		b.account.server.log.Error("copy_not_encoded", "error", err)
		return
	}
	kind := waE2E.PeerDataOperationRequestType_COMPANION_SYNCD_SNAPSHOT_FATAL_RECOVERY
	b.tell(d, &waE2E.ProtocolMessage{
		Type: waE2E.ProtocolMessage_PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE.Enum(),
		PeerDataOperationRequestResponseMessage: &waE2E.PeerDataOperationRequestResponseMessage{
			PeerDataOperationRequestType: &kind,
			StanzaID:                     &id,
			PeerDataOperationResult: []*waE2E.PeerDataOperationRequestResponseMessage_PeerDataOperationResult{{
				SyncdSnapshotFatalRecoveryResponse: packed,
			}},
		},
	})
}

type recoveryAnswer = waE2E.PeerDataOperationRequestResponseMessage_PeerDataOperationResult_SyncDSnapshotFatalRecoveryResponse

func pack(recovery *waSyncdSnapshotRecovery.SyncdSnapshotRecovery) (*recoveryAnswer, error) {
	plain, err := proto.Marshal(recovery)
	if err != nil {
		return nil, err
	}
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	if _, err = writer.Write(plain); err != nil {
		return nil, err
	}
	if err = writer.Close(); err != nil {
		return nil, err
	}
	return &recoveryAnswer{CollectionSnapshot: packed.Bytes(), IsCompressed: proto.Bool(true)}, nil
}
