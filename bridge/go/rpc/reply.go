package rpc

import (
	"encoding/json"
	"errors"
	"fmt"

	"wuts/wa"
)

// Defect is the reply when no other can be made.
const Defect = `{"ok":false,"error":{"code":"INTERNAL","message":"a defect","retryable":false}}`

type reply struct {
	OK     bool     `json:"ok"`
	Result any      `json:"result,omitempty"`
	Error  *failure `json:"error,omitempty"`
}

type failure struct {
	Code      Code   `json:"code"`
	Message   string `json:"message"`
	Retryable bool   `json:"retryable"`
}

// problem is a refusal in our own words; its text goes out with INVALID_ARGUMENT.
type problem struct {
	text string
}

func (p *problem) Error() string { return p.text }

func (p *problem) Unwrap() error { return wa.ErrInvalidArgument }

func invalid(format string, values ...any) error {
	return &problem{fmt.Sprintf(format, values...)}
}

func encode(result any, err error) []byte {
	if err != nil {
		return encodeFailure(codeOf(err), err)
	}
	encoded, err := json.Marshal(reply{OK: true, Result: result})
	if err != nil {
		return encodeFailure(Internal, nil)
	}
	return encoded
}

func encodeFailure(code Code, err error) []byte {
	failed := failure{Code: code, Message: meanings[code].message, Retryable: meanings[code].retryable}
	var refused *problem
	if errors.As(err, &refused) {
		failed.Message = refused.text
	}
	encoded, err := json.Marshal(reply{Error: &failed})
	if err != nil {
		return []byte(Defect)
	}
	return encoded
}
