package control

import (
	"encoding/hex"
	"encoding/json"
	"net/http"
	"time"

	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/encoding/protojson"

	"wuts/sim"
	"wuts/sim/syncd"
)

// mutation is an app-state mutation as JSON. Value is a SyncActionValue as protojson.
type mutation struct {
	Collection  string          `json:"collection"`
	Op          string          `json:"op"`
	Index       []string        `json:"index"`
	Version     int32           `json:"version"`
	Value       json.RawMessage `json:"value"`
	TimestampMS int64           `json:"timestamp_ms"`
}

func (m mutation) decode() (syncd.Mutation, error) {
	decoded := syncd.Mutation{
		Operation: m.Op, Index: m.Index, Version: m.Version, TimestampMS: m.TimestampMS,
	}
	if decoded.Operation == "" {
		decoded.Operation = "set"
	}
	if decoded.Version == 0 {
		decoded.Version = 1
	}
	if m.Index == nil {
		return decoded, invalid("index is missing; it may be an empty list")
	}
	if decoded.Operation == "set" && len(m.Value) == 0 {
		return decoded, invalid("value is missing")
	}
	decoded.Value = &waSyncAction.SyncActionValue{}
	if len(m.Value) > 0 {
		if err := protojson.Unmarshal(m.Value, decoded.Value); err != nil {
			return decoded, invalid("value is not a SyncActionValue: %v", err)
		}
	}
	return decoded, nil
}

// phoneWrite is one mutation of the phone: in full, or by one of the short forms.
type phoneWrite struct {
	mutation
	Archive *struct {
		JID      string `json:"jid"`
		Archived bool   `json:"archived"`
	} `json:"archive"`
	Pin *struct {
		JID    string `json:"jid"`
		Pinned bool   `json:"pinned"`
	} `json:"pin"`
	Mute *struct {
		JID   string     `json:"jid"`
		Muted bool       `json:"muted"`
		Until *time.Time `json:"until"`
	} `json:"mute"`
	Read *struct {
		JID  string `json:"jid"`
		Read bool   `json:"read"`
	} `json:"read"`
	PushName *struct {
		Name string `json:"name"`
	} `json:"pushname"`
	Contact *struct {
		JID  string `json:"jid"`
		Name string `json:"name"`
	} `json:"contact"`
}

// forms counts how many of the ways to say a mutation are used.
func (w phoneWrite) forms() int {
	count := 0
	for _, used := range []bool{
		w.Collection != "", w.Archive != nil, w.Pin != nil, w.Mute != nil, w.Read != nil,
		w.PushName != nil, w.Contact != nil,
	} {
		if used {
			count++
		}
	}
	return count
}

// write lets the phone write one patch of one mutation.
func (s *Server) write(r *http.Request) (any, error) {
	a, err := s.account(r)
	if err != nil {
		return nil, err
	}
	var wanted phoneWrite
	if err = read(r, &wanted); err != nil {
		return nil, err
	}
	if wanted.forms() != 1 {
		return nil, invalid("give one mutation: collection with index and value, " +
			"or one of archive, pin, mute, read, pushname, contact")
	}
	collection, current, err := wanted.apply(a)
	return map[string]any{"collection": collection, "version": current}, err
}

func (w phoneWrite) apply(a *sim.Account) (collection string, current uint64, err error) {
	switch {
	case w.PushName != nil:
		current, err = a.Rename(w.PushName.Name)
		return "critical_block", current, err
	case w.Contact != nil:
		jid, err := userJID(w.Contact.JID)
		if err != nil {
			return "", 0, err
		}
		current, err = a.NameContact(jid, w.Contact.Name)
		return "critical_unblock_low", current, err
	case w.Collection != "":
		decoded, err := w.decode()
		if err != nil {
			return "", 0, err
		}
		current, err = a.Write(w.Collection, decoded)
		return w.Collection, current, err
	default:
		return w.applyToChat(a)
	}
}

// applyToChat writes one of the short forms that are about a chat.
func (w phoneWrite) applyToChat(a *sim.Account) (collection string, current uint64, err error) {
	collection = "regular_low"
	var text string
	var build func(types.JID) syncd.Mutation
	switch {
	case w.Archive != nil:
		text = w.Archive.JID
		build = func(jid types.JID) syncd.Mutation {
			return sim.ArchiveMutation(jid, w.Archive.Archived)
		}
	case w.Pin != nil:
		text = w.Pin.JID
		build = func(jid types.JID) syncd.Mutation { return sim.PinMutation(jid, w.Pin.Pinned) }
	case w.Read != nil:
		text = w.Read.JID
		build = func(jid types.JID) syncd.Mutation { return sim.ReadMutation(jid, w.Read.Read) }
	default:
		text, collection = w.Mute.JID, "regular_high"
		build = func(jid types.JID) syncd.Mutation {
			return sim.MuteMutation(jid, w.Mute.Muted, w.Mute.Until)
		}
	}
	jid, err := chatJID(text)
	if err != nil {
		return "", 0, err
	}
	current, err = a.Write(collection, build(a.ChatJID(jid)))
	return collection, current, err
}

func chatJID(text string) (types.JID, error) {
	jid, err := types.ParseJID(text)
	if err != nil || jid.User == "" || jid.Device != 0 {
		return jid, invalid("%q is not the JID of a chat", text)
	}
	return jid, nil
}

func userJID(text string) (types.JID, error) {
	jid, err := chatJID(text)
	if err != nil {
		return jid, err
	}
	if jid.Server != types.DefaultUserServer && jid.Server != types.HiddenUserServer {
		return jid, invalid("%q is not the JID of a user", text)
	}
	return jid, nil
}

func (s *Server) showCollection(r *http.Request) (any, error) {
	a, err := s.account(r)
	if err != nil {
		return nil, err
	}
	return a.Book().View(r.PathValue("collection"))
}

func (s *Server) showCollections(r *http.Request) (any, error) {
	a, err := s.account(r)
	if err != nil {
		return nil, err
	}
	views := make([]syncd.View, 0, len(syncd.Names))
	for _, name := range syncd.Names {
		view, err := a.Book().View(name)
		if err != nil {
			return nil, err
		}
		views = append(views, view)
	}
	return map[string]any{"collections": views}, nil
}

// serveSnapshots decides whether a first fetch is answered with a snapshot or with all patches.
func (s *Server) serveSnapshots(r *http.Request) (any, error) {
	a, err := s.account(r)
	if err != nil {
		return nil, err
	}
	var body struct {
		On bool `json:"on"`
	}
	if err = read(r, &body); err != nil {
		return nil, err
	}
	a.ServeSnapshots(body.On)
	return struct{}{}, nil
}

func (s *Server) shareKeys(r *http.Request) (any, error) {
	a, err := s.account(r)
	if err != nil {
		return nil, err
	}
	a.ShareKeys()
	return struct{}{}, nil
}

func (s *Server) rotateKey(r *http.Request) (any, error) {
	a, err := s.account(r)
	if err != nil {
		return nil, err
	}
	return map[string]string{"key_id": hex.EncodeToString(a.RotateKey().ID)}, nil
}
