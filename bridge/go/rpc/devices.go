package rpc

import (
	"context"

	"wuts/wa"
)

type nothing struct{}

func createDevice(ctx context.Context, bridge *wa.Bridge, params deviceParams) (any, error) {
	return nothing{}, bridge.CreateDevice(ctx, params.key())
}

func listDevices(ctx context.Context, bridge *wa.Bridge, params tenantParams) (any, error) {
	devices, err := bridge.Devices(ctx, params.TenantID)
	return map[string]any{"devices": devices}, err
}

func deviceStatus(ctx context.Context, bridge *wa.Bridge, params deviceParams) (any, error) {
	return bridge.Status(ctx, params.key())
}

func connectDevice(ctx context.Context, bridge *wa.Bridge, params deviceParams) (any, error) {
	return bridge.Connect(ctx, params.key())
}

func disconnectDevice(ctx context.Context, bridge *wa.Bridge, params deviceParams) (any, error) {
	return bridge.Disconnect(ctx, params.key())
}

func logoutDevice(ctx context.Context, bridge *wa.Bridge, params deviceParams) (any, error) {
	unlinked, err := bridge.Logout(ctx, params.key())
	return map[string]any{"unlinked": unlinked}, err
}

func eraseDevice(ctx context.Context, bridge *wa.Bridge, params deviceParams) (any, error) {
	unlinked, err := bridge.EraseDevice(ctx, params.key())
	return map[string]any{"unlinked": unlinked}, err
}

func deviceQR(ctx context.Context, bridge *wa.Bridge, params codeParams) (any, error) {
	return bridge.QR(ctx, params.key(), params.Refresh)
}

func devicePairCode(ctx context.Context, bridge *wa.Bridge, params pairCodeParams) (any, error) {
	return bridge.PairCode(ctx, params.key(), params.Phone, params.Refresh)
}

func devicePairing(ctx context.Context, bridge *wa.Bridge, params deviceParams) (any, error) {
	return bridge.Pairing(ctx, params.key())
}

func devicePasskey(ctx context.Context, bridge *wa.Bridge, params deviceParams) (any, error) {
	return bridge.Passkey(ctx, params.key())
}

func answerPasskey(ctx context.Context, bridge *wa.Bridge, params passkeyParams) (any, error) {
	return bridge.AnswerPasskey(ctx, params.key(), &params.Credential)
}

func confirmPasskey(ctx context.Context, bridge *wa.Bridge, params deviceParams) (any, error) {
	return bridge.ConfirmPasskey(ctx, params.key())
}
