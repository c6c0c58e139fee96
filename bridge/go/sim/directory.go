package sim

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"go.mau.fi/whatsmeow/types"
)

// Numbers that can't belong to anybody: the simulator refuses all others.
const (
	phonePrefix = "1555"
	lidPrefix   = "2000"
	minDigits   = 6
	maxDigits   = 15

	firstPhone = 15559000001
	firstLID   = 200090000000001
)

// ErrNumber is returned for a phone number or LID that the simulator can't give to somebody.
var ErrNumber = errors.New("unusable number")

// directory pairs each phone number with one LID, for all accounts together: clients keep one
// such table for several accounts. The server's lock guards it.
type directory struct {
	lids      map[string]string // by phone number
	phones    map[string]string // by LID
	nextPhone uint64
	nextCrowd uint64
	nextLID   uint64
}

func newDirectory() directory {
	return directory{
		lids: map[string]string{}, phones: map[string]string{},
		nextPhone: firstPhone, nextLID: firstLID,
	}
}

// bind pairs a phone number with a LID; what is empty is made up, what is known stays as it is.
func (d *directory) bind(phone, lid string) (pn, boundLID types.JID, err error) {
	if phone == "" {
		phone = d.freePhone()
	}
	if err = checkNumber(phone, phonePrefix); err != nil {
		return pn, boundLID, err
	}
	known, isKnown := d.lids[phone]
	if lid == "" {
		lid = known
	}
	if lid == "" {
		lid = d.freeLID()
	}
	if err = checkNumber(lid, lidPrefix); err != nil {
		return pn, boundLID, err
	}
	owner, isTaken := d.phones[lid]
	if (isKnown && known != lid) || (isTaken && owner != phone) {
		return pn, boundLID, fmt.Errorf("%w: %s or %s is paired already", ErrNumber, phone, lid)
	}
	d.lids[phone], d.phones[lid] = lid, phone
	return types.NewJID(phone, types.DefaultUserServer), types.NewJID(lid, types.HiddenUserServer), nil
}

func (d *directory) freePhone() string {
	for {
		phone := strconv.FormatUint(d.nextPhone, 10)
		d.nextPhone++
		if _, taken := d.lids[phone]; !taken {
			return phone
		}
	}
}

func (d *directory) freeLID() string {
	for {
		lid := strconv.FormatUint(d.nextLID, 10)
		d.nextLID++
		if _, taken := d.phones[lid]; !taken {
			return lid
		}
	}
}

// reserveCrowd gives the people of a crowd numbers that nobody has.
func (d *directory) reserveCrowd(chats Chats) (Chats, error) {
	if chats.Count < 0 || chats.Count > maxCrowd || chats.LIDs < 0 || chats.LIDs > chats.Count {
		return chats, fmt.Errorf("%w: a crowd has up to %d people, of whom some have LIDs", ErrNumber, maxCrowd)
	}
	chats.First = d.nextCrowd
	return chats, d.bindCrowd(chats)
}

// bindCrowd pairs the numbers of a crowd.
func (d *directory) bindCrowd(chats Chats) error {
	for i := range chats.Count {
		pn, lid := chats.person(i)
		if _, _, err := d.bind(pn.User, lid.User); err != nil {
			return err
		}
	}
	d.nextCrowd = max(d.nextCrowd, chats.First+uint64(chats.Count))
	return nil
}

// lidOf returns the LID of a user's phone number, or the JID itself if it is not one.
func (d *directory) lidOf(jid types.JID) (types.JID, bool) {
	lid, ok := d.lids[jid.User]
	if jid.Server != types.DefaultUserServer || !ok {
		return jid, false
	}
	return types.NewJID(lid, types.HiddenUserServer), true
}

func checkNumber(number, prefix string) error {
	if !strings.HasPrefix(number, prefix) || len(number) < minDigits || len(number) > maxDigits {
		return fmt.Errorf("%w: %q is not %s and up to %d digits in all",
			ErrNumber, number, prefix, maxDigits)
	}
	if _, err := strconv.ParseUint(number, 10, 64); err != nil {
		return fmt.Errorf("%w: %q has more than digits", ErrNumber, number)
	}
	return nil
}
