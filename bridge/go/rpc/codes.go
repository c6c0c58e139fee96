// Package rpc answers the bridge's methods: JSON in, JSON out, every error a code of docs/bridge.md.
package rpc

import (
	"context"
	"errors"

	"github.com/mattn/go-sqlite3"

	"wuts/wa"
	"wuts/wa/engine"
)

// Code is the machine's word for what went wrong.
type Code string

// Every code that a reply can carry.
const (
	InvalidArgument     Code = "INVALID_ARGUMENT"
	UnknownMethod       Code = "UNKNOWN_METHOD"
	DeviceNotFound      Code = "DEVICE_NOT_FOUND"
	DeviceNotLinked     Code = "DEVICE_NOT_LINKED"
	DeviceAlreadyLinked Code = "DEVICE_ALREADY_LINKED"
	DeviceLoggedOut     Code = "DEVICE_LOGGED_OUT"
	DeviceReplaced      Code = "DEVICE_REPLACED"
	DeviceBanned        Code = "DEVICE_BANNED"
	DeviceOutdated      Code = "DEVICE_OUTDATED"
	DeviceNotConnected  Code = "DEVICE_NOT_CONNECTED"
	AppStateNotReady    Code = "APP_STATE_NOT_READY"
	AppStateBroken      Code = "APP_STATE_BROKEN"
	AppStateConflict    Code = "APP_STATE_CONFLICT"
	PairingFailed       Code = "PAIRING_FAILED"
	PairingBusy         Code = "PAIRING_BUSY"
	ServerRefused       Code = "SERVER_REFUSED"
	ServerUnavailable   Code = "SERVER_UNAVAILABLE"
	OutcomeUnknown      Code = "OUTCOME_UNKNOWN"
	DeadlineExceeded    Code = "DEADLINE_EXCEEDED"
	StorageFailed       Code = "STORAGE_FAILED"
	Stopped             Code = "STOPPED"
	Internal            Code = "INTERNAL"
)

var (
	errUnknownMethod  = errors.New("unknown method")
	errUnknownOutcome = errors.New("the deadline passed while the method ran")
)

type meaning struct {
	message   string
	retryable bool
}

// meanings holds what is said with a code. No text of another library leaves the bridge.
var meanings = map[Code]meaning{
	InvalidArgument:     {"the request does not fit the method", false},
	UnknownMethod:       {"no such method", false},
	DeviceNotFound:      {"no such device", false},
	DeviceNotLinked:     {"the device is not linked", false},
	DeviceAlreadyLinked: {"the device is linked already", false},
	DeviceLoggedOut:     {"the device was logged out", false},
	DeviceReplaced:      {"another connection took the device over", false},
	DeviceBanned:        {"WhatsApp has banned the account", false},
	DeviceOutdated:      {"WhatsApp refuses this client version", false},
	DeviceNotConnected:  {"the device is not connected", true},
	AppStateNotReady:    {"the app state is not there yet", true},
	AppStateBroken:      {"the app state is broken and was not repaired", false},
	AppStateConflict:    {"another device wrote first each time until the deadline", true},
	PairingFailed:       {"the pairing ended before a code came", true},
	PairingBusy:         {"the device is being linked in another way", true},
	ServerRefused:       {"WhatsApp refused the request", false},
	ServerUnavailable:   {"WhatsApp could not serve the request", true},
	OutcomeUnknown:      {"the request was sent and its outcome is not known", true},
	DeadlineExceeded:    {"the deadline passed before anything was sent", true},
	StorageFailed:       {"the device store could not be read or written", true},
	Stopped:             {"the bridge is not running", true},
	Internal:            {"a defect; the log says more", false},
}

// verdicts says which code an error gets. The first that matches decides.
var verdicts = []struct {
	is   error
	code Code
}{
	{engine.ErrUnknownOutcome, OutcomeUnknown},
	{wa.ErrInvalidArgument, InvalidArgument},
	{errUnknownMethod, UnknownMethod},
	{errUnknownOutcome, OutcomeUnknown},
	{wa.ErrDeviceNotFound, DeviceNotFound},
	{wa.ErrDeviceNotLinked, DeviceNotLinked},
	{wa.ErrDeviceAlreadyLinked, DeviceAlreadyLinked},
	{wa.ErrDeviceLoggedOut, DeviceLoggedOut},
	{wa.ErrDeviceReplaced, DeviceReplaced},
	{wa.ErrDeviceBanned, DeviceBanned},
	{wa.ErrDeviceOutdated, DeviceOutdated},
	{wa.ErrDeviceNotConnected, DeviceNotConnected},
	{wa.ErrNoPushName, AppStateNotReady},
	{wa.ErrNobody, ServerRefused},
	{wa.ErrUnreadable, ServerUnavailable},
	{wa.ErrPairingEnded, PairingFailed},
	{wa.ErrPairingBusy, PairingBusy},
	{engine.ErrUnknownCollection, InvalidArgument},
	{engine.ErrEmpty, InvalidArgument},
	{engine.ErrTooLarge, InvalidArgument},
	{engine.ErrDuplicateIndex, InvalidArgument},
	{engine.ErrNoKeys, AppStateNotReady},
	{engine.ErrNotFetched, AppStateNotReady},
	{engine.ErrAwaitingPhone, AppStateNotReady},
	{engine.ErrConflict, AppStateConflict},
	{engine.ErrBroken, AppStateBroken},
	{engine.ErrOwnPatch, AppStateBroken},
	{engine.ErrNotConnected, DeviceNotConnected},
	{engine.ErrBadAnswer, ServerUnavailable},
	{engine.ErrDoor, Internal},
	{wa.ErrPanicked, Internal},
	{wa.ErrStopped, Stopped},
	{context.DeadlineExceeded, DeadlineExceeded},
	{context.Canceled, Stopped},
	{wa.ErrStorage, StorageFailed},
	{engine.ErrStorage, StorageFailed},
}

func codeOf(err error) Code {
	for _, verdict := range verdicts {
		if errors.Is(err, verdict.is) {
			return verdict.code
		}
	}
	var refused *engine.ServerError
	var database sqlite3.Error
	switch {
	case errors.As(err, &refused):
		return codeOfRefusal(refused.Code)
	case errors.As(err, &database):
		return StorageFailed
	}
	return Internal
}

// codeOfRefusal tells a passing trouble of the server from what it has against the request.
func codeOfRefusal(code int) Code {
	if code == 429 || code >= 500 {
		return ServerUnavailable
	}
	return ServerRefused
}
