package wa

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"go.mau.fi/whatsmeow"
)

// Network says which server the devices talk to: WhatsApp itself (the zero value), or a simulator on
// loopback together with the root key that signs its certificates.
type Network struct {
	endpoint netip.AddrPort
	rootKey  [32]byte
}

var errRedirect = errors.New("redirects are refused")

// SimulatorNetwork takes a literal loopback address with a port, and the root key as 64 hex digits.
func SimulatorNetwork(endpoint, rootKey string) (Network, error) {
	address, err := netip.ParseAddrPort(endpoint)
	if err != nil || !address.Addr().IsLoopback() || address.Port() == 0 || address.Addr().Zone() != "" {
		return Network{}, fmt.Errorf("%w: endpoint is not a loopback address with a port", ErrInvalidArgument)
	}
	key, err := hex.DecodeString(rootKey)
	if err != nil || len(key) != 32 {
		return Network{}, fmt.Errorf("%w: root_key is not 64 hex digits", ErrInvalidArgument)
	}
	return Network{endpoint: address, rootKey: [32]byte(key)}, nil
}

func (n Network) isSimulator() bool {
	return n.endpoint.IsValid()
}

// install sets whatsmeow's process-wide root key. It must run before the first client connects.
func (n Network) install() {
	if n.isSimulator() && whatsmeow.WACertPubKey != n.rootKey {
		whatsmeow.WACertPubKey = n.rootKey
	}
}

// newHTTPClient makes the one HTTP client that every device shares.
func (n Network) newHTTPClient() *http.Client {
	return &http.Client{
		Transport:     n.newTransport(),
		CheckRedirect: func(*http.Request, []*http.Request) error { return errRedirect },
	}
}

// route makes a client use it before the login, after it, and for media. A client that lacked one of
// the three would reach the real network there.
func route(client *whatsmeow.Client, through *http.Client) {
	client.SetPreLoginHTTPClient(through)
	client.SetWebsocketHTTPClient(through)
	client.SetMediaHTTPClient(through)
}

func (n Network) newTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 15 * time.Second, KeepAlive: 30 * time.Second}
	transport := &http.Transport{
		Proxy:                 nil,
		DialContext:           dialer.DialContext,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   15 * time.Second,
		ResponseHeaderTimeout: 30 * time.Second,
		IdleConnTimeout:       90 * time.Second,
	}
	if n.isSimulator() {
		toSimulator := func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, n.endpoint.String())
		}
		// The simulator speaks plain TCP: net/http takes what DialTLSContext returns as encrypted.
		transport.DialContext = toSimulator
		transport.DialTLSContext = toSimulator
	}
	return transport
}
