package wa

import (
	"errors"
	"fmt"
)

// What can go wrong in the bridge itself; package rpc gives each its code.
var (
	ErrInvalidArgument     = errors.New("invalid argument")
	ErrDeviceNotFound      = errors.New("no such device")
	ErrDeviceNotLinked     = errors.New("the device has no keys")
	ErrDeviceAlreadyLinked = errors.New("the device is linked already")
	ErrDeviceLoggedOut     = errors.New("the device was logged out")
	ErrDeviceReplaced      = errors.New("another connection took the device over")
	ErrDeviceBanned        = errors.New("the account is banned")
	ErrDeviceOutdated      = errors.New("the client version is refused")
	ErrDeviceNotConnected  = errors.New("the device is not connected")
	ErrNoPushName          = errors.New("the account's push name is not known yet")
	ErrNobody              = errors.New("nobody has this phone number")
	ErrUnreadable          = errors.New("the recipient's keys could not be had")
	ErrPairingEnded        = errors.New("the pairing ended before a code came")
	ErrPairingBusy         = errors.New("the device is being linked in another way")
	ErrStorage             = errors.New("the device store failed")
	ErrStopped             = errors.New("the bridge is stopped")
	ErrPanicked            = errors.New("a defect was caught")

	errErased    = errors.New("the device's keys are erased")
	errLogInUse  = errors.New("the write-ahead log is in use")
	errQueueFull = errors.New("the event queue stayed full")
)

func storageError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrStorage, err)
}
