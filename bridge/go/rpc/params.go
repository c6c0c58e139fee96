package rpc

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strings"

	"wuts/wa"
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
		return invalid("%s", describe(err))
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return invalid("more than one JSON value")
	}
	if checked, ok := target.(validator); ok {
		return checked.validate()
	}
	return nil
}

// describe says what is wrong with a JSON text without repeating any value of it.
func describe(err error) string {
	var mismatch *json.UnmarshalTypeError
	if errors.As(err, &mismatch) {
		return "wrong type: " + mismatch.Field
	}
	if name, found := strings.CutPrefix(err.Error(), "json: unknown field "); found {
		return "unknown field: " + name
	}
	return "not valid JSON"
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
