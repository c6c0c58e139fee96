package rpc

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"wuts/wa"
)

// lonely starts a server whose network nobody answers on.
func lonely(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, log: &safeBuffer{}, folder: t.TempDir()}
	r.server = &Server{Log: r.log}
	if started := read(t, r.server.Start(lonelyConfig(t, r.folder))); !started.OK {
		t.Fatalf("start: %s", started.Error.Message)
	}
	t.Cleanup(r.stop)
	return r
}

func lonelyConfig(t testing.TB, folder string) []byte {
	t.Helper()
	return marshal(t, map[string]any{"devices_dir": folder, "network": map[string]any{
		"kind": "simulator", "endpoint": "127.0.0.1:1", "root_key": strings.Repeat("0", 64),
	}})
}

// Everything but a start is refused with STOPPED before the start and after the stop, and there is no
// second start.
func TestLifeOfTheServer(t *testing.T) {
	d := device{&rig{t: t}, wa.DeviceKey{}}
	server := &Server{Log: &safeBuffer{}}
	config := lonelyConfig(t, t.TempDir())
	request := []byte(`{"timeout_ms":1000,"params":{}}`)
	d.refused(read(t, server.Call("device.list", request)), Stopped)
	d.refused(read(t, server.NextEvents(0, 0)), Stopped)
	if !read(t, server.Start(config)).OK {
		t.Fatal("the server does not start")
	}
	d.refused(read(t, server.Start(config)), InvalidArgument)
	for range 2 {
		if !read(t, server.Stop(time.Second)).OK {
			t.Error("the server does not stop")
		}
	}
	d.refused(read(t, server.Call("device.list", request)), Stopped)
	d.refused(read(t, server.NextEvents(0, time.Minute)), Stopped)
	d.refused(read(t, server.Start(config)), Stopped)
}

// A stop wakes whoever waits for events.
func TestStopWakesTheReader(t *testing.T) {
	r := lonely(t)
	replies := make(chan []byte, 1)
	go func() { replies <- r.server.NextEvents(0, time.Hour) }()
	r.stop()
	select {
	case reply := <-replies:
		device{r, wa.DeviceKey{}}.refused(read(t, reply), Stopped)
	case <-time.After(patience):
		t.Fatal("the reader still waits")
	}
}

// A configuration that could reach another network than the one it names is refused.
func TestBadConfigurations(t *testing.T) {
	key := strings.Repeat("0", 64)
	simulator := func(endpoint, key string) string {
		return fmt.Sprintf(`{"devices_dir":"x","network":{"kind":"simulator","endpoint":%q,"root_key":%q}}`, endpoint, key)
	}
	for name, config := range map[string]string{
		"no JSON":               `{`,
		"two values":            `{"devices_dir":"x","network":{"kind":"whatsapp"}} {}`,
		"unknown field":         `{"devices_dir":"x","network":{"kind":"whatsapp"},"proxy":"x"}`,
		"no folder":             `{"network":{"kind":"whatsapp"}}`,
		"no network":            `{"devices_dir":"x"}`,
		"unknown network":       `{"devices_dir":"x","network":{"kind":"test"}}`,
		"endpoint for WhatsApp": `{"devices_dir":"x","network":{"kind":"whatsapp","endpoint":"127.0.0.1:1"}}`,
		"negative limit":        `{"devices_dir":"x","network":{"kind":"whatsapp"},"spool_limit":-1}`,
		"log level":             `{"devices_dir":"x","network":{"kind":"whatsapp"},"log_level":"loud"}`,
		"short version":         `{"devices_dir":"x","network":{"kind":"whatsapp"},"wa_version":"2.3000"}`,
		"negative version":      `{"devices_dir":"x","network":{"kind":"whatsapp"},"wa_version":"2.-3000.1"}`,
		"host name":             simulator("localhost:80", key),
		"public address":        simulator("192.0.2.1:80", key),
		"any address":           simulator("0.0.0.0:80", key),
		"no port":               simulator("127.0.0.1", key),
		"port 0":                simulator("127.0.0.1:0", key),
		"no key":                simulator("127.0.0.1:80", ""),
		"short key":             simulator("127.0.0.1:80", key[2:]),
	} {
		server := &Server{Log: &safeBuffer{}}
		if got := read(t, server.Start([]byte(config))); got.Error.Code != InvalidArgument {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// A method that panics answers INTERNAL, and the log has the place but not the value.
func TestPanicInAMethod(t *testing.T) {
	r := lonely(t)
	bridge, err := r.server.running()
	if err != nil {
		t.Fatal(err)
	}
	broken := method{name: "broken", run: func(context.Context, *wa.Bridge, []byte) (any, error) {
		panic("a canary")
	}}
	reply := r.server.guard("test", func() (any, error) {
		return r.server.run(bridge, broken, request{TimeoutMS: 20_000})
	})
	device{r, wa.DeviceKey{}}.refused(read(t, reply), Internal)
	r.stop()
	if log := r.log.String(); !strings.Contains(log, "panic_recovered") || strings.Contains(log, "canary") {
		t.Errorf("the log says %s", log)
	}
}

// A panic in the server itself is INTERNAL too.
func TestPanicInTheServer(t *testing.T) {
	r := lonely(t)
	reply := r.server.guard("test", func() (any, error) { panic(nothing{}) })
	device{r, wa.DeviceKey{}}.refused(read(t, reply), Internal)
}

// A call answers at its deadline although its method goes on; whether something may have been sent
// decides the code.
func TestCallAnswersAtItsDeadline(t *testing.T) {
	r := lonely(t)
	bridge, err := r.server.running()
	if err != nil {
		t.Fatal(err)
	}
	hold := make(chan struct{})
	defer close(hold)
	for maySend, code := range map[bool]Code{true: OutcomeUnknown, false: DeadlineExceeded} {
		stuck := method{maySend: maySend, run: func(context.Context, *wa.Bridge, []byte) (any, error) {
			<-hold
			return nothing{}, nil
		}}
		reply := encode(r.server.run(bridge, stuck, request{TimeoutMS: 20}))
		device{r, wa.DeviceKey{}}.refused(read(t, reply), code)
	}
}

// A store that can't be opened fails the calls of its tenant alone.
func TestBrokenStore(t *testing.T) {
	folder, tenant := t.TempDir(), uuid.NewString()
	broken := []byte(strings.Repeat("no database ", 99))
	if err := os.WriteFile(filepath.Join(folder, tenant+".db"), broken, 0o600); err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, log: &safeBuffer{}, folder: folder}
	r.server = &Server{Log: r.log}
	if started := read(t, r.server.Start(lonelyConfig(t, folder))); string(started.Result) == "" {
		t.Fatalf("start: %s", started.Error.Message)
	}
	t.Cleanup(r.stop)
	d := device{r, wa.DeviceKey{TenantID: tenant, DeviceID: uuid.NewString()}}
	d.refused(d.try("device.status", d.params(nil)), StorageFailed)
	other := r.newDevice(uuid.NewString())
	if status := other.status(); status.Status != wa.StatusNew {
		t.Errorf("status is %s", status.Status)
	}
}
