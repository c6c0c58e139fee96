package wa

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func simulatorAt(t *testing.T, server *httptest.Server) Network {
	t.Helper()
	network, err := SimulatorNetwork(server.Listener.Addr().String(), strings.Repeat("0", 64))
	if err != nil {
		t.Fatal(err)
	}
	return network
}

// Whatever host is asked for, with or without TLS, the simulator's address is reached and nothing else.
func TestEveryHostIsTheSimulator(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Host", r.Host)
	}))
	defer server.Close()
	client := simulatorAt(t, server).newHTTPClient()
	defer client.CloseIdleConnections()
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	for _, host := range []string{"web.whatsapp.com", "mmg.whatsapp.net"} {
		for _, scheme := range []string{"http", "https"} {
			answer, err := client.Get(scheme + "://" + host + "/x")
			if err != nil {
				t.Fatal(err)
			}
			if err := answer.Body.Close(); err != nil {
				t.Error(err)
			}
			if got := answer.Header.Get("X-Host"); got != host {
				t.Errorf("the host is %s", got)
			}
		}
	}
}

// A redirect is refused, because it could lead anywhere.
func TestRedirectsAreRefused(t *testing.T) {
	server := httptest.NewServer(http.RedirectHandler("http://192.0.2.1/", http.StatusFound))
	defer server.Close()
	for _, network := range []Network{{}, simulatorAt(t, server)} {
		client := network.newHTTPClient()
		answer, err := client.Get(server.URL)
		if !errors.Is(err, errRedirect) {
			t.Errorf("got %v", err)
		}
		if answer != nil {
			_ = answer.Body.Close()
		}
		client.CloseIdleConnections()
	}
}

// No proxy is used, whatever the environment says, also for WhatsApp itself.
func TestNoProxy(t *testing.T) {
	if (Network{}).newTransport().Proxy != nil {
		t.Error("there is a proxy")
	}
}
