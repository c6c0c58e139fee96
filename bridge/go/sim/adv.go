package sim

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"slices"
	"time"

	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/whatsmeow/proto/waAdv"
	"google.golang.org/protobuf/proto"
)

// What the two signatures of a device identity begin with.
var (
	accountSignaturePrefix = []byte{6, 0}
	deviceSignaturePrefix  = []byte{6, 1}
)

var errDeviceSignature = errors.New("the device's signature does not verify")

// vouch signs a companion's identity key with the phone's.
func (a *Account) vouch(companion []byte, keyIndex uint32) (*waAdv.ADVSignedDeviceIdentity, error) {
	phone := a.phone.Identity()
	details, err := proto.Marshal(&waAdv.ADVDeviceIdentity{
		RawID:       proto.Uint32(1),
		Timestamp:   proto.Uint64(uint64(time.Now().Unix())),
		KeyIndex:    &keyIndex,
		AccountType: waAdv.ADVEncryptionType_E2EE.Enum(),
		DeviceType:  waAdv.ADVEncryptionType_E2EE.Enum(),
	})
	if err != nil {
		return nil, err
	}
	return &waAdv.ADVSignedDeviceIdentity{
		Details:             details,
		AccountSignatureKey: phone[:],
		AccountSignature:    a.phone.Sign(slices.Concat(accountSignaturePrefix, details, companion)),
	}, nil
}

// sealIdentity authenticates a signed identity with the secret that the QR code carries.
func sealIdentity(signed *waAdv.ADVSignedDeviceIdentity, secret []byte) ([]byte, error) {
	details, err := proto.Marshal(signed)
	if err != nil {
		return nil, err
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write(details)
	return proto.Marshal(&waAdv.ADVSignedDeviceIdentityHMAC{Details: details, HMAC: mac.Sum(nil)})
}

// checkDeviceSignature verifies the identity that the companion signed in its turn, and returns it
// complete.
func checkDeviceSignature(
	signed *waAdv.ADVSignedDeviceIdentity, answer []byte, companion []byte,
) ([]byte, error) {
	returned := &waAdv.ADVSignedDeviceIdentity{}
	if err := proto.Unmarshal(answer, returned); err != nil {
		return nil, err
	}
	signature := returned.GetDeviceSignature()
	message := slices.Concat(
		deviceSignaturePrefix, signed.GetDetails(), companion, signed.GetAccountSignatureKey())
	if len(signature) != 64 || !bytes.Equal(returned.GetDetails(), signed.GetDetails()) ||
		!ecc.VerifySignature(
			ecc.NewDjbECPublicKey([32]byte(companion)), message, [64]byte(signature)) {
		return nil, errDeviceSignature
	}
	complete := proto.Clone(signed).(*waAdv.ADVSignedDeviceIdentity)
	complete.DeviceSignature = signature
	return proto.Marshal(complete)
}
