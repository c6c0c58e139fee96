package rpc

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"wuts/sim/wasimtest"
	"wuts/wa"
)

const patience = 20 * time.Second

// rig is a started server with somebody who reads its events.
type rig struct {
	t      *testing.T
	server *Server
	log    *safeBuffer
	folder string

	mu     sync.Mutex
	events []wa.Event
	more   chan struct{}
}

// safeBuffer takes log lines from many goroutines.
type safeBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *safeBuffer) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(line)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// answer is a decoded reply.
type answer struct {
	OK     bool            `json:"ok"`
	Result json.RawMessage `json:"result"`
	Error  failure         `json:"error"`
}

func read(t *testing.T, reply []byte) answer {
	t.Helper()
	var decoded answer
	if err := json.Unmarshal(reply, &decoded); err != nil {
		t.Fatalf("reply is not JSON: %v", err)
	}
	return decoded
}

// newRig starts a server on a folder against a simulator, and reads its events until the test ends.
func newRig(t *testing.T, simulator *wasimtest.Sim, folder string) *rig {
	t.Helper()
	r := &rig{t: t, log: &safeBuffer{}, folder: folder, more: make(chan struct{})}
	r.server = &Server{Log: r.log}
	config := map[string]any{"devices_dir": folder, "network": map[string]any{
		"kind": "simulator", "endpoint": simulator.Endpoint, "root_key": hex.EncodeToString(simulator.RootKey[:]),
	}}
	if started := read(t, r.server.Start(marshal(t, config))); !started.OK {
		t.Fatalf("start: %s %s", started.Error.Code, started.Error.Message)
	}
	go r.pump()
	t.Cleanup(r.stop)
	return r
}

func (r *rig) stop() {
	if stopped := read(r.t, r.server.Stop(5*time.Second)); !stopped.OK {
		r.t.Errorf("stop: %s", stopped.Error.Code)
	}
}

func (r *rig) pump() {
	var ack uint64
	for {
		var got answer
		var batch wa.Batch
		if json.Unmarshal(r.server.NextEvents(ack, time.Second), &got) != nil || !got.OK {
			return
		}
		if json.Unmarshal(got.Result, &batch) != nil {
			return
		}
		ack = batch.Number
		r.mu.Lock()
		r.events = append(r.events, batch.Events...)
		close(r.more)
		r.more = make(chan struct{})
		r.mu.Unlock()
	}
}

// await returns the first event from the given position on that fits, and the position after it.
func (r *rig) await(from int, fits func(wa.Event) bool) (wa.Event, int) {
	r.t.Helper()
	deadline := time.After(patience)
	for {
		r.mu.Lock()
		more := r.more
		at := slices.IndexFunc(r.events[min(from, len(r.events)):], fits)
		if at >= 0 {
			found := r.events[from+at]
			r.mu.Unlock()
			return found, from + at + 1
		}
		r.mu.Unlock()
		select {
		case <-more:
		case <-deadline:
			r.t.Fatalf("no such event; there were %d", len(r.events))
		}
	}
}

func (r *rig) seen() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.events)
}

func (r *rig) try(method string, params any) answer {
	r.t.Helper()
	return r.tryWithin(patience, method, params)
}

func (r *rig) tryWithin(timeout time.Duration, method string, params any) answer {
	r.t.Helper()
	text := marshal(r.t, map[string]any{"timeout_ms": timeout.Milliseconds(), "params": params})
	return read(r.t, r.server.Call(method, text))
}

// call runs a method that must succeed and decodes its result.
func call[T any](r *rig, method string, params any) T {
	r.t.Helper()
	var result T
	got := r.try(method, params)
	if !got.OK {
		r.t.Fatalf("%s: %s: %s", method, got.Error.Code, got.Error.Message)
	}
	if err := json.Unmarshal(got.Result, &result); err != nil {
		r.t.Fatalf("%s: %v", method, err)
	}
	return result
}

func marshal(t testing.TB, value any) []byte {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// device is a device of a rig with its usual requests.
type device struct {
	*rig
	key wa.DeviceKey
}

func (r *rig) newDevice(tenantID string) device {
	d := device{r, wa.DeviceKey{TenantID: tenantID, DeviceID: uuid.NewString()}}
	call[nothing](r, "device.create", d.params(nil))
	return d
}

func (d device) params(more map[string]any) map[string]any {
	params := map[string]any{"tenant_id": d.key.TenantID, "device_id": d.key.DeviceID}
	for name, value := range more {
		params[name] = value
	}
	return params
}

func (d device) status() wa.DeviceStatus {
	d.t.Helper()
	return call[wa.DeviceStatus](d.rig, "device.status", d.params(nil))
}

// awaitStatus waits for an event that reports this status.
func (d device) awaitStatus(from int, status string) (wa.DeviceStatus, int) {
	d.t.Helper()
	var found wa.DeviceStatus
	_, next := d.await(from, func(event wa.Event) bool {
		found = wa.DeviceStatus{}
		return event.DeviceID == d.key.DeviceID && event.Type == "device.status" &&
			json.Unmarshal(event.Data, &found) == nil && found.Status == status
	})
	return found, next
}

func (d device) archive(chat string, archived bool) answer {
	d.t.Helper()
	return d.try("app_state.apply", d.params(map[string]any{
		"collection": "regular_low",
		"mutations": []map[string]any{
			{"type": "archive", "chat_jid": chat, "archived": archived, "range_at": time.Now().UnixMilli()},
		},
	}))
}
