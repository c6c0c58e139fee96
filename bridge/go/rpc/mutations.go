package rpc

import (
	"encoding/json"
	"errors"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/types"

	"wuts/wa/engine"
)

// none goes with an error.
var none appstate.MutationInfo

// mutationKind is one row of the table of typed mutations in docs/bridge.md.
type mutationKind struct {
	collection appstate.WAPatchName
	parse      func(text []byte) (appstate.MutationInfo, error)
}

var mutationKinds = map[string]mutationKind{
	"archive": {appstate.WAPatchRegularLow, parseArchive},
	"pin":     {appstate.WAPatchRegularLow, parsePin},
	"read":    {appstate.WAPatchRegularLow, parseRead},
	"mute":    {appstate.WAPatchRegularHigh, parseMute},
}

func parseMutations(collection string, texts []json.RawMessage) ([]appstate.MutationInfo, error) {
	mutations := make([]appstate.MutationInfo, 0, len(texts))
	for position, text := range texts {
		mutation, err := parseMutation(collection, text)
		var refused *problem
		if errors.As(err, &refused) {
			return nil, invalid("mutations[%d]: %s", position, refused.text)
		}
		if err != nil {
			return nil, err
		}
		mutations = append(mutations, mutation)
	}
	return mutations, nil
}

func parseMutation(collection string, text []byte) (appstate.MutationInfo, error) {
	var tagged struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(text, &tagged); err != nil {
		return none, refuse(err)
	}
	kind, known := mutationKinds[tagged.Type]
	if !known {
		return none, invalid("type: no such mutation")
	}
	if string(kind.collection) != collection {
		return none, invalid("type: belongs to collection %s", kind.collection)
	}
	return kind.parse(text)
}

// chatField is what every mutation has.
type chatField struct {
	Type    string  `json:"type"`
	ChatJID chatJID `json:"chat_jid"`
}

// chatJID takes users, groups and LIDs, without a device part. types.ParseJID alone would take any text.
type chatJID struct{ types.JID }

func (c *chatJID) UnmarshalText(text []byte) error {
	jid, err := types.ParseJID(string(text))
	if err != nil || jid.User == "" || jid.Device != 0 || jid.RawAgent != 0 || jid.String() != string(text) {
		return invalid("chat_jid is not the JID of a chat")
	}
	switch jid.Server {
	case types.DefaultUserServer, types.GroupServer, types.HiddenUserServer:
		c.JID = jid
		return nil
	}
	return invalid("chat_jid is not the JID of a chat")
}

func (f chatField) check(flag *bool, name string) error {
	if f.ChatJID.IsEmpty() {
		return invalid("chat_jid is missing")
	}
	if flag == nil {
		return invalid("%s is missing", name)
	}
	return nil
}

func checkMoment(milliseconds int64, name string) error {
	if milliseconds <= 0 {
		return invalid("%s is not a point in time", name)
	}
	return nil
}

func parseArchive(text []byte) (appstate.MutationInfo, error) {
	var fields struct {
		chatField
		Archived *bool `json:"archived"`
		RangeAt  int64 `json:"range_at"`
	}
	if err := decodeStrict(text, &fields); err != nil {
		return none, err
	}
	err := errors.Join(fields.check(fields.Archived, "archived"), checkMoment(fields.RangeAt, "range_at"))
	if err != nil {
		return none, err
	}
	return engine.BuildArchive(fields.ChatJID.JID, *fields.Archived, time.UnixMilli(fields.RangeAt)), nil
}

func parsePin(text []byte) (appstate.MutationInfo, error) {
	var fields struct {
		chatField
		Pinned *bool `json:"pinned"`
	}
	if err := decodeStrict(text, &fields); err != nil {
		return none, err
	}
	if err := fields.check(fields.Pinned, "pinned"); err != nil {
		return none, err
	}
	return engine.BuildPin(fields.ChatJID.JID, *fields.Pinned), nil
}

func parseRead(text []byte) (appstate.MutationInfo, error) {
	var fields struct {
		chatField
		Read    *bool `json:"read"`
		RangeAt int64 `json:"range_at"`
	}
	if err := decodeStrict(text, &fields); err != nil {
		return none, err
	}
	err := errors.Join(fields.check(fields.Read, "read"), checkMoment(fields.RangeAt, "range_at"))
	if err != nil {
		return none, err
	}
	return engine.BuildRead(fields.ChatJID.JID, *fields.Read, time.UnixMilli(fields.RangeAt)), nil
}

func parseMute(text []byte) (appstate.MutationInfo, error) {
	var fields struct {
		chatField
		Muted      *bool  `json:"muted"`
		MutedUntil *int64 `json:"muted_until"`
	}
	if err := decodeStrict(text, &fields); err != nil {
		return none, err
	}
	if err := fields.check(fields.Muted, "muted"); err != nil {
		return none, err
	}
	if fields.MutedUntil == nil {
		return engine.BuildMute(fields.ChatJID.JID, *fields.Muted, nil), nil
	}
	if err := checkMoment(*fields.MutedUntil, "muted_until"); err != nil {
		return none, err
	}
	until := time.UnixMilli(*fields.MutedUntil)
	return engine.BuildMute(fields.ChatJID.JID, *fields.Muted, &until), nil
}
