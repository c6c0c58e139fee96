package wa

// What a device can be. docs/bridge.md says what each means and lists the reasons.
const (
	StatusNew             = "new"
	StatusPairing         = "pairing"
	StatusPasskeyRequired = "passkey_required"
	StatusConnecting      = "connecting"
	StatusConnected       = "connected"
	StatusDisconnected    = "disconnected"
	StatusLoggedOut       = "logged_out"
	StatusReplaced        = "replaced"
	StatusOutdated        = "outdated"
	StatusBanned          = "banned"
	StatusStopped         = "stopped"
)

var allStatuses = []string{
	StatusNew, StatusPairing, StatusPasskeyRequired, StatusConnecting, StatusConnected, StatusDisconnected,
	StatusLoggedOut, StatusReplaced, StatusOutdated, StatusBanned, StatusStopped,
}

// DeviceKey names a device of a tenant.
type DeviceKey struct {
	TenantID, DeviceID string
}

// DeviceStatus is what is known of a device. The times are Unix
// milliseconds, 0 for unknown.
type DeviceStatus struct {
	DeviceID    string `json:"device_id"`
	Status      string `json:"status"`
	Reason      string `json:"reason,omitempty"`
	JID         string `json:"jid,omitempty"`
	LID         string `json:"lid,omitempty"`
	PushName    string `json:"push_name,omitempty"`
	Connected   bool   `json:"connected"`
	LastSeenAt  int64  `json:"last_seen_at,omitempty"`
	BannedUntil int64  `json:"banned_until,omitempty"`
	// What the phone has set; nil if it is not known.
	LIDMigrated    *bool  `json:"lid_migrated,omitempty"`
	UnarchiveChats *bool  `json:"unarchive_chats,omitempty"`
	AppState       string `json:"app_state"`
}

// refusal is why a device in this status can't be asked for anything; nil if it may be, or become so.
func refusal(status string) error {
	switch status {
	case StatusNew, StatusPairing, StatusPasskeyRequired:
		return ErrDeviceNotLinked
	case StatusLoggedOut:
		return ErrDeviceLoggedOut
	case StatusReplaced:
		return ErrDeviceReplaced
	case StatusBanned:
		return ErrDeviceBanned
	case StatusOutdated:
		return ErrDeviceOutdated
	}
	return nil
}
