package wa

import "context"

// session is the live thing that drives one device.
type session struct {
	row deviceRow
}

func (b *Bridge) newSession(_ *tenant, row deviceRow) *session {
	return &session{row: row}
}

func (s *session) status() DeviceStatus {
	return DeviceStatus{DeviceID: s.row.deviceID, Status: s.row.status, Reason: s.row.reason, AppState: "awaiting_keys"}
}

func (b *Bridge) endSessions(context.Context, map[string]*tenant) {}
