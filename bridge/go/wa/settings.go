package wa

import (
	"context"
	"database/sql"
	"errors"
	"sync/atomic"

	"go.mau.fi/whatsmeow/store"

	"wuts/wa/engine"
)

// settingsTable keeps what the phone has set, because the app state tells it once. It goes with the keys.
const settingsTable = `
CREATE TABLE wuts_settings (
	our_jid         TEXT PRIMARY KEY REFERENCES whatsmeow_device(jid) ON DELETE CASCADE ON UPDATE CASCADE,
	unarchive_chats BOOLEAN NOT NULL
);`

// settings are those of the phone that decide what its chats look like. What is nil is not known.
type settings struct {
	lidMigrated    atomic.Pointer[bool]
	unarchiveChats atomic.Pointer[bool]
}

// loadSettings reads what is known from earlier processes.
func (f *feed) loadSettings(ctx context.Context) error {
	var on bool
	err := f.link.session.tenant.store.db.QueryRow(ctx,
		"SELECT unarchive_chats FROM wuts_settings WHERE our_jid=$1", f.jid).Scan(&on)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err == nil {
		f.settings.unarchiveChats.Store(&on)
	}
	return err
}

// noteMigration takes from a device that is being saved whether the phone addresses users by LID.
func (f *feed) noteMigration(device *store.Device) {
	if migrated := true; device.LIDMigrationTimestamp > 0 && f.settings.lidMigrated.Swap(&migrated) == nil {
		f.reportSettings()
	}
}

// noteChange takes the setting that a new message unarchives a chat from a change of the app state.
func (f *feed) noteChange(change engine.Change) {
	if len(change.Index) != 1 || change.Index[0] != "setting_unarchiveChats" || change.Remove {
		return
	}
	on := change.Value.GetUnarchiveChatsSetting().GetUnarchiveChats()
	known := f.settings.unarchiveChats.Swap(&on)
	if known != nil && *known == on {
		return
	}
	_, err := f.link.session.tenant.store.db.Exec(f.link.ctx,
		"INSERT INTO wuts_settings (our_jid, unarchive_chats) VALUES ($1, $2)"+
			" ON CONFLICT (our_jid) DO UPDATE SET unarchive_chats=excluded.unarchive_chats", f.jid, on)
	if err != nil {
		f.link.session.log.Error("setting_not_kept")
	}
	f.reportSettings()
}

func (f *feed) reportSettings() {
	s := f.link.session
	s.mailbox.post(func() {
		if s.link == f.link && f.link.isPaired {
			s.report()
		}
	})
}
