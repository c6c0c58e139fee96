package main

import (
	"context"
	"encoding/hex"
	"errors"
	"net"
	"net/http"
	"time"

	_ "github.com/mattn/go-sqlite3"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types/events"
	waLog "go.mau.fi/whatsmeow/util/log"
)

const linkTimeout = 30 * time.Second

// device is a whatsmeow client as its users make one.
type device struct {
	container *sqlstore.Container
	client    *whatsmeow.Client
	codes     chan string
	synced    chan struct{}
}

func openDevice(ctx context.Context, endpoint, rootKey, file string) (*device, error) {
	key, err := hex.DecodeString(rootKey)
	if err != nil || len(key) != len(whatsmeow.WACertPubKey) {
		return nil, errors.New("the root key is not 64 hex digits")
	}
	whatsmeow.WACertPubKey = [32]byte(key)
	// As the bridge opens its stores.
	address := "file:" + file +
		"?_foreign_keys=on&_journal_mode=WAL&_synchronous=NORMAL&_busy_timeout=5000&_txlock=immediate"
	container, err := sqlstore.New(ctx, "sqlite3", address, nil)
	if err != nil {
		return nil, err
	}
	opened := &device{
		container: container,
		client:    whatsmeow.NewClient(container.NewDevice(), waLog.Noop),
		codes:     make(chan string, 1),
		synced:    make(chan struct{}, 1),
	}
	through := reach(endpoint)
	opened.client.SetPreLoginHTTPClient(through)
	opened.client.SetWebsocketHTTPClient(through)
	opened.client.SetMediaHTTPClient(through)
	opened.client.AddEventHandler(opened.handle)
	return opened, nil
}

// reach makes an HTTP client that reaches the simulator whatever host it is asked for. The simulator speaks
// plain TCP: net/http takes what DialTLSContext returns as encrypted.
func reach(endpoint string) *http.Client {
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, endpoint)
	}
	return &http.Client{Transport: &http.Transport{DialTLSContext: dial, DialContext: dial}}
}

func (d *device) handle(event any) {
	switch event := event.(type) {
	case *events.QR:
		offer(d.codes, event.Codes[0])
	case *events.AppStateSyncComplete:
		if event.Name == appstate.WAPatchRegularLow {
			offer(d.synced, struct{}{})
		}
	}
}

// offer keeps the first of what nobody has taken yet.
func offer[T any](to chan T, value T) {
	select {
	case to <- value:
	default:
	}
}

// link shows a code and waits until a phone has scanned it and the app state has been read.
func (d *device) link(show func(code string) error) error {
	if err := d.client.Connect(); err != nil {
		return err
	}
	timeout := time.After(linkTimeout)
	select {
	case code := <-d.codes:
		if err := show(code); err != nil {
			return err
		}
	case <-timeout:
		return errors.New("no code came")
	}
	select {
	case <-d.synced:
		return nil
	case <-timeout:
		return errors.New("the app state was not read in time")
	}
}

func (d *device) close() {
	d.client.Disconnect()
	_ = d.container.Close()
}
