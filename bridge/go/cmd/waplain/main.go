// Command waplain archives chats by whatsmeow's own SendAppState, for benchmarks: it is what the bridge's
// engine is compared with.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

const usage = `waplain -endpoint ADDRESS -root-key HEX -store FILE < orders.json

It links a device to a phone of the simulator at the address: it prints {"qr":text}, the code to scan, then
{"ready":true}. Each order {"workers":n,"seconds":s} is answered with {"archived":n,"failed":n,"seconds":s,
"p50_ms":ms,"p99_ms":ms}: for so long each of the workers archived one chat after the other.

`

// order says how many goroutines archive, and for how long.
type order struct {
	Workers int     `json:"workers"`
	Seconds float64 `json:"seconds"`
}

func main() {
	err := run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "waplain:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("waplain", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprint(stderr, usage); flags.PrintDefaults() }
	endpoint := flags.String("endpoint", "", "loopback `address` of the simulator")
	rootKey := flags.String("root-key", "", "its root key, 64 `hex` digits")
	file := flags.String("store", "", "device store, a `file` that is made")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *endpoint == "" || *rootKey == "" || *file == "" || flags.NArg() > 0 {
		return errors.New("give -endpoint, -root-key and -store, and nothing else")
	}
	device, err := openDevice(ctx, *endpoint, *rootKey, *file)
	if err != nil {
		return err
	}
	defer device.close()
	answers := json.NewEncoder(stdout)
	if err = device.link(func(code string) error { return answers.Encode(map[string]string{"qr": code}) }); err != nil {
		return err
	}
	if err = answers.Encode(map[string]bool{"ready": true}); err != nil {
		return err
	}
	return obey(ctx, device, json.NewDecoder(stdin), answers)
}

// obey carries out orders until there are no more.
func obey(ctx context.Context, device *device, orders *json.Decoder, answers *json.Encoder) error {
	for {
		var wanted order
		if err := orders.Decode(&wanted); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("the order is not as expected: %w", err)
		}
		if wanted.Workers < 1 || wanted.Seconds <= 0 {
			return errors.New("an order takes workers and seconds")
		}
		if err := answers.Encode(archive(ctx, device.client, wanted)); err != nil {
			return err
		}
	}
}
