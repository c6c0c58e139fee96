// Package wa drives WhatsApp accounts through whatsmeow: device stores, sessions, pairing, events.
package wa

import (
	"log/slog"
	"time"

	"go.mau.fi/whatsmeow/store"
)

// Config is what a bridge is opened with. Zero limits and times mean the defaults.
type Config struct {
	DevicesDir string
	Network    Network
	OSName     string
	Version    store.WAVersionContainer // what to say one is; zero: what whatsmeow says
	SpoolLimit int
	Log        *slog.Logger
	Timing     Timing
}

// Timing holds every length of time that decides how sessions behave.
type Timing struct {
	FirstCode    time.Duration // the first QR code of a connection
	NextCode     time.Duration // each further one
	PairCode     time.Duration // from a pairing's connection to the end of the code that is to be typed
	Passkey      time.Duration // from the request for a passkey to the end of the pairing
	PairingIdle  time.Duration // from the last poll of a pairing to its end
	Login        time.Duration // from an open socket to a successful login
	Unlink       time.Duration // the wait for the server's answer to a logout
	Disconnect   time.Duration // the wait for a socket to be closed
	Reconnecting time.Duration // the wait for a connection before a call is refused
	QueueFull    time.Duration // the wait for room in the event queue
	Pong         time.Duration // the answer to a ping that is to prove a doubtful connection
	Acknowledge  time.Duration // the wait for the server to acknowledge the refusal of a call
	Canary       time.Duration // from one try with a version that the server refuses to the next
	CanaryOrder  time.Duration // the same for tries that somebody asked for
	Stable       time.Duration // a connection that lasts this long resets the back-off
	RetryBase    time.Duration
	RetryCap     time.Duration
}

const defaultSpoolLimit = 10_000

func defaultTiming() Timing {
	return Timing{
		FirstCode:    60 * time.Second,
		NextCode:     20 * time.Second,
		PairCode:     160 * time.Second,
		Passkey:      5 * time.Minute,
		PairingIdle:  3 * time.Minute,
		Login:        30 * time.Second,
		Unlink:       10 * time.Second,
		Disconnect:   5 * time.Second,
		Reconnecting: 5 * time.Second,
		QueueFull:    60 * time.Second,
		Pong:         5 * time.Second,
		Acknowledge:  5 * time.Second,
		Canary:       15 * time.Minute,
		CanaryOrder:  10 * time.Second,
		Stable:       30 * time.Second,
		RetryBase:    time.Second,
		RetryCap:     time.Minute,
	}
}

func (c Config) withDefaults() Config {
	if c.SpoolLimit == 0 {
		c.SpoolLimit = defaultSpoolLimit
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Timing == (Timing{}) {
		c.Timing = defaultTiming()
	}
	return c
}
