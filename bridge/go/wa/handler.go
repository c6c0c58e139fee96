package wa

import (
	"strconv"
	"time"

	"go.mau.fi/whatsmeow/types/events"
)

// maxKeepAliveErrors is how many unanswered pings in a row make a connection a dead one.
const maxKeepAliveErrors = 2

// handle takes whatsmeow's events. It reports whether the stanza may be acknowledged; so far nothing
// that WhatsApp wouldn't repeat is made of one. Messages are dropped here: their content is not kept.
// Only the phone's own copies of collections, which come in messages, are handed to the engine.
func (l *link) handle(raw any) bool {
	s := l.session
	switch event := raw.(type) {
	case *events.QR:
		s.mailbox.post(func() { s.takeCodes(l, event.Codes) })
	case *events.PairSuccess:
		s.mailbox.post(func() { s.paired(l, event) })
	case *events.PairError:
		s.mailbox.post(func() { s.pairingBroke(l, pairErrorReason(event.Error)) })
	case *events.PairPasskeyRequest:
		s.mailbox.post(func() { s.pairingBroke(l, "passkey_required") })
	case *events.ManualLoginReconnect:
		s.mailbox.post(func() { s.login(l) })
	case *events.Message:
		l.takeCopies(event)
	default:
		l.handleConnection(raw)
	}
	return true
}

// handleConnection takes the events that say what became of the connection.
func (l *link) handleConnection(raw any) {
	s := l.session
	switch event := raw.(type) {
	case *events.Connected:
		s.mailbox.post(func() { s.connected(l) })
	case *events.Disconnected:
		s.mailbox.post(func() { s.lost(l, reasonLost) })
	case *events.KeepAliveTimeout:
		if event.ErrorCount >= maxKeepAliveErrors {
			s.mailbox.post(func() { s.reopen(l, reasonKeepAlive) })
		}
	case *events.StreamError:
		s.mailbox.post(func() { s.reopen(l, reasonStreamError) })
	case *events.LoggedOut:
		s.mailbox.post(func() { s.loggedOut(l, logoutReason(event)) })
	case *events.StreamReplaced:
		s.mailbox.post(func() { s.halt(l, StatusReplaced, "another_connection") })
	case *events.TemporaryBan:
		s.mailbox.post(func() { s.halt(l, StatusBanned, "temporary_ban_"+strconv.Itoa(int(event.Code))) })
	case *events.ClientOutdated:
		s.mailbox.post(func() { s.halt(l, StatusOutdated, "client_outdated") })
	case *events.ConnectFailure:
		s.mailbox.post(func() { s.halt(l, StatusStopped, "refused_"+event.Reason.NumberString()) })
	}
}

// connected is a successful login. whatsmeow also says so, late, of a socket that was closed meanwhile.
func (s *session) connected(l *link) {
	if s.link != l || !l.isPaired || !l.isOpen || l.mustReopen || !s.isWanted {
		return
	}
	l.isUp.Store(true)
	l.connectedAt = time.Now()
	if s.pairing != nil && s.pairing.state == pairingLinking {
		s.pairing.end(pairingLinked, "")
	}
	s.setStatus(StatusConnected, "")
	l.engine.Connected()
}

// renamed notes the account's push name.
func (s *session) renamed(l *link, name string) {
	if s.link == l && l.isPaired && l.pushName != name {
		l.pushName = name
		s.report()
	}
}

// logoutReason tells an unlinking on the phone from what the server says of the whole account.
func logoutReason(event *events.LoggedOut) string {
	switch event.Reason {
	case events.ConnectFailureMainDeviceGone:
		return "main_device_gone"
	case events.ConnectFailureUnknownLogout:
		return "account_banned"
	}
	return reasonUnlinked
}
