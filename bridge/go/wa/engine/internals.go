//lint:file-ignore SA1019 this file is the one place that reaches into whatsmeow

package engine

import (
	"context"
	"errors"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waServerSync"
	"go.mau.fi/whatsmeow/types"
)

// clientWire is the Wire of a real client, and the only place that reaches into whatsmeow.
type clientWire struct{ client *whatsmeow.Client }

// NewWire makes the Wire of a client.
func NewWire(client *whatsmeow.Client) Wire { return clientWire{client} }

func (w clientWire) IsConnected() bool { return w.client.IsConnected() && w.client.IsLoggedIn() }

// Query never lets whatsmeow repeat the frame by itself: the engine has to know what was sent.
func (w clientWire) Query(
	ctx context.Context, sync waBinary.Node, timeout time.Duration,
) (waBinary.Node, error) {
	answer, err := w.client.DangerousInternals().SendIQ(ctx, whatsmeow.DangerousInfoQuery{
		Namespace: "w:sync:app:state",
		Type:      "set",
		To:        types.ServerJID,
		Content:   []waBinary.Node{sync},
		Timeout:   timeout,
		NoRetry:   true,
	})
	if err != nil {
		return waBinary.Node{}, err
	}
	return answer.GetChildByTag("sync"), nil
}

func (w clientWire) Download(
	ctx context.Context, blob *waServerSync.ExternalBlobReference,
) ([]byte, error) {
	return w.client.DangerousInternals().DownloadExternalAppStateBlob(ctx, blob)
}

func (w clientWire) RequestKeys(ctx context.Context, ids [][]byte) error {
	request := &waE2E.AppStateSyncKeyRequest{}
	for _, id := range ids {
		request.KeyIDs = append(request.KeyIDs, &waE2E.AppStateSyncKeyId{KeyID: id})
	}
	_, err := w.client.SendPeerMessage(ctx, &waE2E.Message{
		ProtocolMessage: &waE2E.ProtocolMessage{
			Type:                   waE2E.ProtocolMessage_APP_STATE_SYNC_KEY_REQUEST.Enum(),
			AppStateSyncKeyRequest: request,
		},
	})
	return err
}

// RequestCopy needs a session that the phone has opened: to a phone that never wrote, whatsmeow can't.
func (w clientWire) RequestCopy(ctx context.Context, name appstate.WAPatchName) error {
	phone := w.client.Store.GetJID().ToNonAD()
	lid, err := w.client.Store.LIDs.GetLIDForPN(ctx, phone)
	if err != nil {
		return err
	}
	if !lid.IsEmpty() {
		phone = lid
	}
	known, err := w.client.Store.ContainsSession(ctx, phone.SignalAddress())
	if err != nil {
		return err
	}
	if !known {
		return whatsmeow.ErrNoSession
	}
	_, err = w.client.SendPeerMessage(ctx, whatsmeow.BuildAppStateRecoveryRequest(name))
	return err
}

// Ping proves that the connection is alive; also an error of the server is a proof.
func Ping(ctx context.Context, client *whatsmeow.Client, timeout time.Duration) bool {
	_, err := client.DangerousInternals().SendIQ(ctx, whatsmeow.DangerousInfoQuery{
		Namespace: "w:p",
		Type:      "get",
		To:        types.ServerJID,
		Timeout:   timeout,
		NoRetry:   true,
	})
	var refused *whatsmeow.IQError
	return err == nil || errors.As(err, &refused)
}

// JoinedGroups asks for the groups that the account is in, without their participants.
func JoinedGroups(
	ctx context.Context, client *whatsmeow.Client, timeout time.Duration,
) (*waBinary.Node, error) {
	return client.DangerousInternals().SendIQ(ctx, whatsmeow.DangerousInfoQuery{
		Namespace: "w:g2",
		Type:      "get",
		To:        types.GroupServerJID,
		Timeout:   timeout,
		NoRetry:   true,
		Content:   []waBinary.Node{{Tag: "participating"}},
	})
}

// Dispatch keeps push names, contacts and settings as whatsmeow does. Like it, it stays silent
// about the mutations of a full sync unless the client wants them.
func (w clientWire) Dispatch(
	ctx context.Context, name appstate.WAPatchName, mutation appstate.Mutation, full bool,
) {
	internals := w.client.DangerousInternals()
	event := internals.DispatchAppState(ctx, name, mutation, full)
	if event != nil && (!full || w.client.EmitAppStateEventsOnFullSync) {
		internals.DispatchEvent(event)
	}
}

// SendPresence does what whatsmeow's own does, under a name that is given: whatsmeow's is read there without
// regard for who writes it.
func SendPresence(
	ctx context.Context, client *whatsmeow.Client, state types.Presence, name string,
) error {
	internals := client.DangerousInternals()
	isAvailable := state == types.PresenceAvailable
	if isAvailable {
		internals.SendUnifiedSession()
	}
	client.SetForceActiveDeliveryReceipts(isAvailable)
	return internals.SendNode(ctx, waBinary.Node{
		Tag: "presence", Attrs: waBinary.Attrs{"type": string(state), "name": name},
	})
}

// SendAcknowledged sends a stanza that has an id, and waits for the server to acknowledge it. Reports false
// if that did not come in time, or was an error.
func SendAcknowledged(
	ctx context.Context, client *whatsmeow.Client, node waBinary.Node, timeout time.Duration,
) (bool, error) {
	internals := client.DangerousInternals()
	// The waiter stays until the connection ends if nothing comes: taking it back just when something
	// does would be a panic of whatsmeow's.
	answer := internals.WaitResponse(node.AttrGetter().String("id"))
	if err := internals.SendNode(ctx, node); err != nil {
		return false, err
	}
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case got := <-answer:
		return got.Tag == "ack" && got.AttrGetter().OptionalInt("error") == 0, nil
	case <-timer.C:
	case <-ctx.Done():
	}
	return false, nil
}
