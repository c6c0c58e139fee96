package rpc

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
)

// Whatever is asked, the answer is an envelope, an error has a code that is documented, and nothing
// panics on the way.
func FuzzCall(f *testing.F) {
	server := &Server{Log: &safeBuffer{}}
	if started := server.Start(lonelyConfig(f, f.TempDir())); !json.Valid(started) {
		f.Fatal("the server does not start")
	}
	f.Cleanup(func() { server.Stop(5 * time.Second) })
	existing := requestFor("device.status")
	create := marshal(f, map[string]any{"timeout_ms": 5000, "params": existing})
	if created := server.Call("device.create", create); !json.Valid(created) {
		f.Fatal("the device is not created")
	}
	for _, called := range methods {
		f.Add(called.name, marshal(f, map[string]any{"timeout_ms": 1000, "params": requestFor(called.name)}))
		params := requestFor(called.name)
		for _, name := range []string{"tenant_id", "device_id"} {
			if _, takes := params[name]; takes {
				params[name] = existing[name]
			}
		}
		f.Add(called.name, marshal(f, map[string]any{"timeout_ms": 1000, "params": params}))
	}
	f.Add("device.status", []byte(`{"timeout_ms":1,"params":{"tenant_id":"`+uuid.NewString()+`\u0000"}}`))
	f.Add("", []byte(`[]`))
	f.Fuzz(func(t *testing.T, name string, text []byte) {
		var got answer
		if err := json.Unmarshal(server.Call(name, text), &got); err != nil {
			t.Fatalf("the reply is not JSON: %v", err)
		}
		if _, documented := meanings[got.Error.Code]; !got.OK && !documented || got.Error.Code == Internal {
			t.Errorf("got %+v", got.Error)
		}
	})
}
