package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"wuts/sim"
)

// A device that is linked by its code archives as ordered, and the phone sees it.
func TestArchives(t *testing.T) {
	server, err := sim.Start(sim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	account, err := server.AddAccount(sim.Spec{})
	if err != nil {
		t.Fatal(err)
	}
	key := server.RootKey()
	args := []string{
		"-endpoint", server.Endpoint(), "-root-key", hex.EncodeToString(key[:]),
		"-store", filepath.Join(t.TempDir(), "plain.db"),
	}
	printed, stdout := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- run(context.Background(), args, strings.NewReader(`{"workers":1,"seconds":0.2}`), stdout, io.Discard)
		_ = stdout.Close()
	}()
	answers := json.NewDecoder(printed)
	var code struct{ QR string }
	decode(t, answers, &code)
	if _, err = account.Scan(t.Context(), code.QR); err != nil {
		t.Fatal(err)
	}
	var ready struct{ Ready bool }
	decode(t, answers, &ready)
	var found outcome
	decode(t, answers, &found)
	if err = <-done; err != nil || !ready.Ready || found.Archived == 0 || found.Failed != 0 {
		t.Fatalf("%v %+v %+v", err, ready, found)
	}
}

func decode(t *testing.T, answers *json.Decoder, into any) {
	t.Helper()
	if err := answers.Decode(into); err != nil {
		t.Fatal(err)
	}
}

// What can't be understood is told in one sentence.
func TestBadArguments(t *testing.T) {
	for _, args := range [][]string{
		nil, {"-endpoint", "127.0.0.1:1"},
		{"-endpoint", "127.0.0.1:1", "-root-key", "00", "-store", filepath.Join(t.TempDir(), "x.db")},
	} {
		if err := run(t.Context(), args, strings.NewReader(""), io.Discard, io.Discard); err == nil {
			t.Errorf("%v was taken", args)
		}
	}
}
