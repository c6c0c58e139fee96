// Command wasim runs the WhatsApp server simulator until it is told to stop.
package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"wuts/sim"
	"wuts/sim/control"
)

const (
	readHeaderTimeout = 10 * time.Second
	stopTimeout       = 3 * time.Second
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "wasim:", err)
		os.Exit(1)
	}
}

type arguments struct {
	sim.Options
	control string
}

func parse(args []string, help io.Writer) (arguments, error) {
	var parsed arguments
	flags := flag.NewFlagSet("wasim", flag.ContinueOnError)
	flags.SetOutput(help)
	flags.Usage = func() { fmt.Fprint(help, usage); flags.PrintDefaults() }
	flags.StringVar(&parsed.Listen, "listen", "127.0.0.1:0", "`address` of the chat server")
	flags.StringVar(&parsed.control, "control", "127.0.0.1:0", "`address` of the control API")
	flags.StringVar(&parsed.StateFile, "state", "", "`file` to keep everything in across restarts")
	flags.StringVar(&parsed.From, "from", "", "state `file` to begin with; nothing is written to it")
	flags.Int64Var(&parsed.Seed, "seed", 1, "`number` that random faults follow from")
	flags.StringVar(&parsed.Floor, "version-floor", "", "oldest `version` of a client that is let in")
	flags.IntVar(&parsed.PageSize, "page-size", 0, "app-state `patches` in one answer, 0 for all")
	flags.BoolVar(&parsed.Snapshots, "snapshots", false,
		"answer the first fetch of a collection with a snapshot, not with all patches")
	flags.BoolVar(&parsed.Lenient, "lenient", false,
		"accept bad patches and unknown requests, as the real server does")
	if err := flags.Parse(args); err != nil {
		return parsed, err
	}
	if flags.NArg() > 0 {
		return parsed, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if parsed.StateFile != "" && parsed.From != "" {
		return parsed, errors.New("give one of -state and -from")
	}
	if parsed.PageSize < 0 {
		return parsed, errors.New("the page size can't be negative")
	}
	return parsed, nil
}

// run serves until the context ends. The one line that it prints says where everything is.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	parsed, err := parse(args, stderr)
	if err != nil {
		return err
	}
	parsed.Log = slog.New(slog.NewJSONHandler(stderr, nil))
	listener, err := sim.Listen(parsed.control)
	if err != nil {
		return fmt.Errorf("control API: %w", err)
	}
	simulator, err := sim.Start(parsed.Options)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	address := "http://" + listener.Addr().String()
	api := &http.Server{
		Handler:           control.New(simulator, address, parsed.Seed),
		ReadHeaderTimeout: readHeaderTimeout,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	failed := make(chan error, 1)
	go func() { failed <- api.Serve(listener) }()
	if err = announce(stdout, simulator, address); err == nil {
		select {
		case <-ctx.Done():
		case err = <-failed:
		}
	}
	return errors.Join(err, stop(api), simulator.Close())
}

func announce(stdout io.Writer, simulator *sim.Server, address string) error {
	key := simulator.RootKey()
	return json.NewEncoder(stdout).Encode(struct {
		Endpoint string `json:"endpoint"`
		Control  string `json:"control"`
		RootKey  string `json:"root_key"`
	}{simulator.Endpoint(), address, hex.EncodeToString(key[:])})
}

// stop lets answers that are under way go out, but not for long.
func stop(api *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if err := api.Shutdown(ctx); err != nil {
		return api.Close()
	}
	return nil
}
