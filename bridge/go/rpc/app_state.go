package rpc

import (
	"context"
	"fmt"

	"go.mau.fi/whatsmeow/appstate"

	"wuts/wa"
	"wuts/wa/engine"
)

type applied struct {
	Version   uint64     `json:"version"`
	Trips     int        `json:"trips"`
	Conflicts int        `json:"conflicts"`
	Rejected  []rejected `json:"rejected"`
}

type rejected struct {
	Position int    `json:"position"`
	Code     Code   `json:"code"`
	Message  string `json:"message"`
}

func applyAppState(ctx context.Context, bridge *wa.Bridge, params applyParams) (any, error) {
	mutations, err := parseMutations(params.Collection, params.Mutations)
	if err != nil {
		return nil, err
	}
	outcome, err := bridge.ApplyAppState(ctx, params.key(), appstate.WAPatchName(params.Collection), mutations)
	if err != nil {
		return nil, err
	}
	return applied{
		Version: outcome.Version, Trips: outcome.Trips, Conflicts: outcome.Conflicts,
		Rejected: toRejected(outcome.Rejected),
	}, nil
}

func toRejected(rejections []engine.Rejection) []rejected {
	list := make([]rejected, 0, len(rejections))
	for _, rejection := range rejections {
		list = append(list, rejected{
			Position: rejection.Position,
			Code:     codeOfRefusal(rejection.Code),
			Message:  fmt.Sprintf("WhatsApp refused the mutation with code %d", rejection.Code),
		})
	}
	return list
}

func syncAppState(ctx context.Context, bridge *wa.Bridge, params syncParams) (any, error) {
	version, err := bridge.SyncAppState(ctx, params.key(), appstate.WAPatchName(params.Collection), params.Full)
	return map[string]any{"version": version}, err
}

type collectionStatus struct {
	Name     string `json:"name"`
	Version  uint64 `json:"version"`
	State    string `json:"state"`
	LastOKAt int64  `json:"last_ok_at,omitempty"`
}

func appStateStatus(ctx context.Context, bridge *wa.Bridge, params deviceParams) (any, error) {
	statuses, err := bridge.AppStateStatus(ctx, params.key())
	if err != nil {
		return nil, err
	}
	list := make([]collectionStatus, 0, len(statuses))
	for _, status := range statuses {
		row := collectionStatus{Name: string(status.Name), Version: status.Version, State: string(status.State)}
		if !status.LastOK.IsZero() {
			row.LastOKAt = status.LastOK.UnixMilli()
		}
		list = append(list, row)
	}
	return map[string]any{"collections": list}, nil
}
