package wa

import (
	"context"
	"encoding/json"

	"go.mau.fi/util/dbutil"
)

// spool writes an event down and returns its number, which rises and is never used twice.
func (t *tenantStore) spool(ctx context.Context, event Event) (int64, error) {
	result, err := t.db.Exec(ctx, "INSERT INTO wuts_spool (device_id, type, at, data) VALUES ($1, $2, $3, $4)",
		event.DeviceID, event.Type, event.At, string(event.Data))
	if err != nil {
		return 0, storageError(err)
	}
	id, err := result.LastInsertId()
	return id, storageError(err)
}

// spooled lists what was not acknowledged, oldest first.
func (t *tenantStore) spooled(ctx context.Context, tenantID string) ([]Event, error) {
	scan := func(row dbutil.Scannable) (Event, error) {
		event, data := Event{TenantID: tenantID}, ""
		err := row.Scan(&event.SpoolID, &event.DeviceID, &event.Type, &event.At, &data)
		event.Data = json.RawMessage(data)
		return event, err
	}
	rows, err := t.db.Query(ctx, "SELECT spool_id, device_id, type, at, data FROM wuts_spool ORDER BY spool_id")
	events, err := dbutil.NewRowIterWithError(rows, scan, err).AsList()
	return events, storageError(err)
}

// release deletes the rows up to and with this number: the reader has committed their effects.
func (t *tenantStore) release(ctx context.Context, upTo int64) error {
	_, err := t.db.Exec(ctx, "DELETE FROM wuts_spool WHERE spool_id<=$1", upTo)
	return storageError(err)
}
