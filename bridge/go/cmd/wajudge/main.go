// Command wajudge links a plain whatsmeow to an account of the simulator, and lets it change chats and
// say what it sees of the app state: as one of the other devices of an account, in tests.
package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	_ "github.com/mattn/go-sqlite3"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types/events"
	waLog "go.mau.fi/whatsmeow/util/log"

	"wuts/sim/plain"
)

const usage = `wajudge -endpoint 127.0.0.1:PORT -root-key HEX -control http://127.0.0.1:PORT -account PN

Prints one JSON object a line:
  {"event":"open","jid"}                              linked and logged in
  {"event":"synced","collection","version","hash"}    a collection was read whole, every MAC verified
  {"event":"done","id"}                               the command with that id was carried out
  {"event":"refused","id","detail"}                   it was not
  {"event":"error","detail"}                          something that a good server never causes
Takes one JSON object a line, each with an "id" and one of
  {"archive":JID,"archived":bool}  {"pin":JID,"pinned":bool}  {"mute":JID,"muted":bool}
  {"fetch":COLLECTION}             read it whole
Ends when its input ends.

`

type options struct {
	endpoint, rootKey, control, account string
}

func main() {
	err := run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "wajudge:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	chosen, err := readOptions(args, stderr)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "wajudge")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	address := "file:" + filepath.Join(folder, "device.db") +
		"?_foreign_keys=on&_journal_mode=WAL&_busy_timeout=5000&_txlock=immediate"
	container, err := sqlstore.New(ctx, "sqlite3", address, waLog.Noop)
	if err != nil {
		return err
	}
	defer func() { _ = container.Close() }()
	j := &judge{
		options: chosen, client: plain.Client(container.NewDevice(), chosen.endpoint),
		out: json.NewEncoder(stdout),
	}
	j.client.AddEventHandler(j.handle)
	if err := j.client.Connect(); err != nil {
		return err
	}
	defer j.client.Disconnect()
	return j.obey(ctx, stdin)
}

func readOptions(args []string, stderr io.Writer) (chosen options, err error) {
	flags := flag.NewFlagSet("wajudge", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprint(stderr, usage); flags.PrintDefaults() }
	flags.StringVar(&chosen.endpoint, "endpoint", "", "`address` of the simulator")
	flags.StringVar(&chosen.rootKey, "root-key", "", "its root key in `hex`")
	flags.StringVar(&chosen.control, "control", "", "`URL` of its control API")
	flags.StringVar(&chosen.account, "account", "", "`digits` of the account's phone number")
	if err = flags.Parse(args); err != nil {
		return chosen, err
	}
	return chosen, plain.Trust(chosen.rootKey)
}

// judge is the device. mu guards the output; nothing but writing happens under it.
type judge struct {
	options

	client *whatsmeow.Client
	mu     sync.Mutex
	out    *json.Encoder
}

type report map[string]any

func (j *judge) tell(what report) {
	j.mu.Lock()
	defer j.mu.Unlock()
	_ = j.out.Encode(what)
}

func (j *judge) handle(event any) {
	switch event := event.(type) {
	case *events.QR:
		go func() {
			if err := j.scan(event.Codes[0]); err != nil {
				j.tell(report{"event": "error", "detail": err.Error()})
			}
		}()
	case *events.Connected:
		j.tell(report{"event": "open", "jid": j.client.Store.GetJID().String()})
	case *events.AppStateSyncComplete:
		j.synced(event.Name)
	case *events.LoggedOut, *events.StreamReplaced, *events.ClientOutdated:
		j.tell(report{"event": "error", "detail": fmt.Sprintf("%T", event)})
	}
}

// synced tells how far a collection was read, and with which hash.
func (j *judge) synced(name appstate.WAPatchName) {
	version, hash, err := j.client.Store.AppState.GetAppStateVersion(context.Background(), string(name))
	if err != nil {
		j.tell(report{"event": "error", "detail": err.Error()})
		return
	}
	j.tell(report{
		"event": "synced", "collection": name, "version": version, "hash": hex.EncodeToString(hash[:]),
	})
}

// obey carries out one command after the other, until there are no more.
func (j *judge) obey(ctx context.Context, stdin io.Reader) error {
	lines := bufio.NewScanner(stdin)
	for lines.Scan() {
		var wanted command
		if err := json.Unmarshal(lines.Bytes(), &wanted); err != nil {
			return fmt.Errorf("not a command: %w", err)
		}
		if err := wanted.carryOut(ctx, j.client); err != nil {
			j.tell(report{"event": "refused", "id": wanted.ID, "detail": err.Error()})
		} else {
			j.tell(report{"event": "done", "id": wanted.ID})
		}
	}
	return lines.Err()
}
