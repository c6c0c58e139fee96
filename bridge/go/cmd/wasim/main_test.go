package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"net/http"
	"strings"
	"testing"

	"wuts/sim"
)

// The program prints one line that says where everything is, serves, and ends without an error when
// it is told to.
func TestRun(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	reader, writer := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, nil, writer, io.Discard)
		_ = writer.Close()
	}()
	output := bufio.NewReader(reader)
	line, err := output.ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var ready map[string]string
	if err = json.Unmarshal(line, &ready); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	if len(ready) != 3 || len(ready["root_key"]) != 64 || ready["endpoint"] == "" {
		t.Errorf("%v", ready)
	}
	answer, err := http.Get(ready["control"] + "/v1/info")
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("status %d", answer.StatusCode)
	}
	stop()
	rest, err := io.ReadAll(output)
	if err != nil || len(rest) != 0 {
		t.Errorf("more output: %q, %v", rest, err)
	}
	if err = <-done; err != nil {
		t.Errorf("end: %v", err)
	}
}

// Addresses that others could reach, and arguments that mean nothing, are refused.
func TestBadArguments(t *testing.T) {
	for _, args := range [][]string{{"--listen", "0.0.0.0:0"}, {"--control", "[::]:0"}} {
		if err := run(context.Background(), args, io.Discard, io.Discard); !errors.Is(err, sim.ErrNotLoopback) {
			t.Errorf("%v: %v", args, err)
		}
	}
	for _, args := range [][]string{
		{"extra"}, {"--page-size", "-1"}, {"--unheard"}, {"--listen", "x"},
		{"--state", "x", "--from", "y"},
	} {
		if err := run(context.Background(), args, io.Discard, io.Discard); err == nil {
			t.Errorf("%v was accepted", args)
		}
	}
}

// The help explains the program and names every path of the control API.
func TestHelp(t *testing.T) {
	var help bytes.Buffer
	if _, err := parse([]string{"--help"}, &help); !errors.Is(err, flag.ErrHelp) {
		t.Fatal(err)
	}
	for _, word := range []string{
		"/v1/info", "/scan", "/pairing-code", "/appstate", "/v1/faults", "/v1/wait", "-state",
		"/v1/faults/release", "recovery", "mid_frame", "A/calls/ID/end", "A/presence", "A/disappearing",
	} {
		if !strings.Contains(help.String(), word) {
			t.Errorf("the help does not mention %s", word)
		}
	}
}
