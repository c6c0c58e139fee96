package rpc

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/types"

	"wuts/wa"
	"wuts/wa/engine"
)

var uuidPattern = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

type validator interface {
	validate() error
}

// decodeStrict reads one JSON object and refuses fields that the target does not have.
func decodeStrict(text []byte, target any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(target); err != nil {
		return refuse(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return invalid("more than one JSON value")
	}
	if checked, ok := target.(validator); ok {
		return checked.validate()
	}
	return nil
}

// refuse says what is wrong with a JSON text without repeating any value of it.
func refuse(err error) error {
	var refused *problem
	if errors.As(err, &refused) {
		return refused
	}
	var mismatch *json.UnmarshalTypeError
	if errors.As(err, &mismatch) {
		return invalid("wrong type: %s", mismatch.Field)
	}
	if name, found := strings.CutPrefix(err.Error(), "json: unknown field "); found {
		return invalid("unknown field: %s", name)
	}
	return invalid("not valid JSON")
}

type tenantParams struct {
	TenantID string `json:"tenant_id"`
}

func (p tenantParams) validate() error {
	if !uuidPattern.MatchString(p.TenantID) {
		return invalid("tenant_id is not a lower-case UUID")
	}
	return nil
}

type deviceParams struct {
	TenantID string `json:"tenant_id"`
	DeviceID string `json:"device_id"`
}

func (p deviceParams) validate() error {
	if !uuidPattern.MatchString(p.DeviceID) {
		return invalid("device_id is not a lower-case UUID")
	}
	return tenantParams{p.TenantID}.validate()
}

func (p deviceParams) key() wa.DeviceKey {
	return wa.DeviceKey{TenantID: p.TenantID, DeviceID: p.DeviceID}
}

type codeParams struct {
	deviceParams
	Refresh bool `json:"refresh"`
}

var phonePattern = regexp.MustCompile(`^[1-9][0-9]{6,14}$`)

type pairCodeParams struct {
	codeParams
	Phone string `json:"phone"`
}

func (p pairCodeParams) validate() error {
	if !phonePattern.MatchString(p.Phone) {
		return invalid("phone: 7 to 15 digits, the first of which is no 0")
	}
	return p.deviceParams.validate()
}

type passkeyParams struct {
	deviceParams
	Credential types.WebAuthnResponse `json:"credential"`
}

type syncParams struct {
	deviceParams
	Collection string `json:"collection"`
	Full       bool   `json:"full"`
}

func (p syncParams) validate() error {
	if err := checkCollection(p.Collection); err != nil {
		return err
	}
	return p.deviceParams.validate()
}

type applyParams struct {
	deviceParams
	Collection string            `json:"collection"`
	Mutations  []json.RawMessage `json:"mutations"`
}

func (p applyParams) validate() error {
	if err := checkCollection(p.Collection); err != nil {
		return err
	}
	if len(p.Mutations) == 0 || len(p.Mutations) > engine.MaxMutations {
		return invalid("mutations: between 1 and %d", engine.MaxMutations)
	}
	return p.deviceParams.validate()
}

func checkCollection(name string) error {
	if !slices.Contains(appstate.AllPatchNames[:], appstate.WAPatchName(name)) {
		return invalid("collection: no such collection")
	}
	return nil
}
