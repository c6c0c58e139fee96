package wa

import (
	"errors"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types/events"
)

// paired notes that the phone has accepted; the login with the new keys follows.
func (s *session) paired(l *link, event *events.PairSuccess) {
	if s.link != l {
		// The pairing was ended while the phone accepted: nobody asked for these keys any more.
		l.jid = event.ID
		_ = s.erase(l, s.condition)
		s.restore()
		return
	}
	l.isPaired = true
	l.jid, l.lid = event.ID, event.LID
	s.pairing.end(pairingLinking, "")
	data := map[string]any{"jid": event.ID.String()}
	if !event.LID.IsEmpty() {
		data["lid"] = event.LID.String()
	}
	if event.Platform != "" {
		data["platform"] = event.Platform
	}
	s.tenant.record(s.deviceID, "pair.success", data)
	s.setStatus(StatusConnecting, "")
	// The server asks for a new connection at once. If it doesn't, it gets one all the same.
	s.watchLogin(l)
	if l.isLoginDue {
		s.login(l)
	}
}

// login makes the first connection with new keys at once. When the server asks for another one later on
// that is like any other end of a connection.
func (s *session) login(l *link) {
	if s.link != l || !l.isOpen {
		return
	}
	switch {
	case !l.isPaired:
		l.isLoginDue = true
	case !s.pairing.isLinking() || l.hasRestarted:
		s.reopen(l, reasonStreamError)
	default:
		l.mustReopen, l.hasRestarted = true, true
		s.reconcile()
	}
}

func pairErrorReason(err error) string {
	var database *whatsmeow.PairDatabaseError
	switch {
	case errors.Is(err, whatsmeow.ErrPairInvalidDeviceIdentityHMAC):
		return "hmac_mismatch"
	case errors.Is(err, whatsmeow.ErrPairInvalidDeviceSignature):
		return "signature_mismatch"
	case errors.Is(err, whatsmeow.ErrPairRejectedLocally):
		return reasonCancelled
	case errors.As(err, &database):
		return "storage_failed"
	}
	return "pair_error"
}
