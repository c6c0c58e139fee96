package engine

import (
	"errors"
	"testing"

	"go.mau.fi/whatsmeow/store"

	"wuts/sim/syncd"
)

// The door refuses whatsmeow every call, and says nothing about the real tables.
func TestDoorRefusesEveryCall(t *testing.T) {
	r := newAccount(t, syncd.Options{}).link()
	r.mustApply(archive(chat))
	ctx, shut := t.Context(), r.device.AppState
	version, _, err := shut.GetAppStateVersion(ctx, string(low))
	_, macErr := shut.GetAppStateMutationMAC(ctx, string(low), []byte("x"))
	for _, err := range []error{
		err, macErr,
		shut.PutAppStateVersion(ctx, string(low), 5, [128]byte{}),
		shut.DeleteAppStateVersion(ctx, string(low)),
		shut.PutAppStateMutationMACs(ctx, string(low), 5, []store.AppStateMutationMAC{{}}),
		shut.DeleteAppStateMutationMACs(ctx, string(low), [][]byte{{1}}),
	} {
		if !errors.Is(err, ErrDoor) || version != 0 {
			t.Errorf("version %d, error %v", version, err)
		}
	}
	r.mustAgree()
}
