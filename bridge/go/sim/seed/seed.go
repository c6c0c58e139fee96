// Package seed links devices of whatsmeow to a simulated phone without a code, ready to connect.
package seed

import (
	"context"
	"slices"

	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/libsignal/protocol"
	"go.mau.fi/libsignal/session"
	"go.mau.fi/whatsmeow/proto/waAdv"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"wuts/sim"
	"wuts/sim/endpoint"
)

const preKeys = 20

// Link links a new device and saves it to its container: with its prekeys, the pairs of phone numbers
// and LIDs, and a Signal session with the phone, but without the app-state keys. The phone takes it for
// one that it has greeted, and sends nothing at its first login.
func Link(ctx context.Context, account *sim.Account, device *store.Device) error {
	registered, err := account.Register(publicKeys(device), true)
	if err != nil {
		return err
	}
	return adopt(ctx, account, device, registered)
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
func adopt(ctx context.Context, a *sim.Account, device *store.Device, registered sim.Registered) error {
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
	if err := device.LIDs.PutManyLIDMappings(ctx, mappings(a)); err != nil {
		return err
	}
	if err := publishPreKeys(ctx, a, device); err != nil {
		return err
	}
	return openSession(ctx, a, device)
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

func mappings(a *sim.Account) []store.LIDMapping {
	mappings := []store.LIDMapping{{PN: a.PN(), LID: a.LID()}}
	for _, contact := range a.Contacts() {
		mappings = append(mappings, store.LIDMapping{PN: contact.PN, LID: contact.LID})
	}
	return mappings
}

func publishPreKeys(ctx context.Context, a *sim.Account, device *store.Device) error {
	made, err := device.PreKeys.GetOrGenPreKeys(ctx, preKeys)
	if err != nil {
		return err
	}
	public := make([]endpoint.PreKey, len(made))
	for i, key := range made {
		public[i] = endpoint.PreKey{ID: key.KeyID, Public: key.Pub[:]}
	}
	if err = a.AddPreKeys(device.ID.Device, public); err != nil {
		return err
	}
	return device.PreKeys.MarkPreKeysAsUploaded(ctx, made[len(made)-1].KeyID)
}

// openSession lets the device read a first message of the phone, so that it can write to it.
func openSession(ctx context.Context, a *sim.Account, device *store.Device) error {
	_, body, err := a.Encrypt(device.ID.Device, &waE2E.Message{})
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

// ShareKeys saves the phone's app-state keys to the device.
func ShareKeys(ctx context.Context, a *sim.Account, device *store.Device) error {
	for _, key := range a.Book().Keys() {
		fingerprint, err := proto.Marshal(&waE2E.AppStateSyncKeyFingerprint{
			RawID: &key.Fingerprint.RawID, CurrentIndex: &key.Fingerprint.CurrentIndex,
			DeviceIndexes: key.Fingerprint.DeviceIndexes,
		})
		if err != nil {
			return err
		}
		err = device.AppStateKeys.PutAppStateSyncKey(ctx, key.ID, store.AppStateSyncKey{
			Data: key.Data, Fingerprint: fingerprint, Timestamp: key.TimestampMS,
		})
		if err != nil {
			return err
		}
	}
	return nil
}
