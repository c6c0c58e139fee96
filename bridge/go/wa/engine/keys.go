package engine

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/proto/waServerSync"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/util/hkdfutil"
)

const (
	// askAgainAfter is how long the phone is given to share a key before it is asked again.
	askAgainAfter = 24 * time.Hour
	askTimeout    = time.Minute
)

// keyStore marks a failing store as such, so that it isn't taken for a patch that doesn't verify.
type keyStore struct{ store.AppStateSyncKeyStore }

func (k keyStore) GetAppStateSyncKey(
	ctx context.Context, id []byte,
) (*store.AppStateSyncKey, error) {
	key, err := k.AppStateSyncKeyStore.GetAppStateSyncKey(ctx, id)
	return key, fromStore(ctx, err)
}

// latest returns the id of the key that new mutations are encrypted with.
func (k keyStore) latest(ctx context.Context) ([]byte, error) {
	id, err := k.GetLatestAppStateSyncKeyID(ctx)
	if err != nil {
		return nil, fromStore(ctx, err)
	}
	if id == nil {
		return nil, ErrNoKeys
	}
	return id, nil
}

// askForKeys asks the phone, in the background, for every key that the patches need and the store
// doesn't have: once per key in 24 hours, unless the question could not be sent.
func (e *Engine) askForKeys(ctx context.Context, list *appstate.PatchList) {
	var missing [][]byte
	for id := range keyIDs(list) {
		if e.now().Sub(e.asked[id]) < askAgainAfter {
			continue
		}
		key, err := e.keys.GetAppStateSyncKey(ctx, []byte(id))
		if err == nil && key == nil {
			e.asked[id] = e.now()
			missing = append(missing, []byte(id))
		}
	}
	if len(missing) == 0 {
		return
	}
	e.options.Log.Info("app_state_keys_requested", "count", len(missing))
	e.options.Go("app_state_keys", func() { e.sendKeyRequest(missing) })
}

func (e *Engine) sendKeyRequest(ids [][]byte) {
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	if e.options.Wire.RequestKeys(ctx, ids) == nil {
		return
	}
	e.options.Log.Warn("app_state_key_request_failed", "count", len(ids))
	if e.take(context.Background()) != nil {
		return
	}
	defer e.giveBack()
	for _, id := range ids {
		delete(e.asked, string(id))
	}
}

// keyIDs collects the ids of all keys that a list mentions, those of single records included.
func keyIDs(list *appstate.PatchList) map[string]struct{} {
	ids := make(map[string]struct{})
	add := func(id *waServerSync.KeyId) {
		if id.GetID() != nil {
			ids[string(id.GetID())] = struct{}{}
		}
	}
	add(list.Snapshot.GetKeyID())
	for _, record := range list.Snapshot.GetRecords() {
		add(record.GetKeyID())
	}
	for _, patch := range list.Patches {
		add(patch.GetKeyID())
		for _, mutation := range patch.GetMutations() {
			add(mutation.GetRecord().GetKeyID())
		}
	}
	return ids
}

// isLiveElsewhere tells whether an index still has a record under another key. Index MACs depend on
// the key, so that after a rotation one chat can have two, and removing the old isn't a removal.
func (e *Engine) isLiveElsewhere(
	ctx context.Context, s *scratch, name appstate.WAPatchName, m appstate.Mutation,
) bool {
	keys, err := e.keys.GetAllAppStateSyncKeys(ctx)
	if err != nil {
		return false
	}
	index, err := json.Marshal(m.Index)
	if err != nil {
		return false
	}
	for _, key := range keys {
		value, err := s.GetAppStateMutationMAC(ctx, string(name), indexMAC(key.Data, index))
		if err == nil && value != nil {
			return true
		}
	}
	return false
}

// indexMAC computes the name of an index under a key: HMAC-SHA256 with the first 32 of the 160
// bytes that HKDF makes of the key.
func indexMAC(key, index []byte) []byte {
	expanded := hkdfutil.SHA256(key, nil, []byte("WhatsApp Mutation Keys"), 160)
	mac := hmac.New(sha256.New, expanded[:32])
	mac.Write(index)
	return mac.Sum(nil)
}
