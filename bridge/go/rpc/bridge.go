package rpc

import (
	"context"

	"wuts/wa"
)

func eraseTenant(ctx context.Context, bridge *wa.Bridge, params tenantParams) (any, error) {
	return bridge.EraseTenant(ctx, params.TenantID)
}

func bridgeStats(_ context.Context, bridge *wa.Bridge, _ nothing) (any, error) {
	return bridge.Stats()
}
