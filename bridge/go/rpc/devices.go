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

func devicePairing(ctx context.Context, bridge *wa.Bridge, params deviceParams) (any, error) {
	return bridge.Pairing(ctx, params.key())
}
