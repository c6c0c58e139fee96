package wa

import (
	"testing"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
)

// mustKnowTheSame asserts that the next process finds a device as this one leaves it.
func mustKnowTheSame(t *testing.T, b *Bridge, key DeviceKey) {
	t.Helper()
	before, err := b.Status(within(t), key)
	if err != nil {
		t.Fatal(err)
	}
	b.Close(within(t))
	after, err := openBridge(t, b.config).Status(within(t), key)
	if err != nil || after != before {
		t.Errorf("after %+v the next process knows %+v, %v", before, after, err)
	}
}

// A pairing that comes to nothing after its keys were saved leaves the device as it was, also for the
// next process: one that succeeds after it was ended, and one that breaks in its last step.
func TestKeysOfNoPairing(t *testing.T) {
	jid := types.JID{User: "15550001111", Device: 3, Server: types.DefaultUserServer}
	for name, end := range map[string]func(*session, *link){
		"succeeds late": func(s *session, l *link) { s.paired(l, &events.PairSuccess{ID: jid}) },
		"breaks": func(s *session, l *link) {
			l.device.ID = &jid
			_ = l.device.Delete(t.Context())
			s.pairingBroke(l, pairErrorReason(&whatsmeow.PairDatabaseError{}))
		},
	} {
		for _, before := range []condition{{state: StatusNew}, requestedLogout} {
			t.Run(name+" "+before.state, func(t *testing.T) {
				b := openBridge(t, Config{DevicesDir: t.TempDir()})
				key := newKey(t, b)
				s := mustSession(t, b, key)
				_, err := ask(within(t), s, func() (bool, error) {
					s.setCondition(before)
					l := s.newLink(s.tenant.store.container.NewDevice())
					defer l.close()
					if err := s.tenant.store.claim(within(t), key.DeviceID, jid); err != nil {
						return false, err
					}
					end(s, l)
					return true, nil
				})
				if err != nil {
					t.Fatal(err)
				}
				mustKnowTheSame(t, b, key)
			})
		}
	}
}
