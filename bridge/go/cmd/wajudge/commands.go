package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/types"
)

const scanTimeout = 20 * time.Second

// command is a line of the input. Of the JIDs and the collection one is given.
type command struct {
	ID       int                  `json:"id"`
	Archive  types.JID            `json:"archive"`
	Archived bool                 `json:"archived"`
	Pin      types.JID            `json:"pin"`
	Pinned   bool                 `json:"pinned"`
	Mute     types.JID            `json:"mute"`
	Muted    bool                 `json:"muted"`
	Fetch    appstate.WAPatchName `json:"fetch"`
}

// carryOut does what users of whatsmeow do.
func (c command) carryOut(ctx context.Context, client *whatsmeow.Client) error {
	switch {
	case c.Fetch != "":
		return client.FetchAppState(ctx, c.Fetch, true, false)
	case !c.Archive.IsEmpty():
		return client.SendAppState(ctx, appstate.BuildArchive(c.Archive, c.Archived, time.Now(), nil))
	case !c.Pin.IsEmpty():
		return client.SendAppState(ctx, appstate.BuildPin(c.Pin, c.Pinned))
	case !c.Mute.IsEmpty():
		return client.SendAppState(ctx, appstate.BuildMute(c.Mute, c.Muted, 0))
	}
	return errors.New("an unknown command")
}

// scan lets the simulated phone scan a code.
func (o options) scan(code string) error {
	ctx, cancel := context.WithTimeout(context.Background(), scanTimeout)
	defer cancel()
	body, err := json.Marshal(map[string]string{"qr": code})
	if err != nil {
		return err
	}
	url := o.control + "/v1/accounts/" + o.account + "/scan?wait=10s"
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := (&http.Client{Transport: &http.Transport{Proxy: nil}}).Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(answer.Body)
		return fmt.Errorf("the phone did not scan the code: %s", text)
	}
	return nil
}
