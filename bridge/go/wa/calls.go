package wa

import (
	"context"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"wuts/wa/engine"
)

type callOfferData struct {
	CallID    string `json:"call_id"`
	From      string `json:"from"`
	Creator   string `json:"creator"`
	CallerPN  string `json:"caller_pn,omitempty"`
	CallerLID string `json:"caller_lid,omitempty"`
	GroupJID  string `json:"group_jid,omitempty"`
	Media     string `json:"media"`
	Notice    bool   `json:"notice"`
	OfferedAt int64  `json:"offered_at"`
	Offline   bool   `json:"offline"`
}

type callData struct {
	CallID  string `json:"call_id"`
	From    string `json:"from"`
	Creator string `json:"creator"`
	Reason  string `json:"reason,omitempty"`
}

// handleCall takes the events that say what becomes of a call; of the rest, such as what the parties'
// devices arrange between them, nothing is to be told.
func (l *link) handleCall(raw any) bool {
	switch event := raw.(type) {
	case *events.CallOffer:
		_, isVideo := event.Data.GetOptionalChildByTag("video")
		return l.offered(event.BasicCallMeta, event.Data, isVideo, false)
	case *events.CallOfferNotice:
		return l.offered(event.BasicCallMeta, event.Data, event.Media == "video", true)
	case *events.CallAccept:
		return l.wentOn("call.accept", event.BasicCallMeta, "")
	case *events.CallReject:
		return l.wentOn("call.reject", event.BasicCallMeta, "")
	case *events.CallTerminate:
		return l.wentOn("call.terminate", event.BasicCallMeta, event.Reason)
	}
	return true
}

// completed fills in what a stanza may leave out. Reports false if it is not known what call it is about.
func completed(meta types.BasicCallMeta) (types.BasicCallMeta, bool) {
	if meta.CallCreator.IsEmpty() {
		meta.CallCreator = meta.From
	}
	if meta.Timestamp.IsZero() {
		meta.Timestamp = time.Now()
	}
	return meta, meta.CallID != "" && !meta.From.IsEmpty()
}

func (l *link) offered(meta types.BasicCallMeta, data *waBinary.Node, isVideo, isNotice bool) bool {
	meta, isKnown := completed(meta)
	if !isKnown {
		return true
	}
	return l.keepCall("call.offer", buildOffer(meta, data, isVideo, isNotice))
}

func buildOffer(meta types.BasicCallMeta, data *waBinary.Node, isVideo, isNotice bool) callOfferData {
	offer := callOfferData{
		CallID: meta.CallID, From: meta.From.String(), Creator: meta.CallCreator.String(), Media: "audio",
		Notice: isNotice, OfferedAt: meta.Timestamp.UnixMilli(), Offline: isOffline(data),
	}
	if isVideo {
		offer.Media = "video"
	}
	if !meta.GroupJID.IsEmpty() {
		offer.GroupJID = meta.GroupJID.String()
	}
	for _, jid := range []types.JID{meta.CallCreator, meta.CallCreatorAlt} {
		switch jid.Server {
		case types.DefaultUserServer:
			offer.CallerPN = jid.ToNonAD().String()
		case types.HiddenUserServer:
			offer.CallerLID = jid.ToNonAD().String()
		}
	}
	return offer
}

func (l *link) wentOn(kind string, meta types.BasicCallMeta, reason string) bool {
	meta, isKnown := completed(meta)
	if !isKnown {
		return true
	}
	return l.keepCall(kind, callData{
		CallID: meta.CallID, From: meta.From.String(), Creator: meta.CallCreator.String(), Reason: reason,
	})
}

// keepCall spools an event of a call. whatsmeow acknowledges a call's stanza whatever became of its event;
// one that is not kept therefore ends the exchange before.
func (l *link) keepCall(kind string, data any) bool {
	if l.feed == nil || l.feed.spool(note{kind, data}) {
		return true
	}
	l.hangUp()
	return false
}

// RejectCall refuses a call with a stanza of our own, since whatsmeow's strips the devices off the JIDs.
// Reports whether the server has acknowledged the stanza, which says nothing of the caller.
func (b *Bridge) RejectCall(ctx context.Context, key DeviceKey, callID string, from, creator types.JID) (bool, error) {
	l, err := b.connectedLink(ctx, key)
	if err != nil {
		return false, err
	}
	reject := buildReject(l.client.GenerateMessageID(), l.feed.jid.ToNonAD(), callID, from, creator)
	acknowledged, err := engine.SendAcknowledged(ctx, l.client, reject, l.session.timing.Acknowledge)
	return acknowledged, fromSending(err)
}

// buildReject builds the stanza with the JIDs as the offer had them. It carries no privacy token.
func buildReject(id string, own types.JID, callID string, from, creator types.JID) waBinary.Node {
	return waBinary.Node{
		Tag:   "call",
		Attrs: waBinary.Attrs{"id": id, "from": own, "to": from},
		Content: []waBinary.Node{{
			Tag:   "reject",
			Attrs: waBinary.Attrs{"call-id": callID, "call-creator": creator, "count": "0"},
		}},
	}
}
