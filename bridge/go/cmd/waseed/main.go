// Command waseed links many devices to simulated phones without a code, for benchmarks: it fills the
// service's device stores while the service is stopped, and writes the state file with which wasim then
// knows the phones.
package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/google/uuid"
	"go.mau.fi/whatsmeow/store"

	"wuts/sim"
	"wuts/sim/seed"
	"wuts/wa"
)

const usage = `waseed -devices-dir DIR -state FILE < plan.json > seeded.json

The plan is a list of devices, [{"tenant_id":UUID,"device_id":UUID},…], as the service created them. Each
gets a phone of its own. The answer is {"root_key":hex,"devices":[{"tenant_id","device_id","jid","lid",
"phone"},…]}. The service must be stopped meanwhile. Afterwards: wasim -from FILE

`

// planned is a device that the service knows and that is to be linked.
type planned struct {
	TenantID string `json:"tenant_id"`
	DeviceID string `json:"device_id"`
}

// seeded is a device that is linked to the phone with those digits.
type seeded struct {
	planned

	JID   string `json:"jid"`
	LID   string `json:"lid"`
	Phone string `json:"phone"`
}

type result struct {
	RootKey string   `json:"root_key"`
	Devices []seeded `json:"devices"`
}

func main() {
	err := run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "waseed:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("waseed", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprint(stderr, usage); flags.PrintDefaults() }
	devices := flags.String("devices-dir", "", "`folder` of the service's device stores")
	state := flags.String("state", "", "state `file` of the simulator, made anew")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *devices == "" || *state == "" || flags.NArg() > 0 {
		return errors.New("give -devices-dir and -state, and nothing else")
	}
	plan, err := readPlan(stdin)
	if err != nil {
		return err
	}
	done, err := fill(ctx, plan, *devices, *state)
	if err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(done)
}

func readPlan(stdin io.Reader) (plan []planned, err error) {
	if err = json.NewDecoder(stdin).Decode(&plan); err != nil {
		return nil, fmt.Errorf("the plan is not as expected: %w", err)
	}
	for _, wanted := range plan {
		for _, id := range []string{wanted.TenantID, wanted.DeviceID} {
			if parsed, err := uuid.Parse(id); err != nil || parsed.String() != id {
				return nil, fmt.Errorf("%q is not a lower-case UUID", id)
			}
		}
	}
	// One tenant after the other, so that one store is open at a time.
	slices.SortStableFunc(plan, func(a, b planned) int { return strings.Compare(a.TenantID, b.TenantID) })
	return plan, nil
}

// fill links every device of the plan to a phone of its own, and saves the phones.
func fill(ctx context.Context, plan []planned, devicesDir, state string) (done result, err error) {
	phones, err := sim.Start(sim.Options{})
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, phones.Close()) }()
	key := phones.RootKey()
	done = result{RootKey: hex.EncodeToString(key[:]), Devices: []seeded{}}
	for len(plan) > 0 {
		tenant := plan[0].TenantID
		count := slices.IndexFunc(plan, func(p planned) bool { return p.TenantID != tenant })
		if count < 0 {
			count = len(plan)
		}
		linked, err := fillTenant(ctx, phones, devicesDir, plan[:count])
		if err != nil {
			return done, fmt.Errorf("tenant %s: %w", tenant, err)
		}
		done.Devices, plan = append(done.Devices, linked...), plan[count:]
	}
	return done, phones.Save(state)
}

// fillTenant links devices that are all of one tenant.
func fillTenant(
	ctx context.Context, phones *sim.Server, devicesDir string, plan []planned,
) (linked []seeded, err error) {
	opened, err := wa.OpenSeedStore(ctx, devicesDir, plan[0].TenantID)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	for _, wanted := range plan {
		device, err := opened.NewDevice(ctx, wanted.DeviceID)
		if err != nil {
			return nil, err
		}
		phone, err := link(ctx, phones, device)
		if err != nil {
			return nil, fmt.Errorf("device %s: %w", wanted.DeviceID, err)
		}
		linked = append(linked, seeded{wanted, device.ID.String(), device.LID.String(), phone})
	}
	return linked, nil
}

// link gives a device a phone with one contact.
func link(ctx context.Context, phones *sim.Server, device *store.Device) (phone string, err error) {
	account, err := phones.AddAccount(sim.Spec{Contacts: []sim.ContactSpec{{Name: "Contact"}}})
	if err != nil {
		return "", err
	}
	if err = seed.Link(ctx, account, device); err != nil {
		return "", err
	}
	return account.PN().User, seed.ShareKeys(ctx, account, device)
}
