package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wuts/sim"
	"wuts/wa"
)

const (
	firstTenant  = "11111111-1111-4111-8111-111111111111"
	secondTenant = "22222222-2222-4222-8222-222222222222"
)

func device(number string) string { return "aaaaaaaa-aaaa-4aaa-8aaa-00000000000" + number }

// Seeded devices of several tenants are there when the bridge opens their stores, and log in to a
// simulator that begins with the state file.
func TestSeededDevicesLogIn(t *testing.T) {
	folder, state := t.TempDir(), filepath.Join(t.TempDir(), "state.json")
	plan := `[{"tenant_id":"` + firstTenant + `","device_id":"` + device("1") + `"},
		{"tenant_id":"` + secondTenant + `","device_id":"` + device("2") + `"},
		{"tenant_id":"` + firstTenant + `","device_id":"` + device("3") + `"}]`
	var answer bytes.Buffer
	args := []string{"-devices-dir", folder, "-state", state}
	if err := run(context.Background(), args, strings.NewReader(plan), &answer, io.Discard); err != nil {
		t.Fatal(err)
	}
	var done result
	if err := json.Unmarshal(answer.Bytes(), &done); err != nil || len(done.Devices) != 3 {
		t.Fatalf("%s: %v", answer.Bytes(), err)
	}
	server, err := sim.Start(sim.Options{From: state})
	if err != nil {
		t.Fatal(err)
	}
	bridge := open(t, folder, server.Endpoint(), done.RootKey)
	t.Cleanup(func() {
		bridge.Close(context.Background())
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, linked := range done.Devices {
		key := wa.DeviceKey{TenantID: linked.TenantID, DeviceID: linked.DeviceID}
		if _, err := bridge.Connect(context.Background(), key); err != nil {
			t.Fatal(err)
		}
		account, _ := server.Account(linked.Phone)
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		err := server.Wait(ctx, func() bool { return account.Active(1) })
		cancel()
		if err != nil {
			t.Fatalf("%+v does not log in: %v", linked, err)
		}
	}
	if found := server.Violations(); len(found) != 0 {
		t.Errorf("%+v", found)
	}
}

func open(t *testing.T, folder, endpoint, rootKey string) *wa.Bridge {
	t.Helper()
	network, err := wa.SimulatorNetwork(endpoint, rootKey)
	if err != nil {
		t.Fatal(err)
	}
	bridge, err := wa.Open(context.Background(), wa.Config{DevicesDir: folder, Network: network})
	if err != nil {
		t.Fatal(err)
	}
	return bridge
}

// A plan that is none, an id that is no UUID and missing arguments are refused.
func TestBadPlans(t *testing.T) {
	folder := t.TempDir()
	good := []string{"-devices-dir", folder, "-state", filepath.Join(folder, "state.json")}
	for plan, args := range map[string][]string{
		"":                                      good,
		"{}":                                    good,
		`[{"tenant_id":"../x"}]`:                good,
		`[{"tenant_id":"` + firstTenant + `"}]`: good,
		"[]":                                    good[:2],
		`[{"tenant_id":"` + firstTenant + `","x":`: good,
	} {
		if err := run(context.Background(), args, strings.NewReader(plan), io.Discard, io.Discard); err == nil {
			t.Errorf("%s with %v was accepted", plan, args)
		}
	}
}
