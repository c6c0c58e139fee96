package wa

import (
	"strconv"
	"time"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
)

// maxKeepAliveErrors is how many unanswered pings in a row make a connection a dead one.
const maxKeepAliveErrors = 2

// handle takes whatsmeow's events. It reports whether the stanza may be acknowledged: what WhatsApp
// won't repeat has to be spooled by then. The phone's own copies of collections, which come in messages,
// are handed to the engine.
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
		s.mailbox.post(func() { s.askPasskey(l, event.PublicKey) })
	case *events.PairPasskeyConfirmation:
		s.mailbox.post(func() { s.showPasskeyCode(l, event) })
	case *events.PairPasskeyError:
		s.mailbox.post(func() { s.pairingBroke(l, "passkey_failed") })
	case *events.ManualLoginReconnect:
		s.mailbox.post(func() { s.login(l) })
	case *events.Message:
		l.takeCopies(event)
		return l.feed == nil || l.feed.message(event)
	case *events.JoinedGroup:
		return l.feed == nil || l.feed.joined(event)
	case *events.GroupInfo:
		return l.feed == nil || l.feed.regrouped(event)
	case *events.CallOffer, *events.CallOfferNotice, *events.CallAccept, *events.CallReject, *events.CallTerminate:
		return l.handleCall(event)
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
		} else {
			l.suspect()
		}
	case *events.StreamError:
		s.mailbox.post(func() { s.reopen(l, reasonStreamError) })
	case *events.LoggedOut:
		s.mailbox.post(func() { s.loggedOut(l, conditionAfter(event)) })
	case *events.StreamReplaced:
		s.mailbox.post(func() { s.halt(l, condition{state: StatusReplaced, reason: "another_connection"}) })
	case *events.TemporaryBan:
		s.mailbox.post(func() { s.halt(l, ban(event)) })
	case *events.ClientOutdated:
		s.mailbox.post(func() { s.outdated(l) })
	case *events.ConnectFailure:
		s.mailbox.post(func() { s.refused(l, event.Reason) })
	}
}

// connected has a login proved that whatsmeow reports. It does so also, late, of a socket that was closed
// meanwhile; but the server answers nothing to a new one that it has not logged in.
func (s *session) connected(l *link) {
	dial := l.dials
	s.spawn.Go("prove login", func() {
		if !l.ping() {
			return
		}
		s.mailbox.post(func() {
			if l.dials == dial {
				s.loggedIn(l)
			}
		})
	})
}

func (s *session) loggedIn(l *link) {
	if s.link != l || !l.isPaired || !l.isOpen || l.mustReopen || !s.isWanted || l.isUp.Load() {
		return
	}
	l.isUp.Store(true)
	l.connectedAt = time.Now()
	if s.pairing.isLinking() {
		s.pairing.end(pairingLinked, "")
	}
	if s.isCanary {
		s.isCanary = false
		s.keep(condition{state: StatusNew})
	}
	s.setStatus(StatusConnected, "")
	l.engine.Connected()
	l.feed.connected()
	if s.gate.accept() {
		s.spawn.Go("announce version", s.onVersion)
	}
}

// renamed notes the account's push name, and its LID, which may become known after the pairing.
func (s *session) renamed(l *link, name string, lid types.JID) {
	if s.link == l && l.isPaired && (l.pushName != name || l.lid != lid) {
		l.pushName, l.lid = name, lid
		s.report()
	}
}

// conditionAfter tells an unlinking on the phone from what the server says of the whole account.
func conditionAfter(event *events.LoggedOut) condition {
	switch event.Reason {
	case events.ConnectFailureMainDeviceGone:
		return condition{state: StatusLoggedOut, reason: "main_device_gone"}
	case events.ConnectFailureUnknownLogout:
		return condition{state: StatusBanned, reason: reasonAccountBanned}
	}
	return condition{state: StatusLoggedOut, reason: reasonUnlinked}
}

// ban is what a temporary ban makes of a device. The server says how long it lasts, and may say nothing.
func ban(event *events.TemporaryBan) condition {
	found := condition{state: StatusBanned, reason: "temporary_ban_" + strconv.Itoa(int(event.Code))}
	if event.Expire > 0 {
		found.until = time.Now().Add(event.Expire).Truncate(time.Millisecond)
	}
	return found
}

// refused takes a login that the server refused: a passing trouble of its own is waited out, the rest is
// for people to look at.
func (s *session) refused(l *link, reason events.ConnectFailureReason) {
	name := "refused_" + reason.NumberString()
	if l.isPaired && (reason == 429 || reason >= 500) {
		s.reopen(l, name)
		return
	}
	s.halt(l, condition{state: StatusStopped, reason: name})
}
