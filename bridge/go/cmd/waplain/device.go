package main

import (
	"context"
	"errors"
	"time"

	_ "github.com/mattn/go-sqlite3"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types/events"

	"wuts/sim/plain"
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
	if err := plain.Trust(rootKey); err != nil {
		return nil, err
	}
	// As the bridge opens its stores.
	address := "file:" + file +
		"?_foreign_keys=on&_journal_mode=WAL&_synchronous=NORMAL&_busy_timeout=5000&_txlock=immediate"
	container, err := sqlstore.New(ctx, "sqlite3", address, nil)
	if err != nil {
		return nil, err
	}
	opened := &device{
		container: container,
		client:    plain.Client(container.NewDevice(), endpoint),
		codes:     make(chan string, 1),
		synced:    make(chan struct{}, 1),
	}
	opened.client.AddEventHandler(opened.handle)
	return opened, nil
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
