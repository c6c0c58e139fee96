package wasimtest

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/libsignal/protocol"
	"go.mau.fi/libsignal/session"
	"go.mau.fi/whatsmeow/proto/waAdv"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"wuts/sim"
	"wuts/sim/endpoint"
	"wuts/sim/syncd"
)

const seededPreKeys = 20

// Account is an account with waits that fail the test.
type Account struct {
	*sim.Account

	sim *Sim
}

// WaitOnline waits until a device is logged in and has asked for what waits for it.
func (a *Account) WaitOnline(device uint16) {
	a.sim.t.Helper()
	a.sim.Until(fmt.Sprintf("device %d is online", device), func() bool {
		return a.Active(device)
	})
}

// WaitOffline waits until a device is not logged in.
func (a *Account) WaitOffline(device uint16) {
	a.sim.t.Helper()
	a.sim.Until(fmt.Sprintf("device %d is offline", device), func() bool {
		return !a.Online(device)
	})
}

// Entry returns the live entry of an index as the phone sees it.
func (a *Account) Entry(collection string, index ...string) (syncd.Entry, bool) {
	a.sim.t.Helper()
	view, err := a.Book().View(collection)
	if err != nil {
		a.sim.t.Fatal(err)
	}
	at := slices.IndexFunc(view.Entries, func(entry syncd.Entry) bool {
		return slices.Equal(entry.Index, index)
	})
	if at < 0 {
		return syncd.Entry{}, false
	}
	return view.Entries[at], true
}

// WaitEntry waits until the phone sees an index with a value that the condition accepts.
func (a *Account) WaitEntry(
	collection string, condition func(syncd.Entry) bool, index ...string,
) syncd.Entry {
	a.sim.t.Helper()
	var found syncd.Entry
	a.sim.Until(fmt.Sprintf("%s has %v", collection, index), func() bool {
		entry, ok := a.Entry(collection, index...)
		found = entry
		return ok && condition(entry)
	})
	return found
}

// SeedOption changes what Seed prepares.
type SeedOption func(*seedSettings)

type seedSettings struct{ keys bool }

// WithoutKeys leaves the app-state keys out; the device has to ask the phone for them.
func WithoutKeys() SeedOption { return func(s *seedSettings) { s.keys = false } }

// Seed links a device without a code and saves it to the container, ready to connect: with its
// prekeys, the app-state keys, the pairs of phone numbers and LIDs, and a Signal session with the
// phone. The phone takes it for one that it has greeted, and sends nothing at its first login.
func (a *Account) Seed(
	t testing.TB, container *sqlstore.Container, options ...SeedOption,
) *store.Device {
	t.Helper()
	chosen := seedSettings{keys: true}
	for _, option := range options {
		option(&chosen)
	}
	device := container.NewDevice()
	registered, err := a.Register(publicKeys(device), true)
	if err == nil {
		err = a.adopt(device, registered)
	}
	if err == nil && chosen.keys {
		err = storeKeys(device, a.Book().Keys())
	}
	if err != nil {
		t.Fatalf("seeding a device: %v", err)
	}
	return device
}

func publicKeys(device *store.Device) sim.DeviceKeys {
	return sim.DeviceKeys{
		Noise:          *device.NoiseKey.Pub,
		Identity:       *device.IdentityKey.Pub,
		RegistrationID: device.RegistrationID,
		Signed: endpoint.SignedPreKey{
			ID: device.SignedPreKey.KeyID, Public: device.SignedPreKey.Pub[:],
			Signature: device.SignedPreKey.Signature[:],
		},
	}
}

// adopt saves the device as the pairing would have.
func (a *Account) adopt(device *store.Device, registered sim.Registered) error {
	ctx := context.Background()
	pn, lid := a.PN(), a.LID()
	pn.Device, lid.Device = registered.Device, registered.Device
	device.ID, device.LID, device.Platform, device.PushName = &pn, lid, "android", a.Name()
	device.Account = signIdentity(device, registered.Identity)
	if err := device.Save(ctx); err != nil {
		return err
	}
	phone := a.LID().SignalAddress()
	identity := [32]byte(registered.Identity.GetAccountSignatureKey())
	if err := device.Identities.PutIdentity(ctx, phone.String(), identity); err != nil {
		return err
	}
	if err := device.LIDs.PutManyLIDMappings(ctx, a.mappings()); err != nil {
		return err
	}
	if err := a.publishPreKeys(device, registered.Device); err != nil {
		return err
	}
	return a.openSession(device, registered.Device)
}

func signIdentity(
	device *store.Device, signed *waAdv.ADVSignedDeviceIdentity,
) *waAdv.ADVSignedDeviceIdentity {
	complete := proto.Clone(signed).(*waAdv.ADVSignedDeviceIdentity)
	message := slices.Concat(
		[]byte{6, 1}, signed.GetDetails(), device.IdentityKey.Pub[:], signed.GetAccountSignatureKey())
	signature := ecc.CalculateSignature(
		ecc.NewDjbECPrivateKey(*device.IdentityKey.Priv), message)
	complete.DeviceSignature = signature[:]
	return complete
}

func (a *Account) mappings() []store.LIDMapping {
	mappings := []store.LIDMapping{{PN: a.PN(), LID: a.LID()}}
	for _, contact := range a.Contacts() {
		mappings = append(mappings, store.LIDMapping{PN: contact.PN, LID: contact.LID})
	}
	return mappings
}

func (a *Account) publishPreKeys(device *store.Device, id uint16) error {
	ctx := context.Background()
	made, err := device.PreKeys.GetOrGenPreKeys(ctx, seededPreKeys)
	if err != nil {
		return err
	}
	public := make([]endpoint.PreKey, len(made))
	for i, key := range made {
		public[i] = endpoint.PreKey{ID: key.KeyID, Public: key.Pub[:]}
	}
	if err = a.AddPreKeys(id, public); err != nil {
		return err
	}
	return device.PreKeys.MarkPreKeysAsUploaded(ctx, made[len(made)-1].KeyID)
}

// openSession lets the device read a first message of the phone, so that it can write to it.
func (a *Account) openSession(device *store.Device, id uint16) error {
	ctx := context.Background()
	_, body, err := a.Encrypt(id, &waE2E.Message{})
	if err != nil {
		return err
	}
	serializer := store.SignalProtobufSerializer
	message, err := protocol.NewPreKeySignalMessageFromBytes(
		body, serializer.PreKeySignalMessage, serializer.SignalMessage)
	if err != nil {
		return err
	}
	phone := types.JID{User: a.LID().User, Server: types.HiddenUserServer}.SignalAddress()
	builder := session.NewBuilderFromSignal(device, phone, serializer)
	_, err = session.NewCipher(builder, phone).DecryptMessage(ctx, message)
	return err
}

func storeKeys(device *store.Device, keys []syncd.Key) error {
	for _, key := range keys {
		fingerprint, err := proto.Marshal(&waE2E.AppStateSyncKeyFingerprint{
			RawID: &key.Fingerprint.RawID, CurrentIndex: &key.Fingerprint.CurrentIndex,
			DeviceIndexes: key.Fingerprint.DeviceIndexes,
		})
		if err != nil {
			return err
		}
		err = device.AppStateKeys.PutAppStateSyncKey(
			context.Background(), key.ID, store.AppStateSyncKey{
				Data: key.Data, Fingerprint: fingerprint, Timestamp: key.TimestampMS,
			})
		if err != nil {
			return err
		}
	}
	return nil
}
