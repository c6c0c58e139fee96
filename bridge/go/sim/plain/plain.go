// Package plain makes whatsmeow clients that reach the simulator and nothing else, and are otherwise as
// whatsmeow makes them. The simulator itself does not use it.
package plain

import (
	"context"
	"encoding/hex"
	"errors"
	"net"
	"net/http"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/store"
	waLog "go.mau.fi/whatsmeow/util/log"
)

// HTTPClient returns a client that reaches an endpoint whatever host it is asked for. The connection counts
// as encrypted without being so.
func HTTPClient(endpoint string) *http.Client {
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, endpoint)
	}
	return &http.Client{Transport: &http.Transport{DialTLSContext: dial, DialContext: dial}}
}

// Trust makes whatsmeow trust the root key of a simulator, given in hex. It comes before the first client.
func Trust(rootKey string) error {
	key, err := hex.DecodeString(rootKey)
	if err != nil || len(key) != len(whatsmeow.WACertPubKey) {
		return errors.New("the root key is not 64 hex digits")
	}
	whatsmeow.WACertPubKey = [32]byte(key)
	return nil
}

// Client makes a whatsmeow client of a device.
func Client(device *store.Device, endpoint string) *whatsmeow.Client {
	client := whatsmeow.NewClient(device, waLog.Noop)
	client.SetWebsocketHTTPClient(HTTPClient(endpoint))
	client.SetPreLoginHTTPClient(HTTPClient(endpoint))
	client.SetMediaHTTPClient(HTTPClient(endpoint))
	return client
}
