package engine

import (
	"context"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/store"
)

// door takes the place of Device.AppState: it refuses every call, so that whatsmeow never reads or
// writes the tables, and takes a look at a version for what it is, a notification.
type door struct{ engine *Engine }

var _ store.AppStateStore = door{}

func (d door) GetAppStateVersion(_ context.Context, name string) (uint64, [128]byte, error) {
	d.engine.poke(appstate.WAPatchName(name))
	return 0, [128]byte{}, ErrDoor
}

func (d door) PutAppStateVersion(context.Context, string, uint64, [128]byte) error {
	return ErrDoor
}

func (d door) DeleteAppStateVersion(context.Context, string) error { return ErrDoor }

func (d door) PutAppStateMutationMACs(
	context.Context, string, uint64, []store.AppStateMutationMAC,
) error {
	return ErrDoor
}

func (d door) DeleteAppStateMutationMACs(context.Context, string, [][]byte) error { return ErrDoor }

func (d door) GetAppStateMutationMAC(context.Context, string, []byte) ([]byte, error) {
	return nil, ErrDoor
}
