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
