package wa

import (
	"context"
	"sync/atomic"
)

// exchange is the context in which the stanzas of a connection are handled. Once it is over whatsmeow
// acknowledges none of them any more. It does not close the socket, which is up to the supervisor.
type exchange struct {
	context.Context
	isOver atomic.Bool
}

// Err says that the exchange is over, too, which Done does not: it would close the socket at once.
func (e *exchange) Err() error {
	if e.isOver.Load() {
		return context.Canceled
	}
	return e.Context.Err()
}

// nextExchange returns the exchange for a new connection: the one of the last, unless that is over.
func (l *link) nextExchange() context.Context {
	current := l.exchange.Load()
	if current == nil || current.isOver.Load() {
		current = &exchange{Context: l.ctx}
		l.exchange.Store(current)
	}
	return current
}

// hangUp ends the exchange, and soon the connection, unless it is being made an end of already.
func (l *link) hangUp() {
	s := l.session
	if current := l.exchange.Load(); current != nil {
		current.isOver.Store(true)
	}
	s.mailbox.post(func() {
		if !l.mustReopen {
			s.reopen(l, reasonQueueFull)
		}
	})
}
