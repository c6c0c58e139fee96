package sim

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"go.mau.fi/whatsmeow/types"

	"wuts/sim/endpoint"
	"wuts/sim/syncd"
)

// Errors of the calls that address an account or one of its devices.
var (
	ErrAccountExists  = errors.New("there is such an account already")
	ErrUnknownDevice  = errors.New("no such device")
	ErrStreamError    = errors.New("no such stream error")
	ErrTooManyDevices = errors.New("no device number is free")
)

// ContactSpec describes somebody whom the phone knows. What is empty is made up.
type ContactSpec struct {
	PN   string `json:"pn,omitempty"`
	LID  string `json:"lid,omitempty"`
	Name string `json:"name,omitempty"`
}

// GroupSpec describes a group that the phone is in.
type GroupSpec struct {
	JID     string `json:"jid"`
	Subject string `json:"subject,omitempty"`
	Size    int    `json:"size,omitempty"` // of its participants; not known if 0
}

// Spec describes a new account. What is empty is made up.
type Spec struct {
	PN       string
	LID      string
	Name     string
	Contacts []ContactSpec
	Groups   []GroupSpec
	// Chats are more conversations, with people who are not in the address book.
	Chats Chats
	// WithoutPairs keeps the pairs of phone numbers and LIDs out of the history.
	WithoutPairs bool
	// AppState is written by the phone, one patch for each collection, before anybody links.
	AppState []CollectionMutation
	// LIDMigrated makes the phone address users by their LID.
	LIDMigrated bool
	// UnarchiveChats is the phone's setting to take a chat out of the archive on a new message.
	UnarchiveChats bool
	// Passkey is asked for whenever a device is linked; nil: the phone alone decides.
	Passkey *Passkey
}

// CollectionMutation is a mutation and the collection that it belongs to.
type CollectionMutation struct {
	Collection string
	syncd.Mutation
}

// Contact is somebody whom the phone knows.
type Contact struct {
	PN   types.JID `json:"pn"`
	LID  types.JID `json:"lid"`
	Name string    `json:"name"`
}

// Group is a group that the phone is in.
type Group struct {
	JID     types.JID `json:"jid"`
	Subject string    `json:"subject"`
	Size    int       `json:"size,omitempty"`
}

// Account is one WhatsApp account: the phone and the devices that are linked to it.
//
// The lock guards the fields below it. What changes them runs in update; sending only queues, so
// nothing blocks while the lock is held but the writing of the state file.
type Account struct {
	server    *Server
	pn        types.JID
	lid       types.JID
	migrated  bool
	unarchive bool
	passkey   *Passkey
	book      *syncd.Book // has a lock of its own

	mu           sync.Mutex
	name         string
	contacts     []Contact
	groups       []Group
	phone        *endpoint.Endpoint
	devices      map[uint16]*device
	nextDevice   uint16
	nextKeyIndex uint32
	forced       int32   // how many conflicts were made up
	refusal      Refusal // of every login; none if the reason is 0
	chats        Chats
	withoutPairs bool
	isSaveDue    bool
	people       map[string]*endpoint.Endpoint // who has written or was written to, by phone number
	unarchived   map[string]uint64             // chats that a message took out of the archive, and at which version
	passkeyCode  string                        // what the phone shows while a passkey links a device

	// What follows is not kept across restarts.
	calls     []*Call
	texts     []*Text
	retries   map[string]int // how often a message was asked for again, by its id
	presences []Presence
	timers    []Timer
}

// AddAccount makes an account with a fresh phone.
func (s *Server) AddAccount(spec Spec) (*Account, error) {
	if err := spec.Passkey.check(); err != nil {
		return nil, err
	}
	a, err := s.reserve(spec)
	if err != nil {
		return nil, err
	}
	if err = a.seed(spec); err != nil {
		s.mu.Lock()
		delete(s.accounts, a.pn.User)
		s.mu.Unlock()
		return nil, err
	}
	a.update(func(b *batch) { b.changed = true })
	return a, nil
}

// reserve takes the account's number and those of its contacts.
func (s *Server) reserve(spec Spec) (*Account, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, taken := s.accounts[spec.PN]; taken {
		return nil, fmt.Errorf("%w: %s", ErrAccountExists, spec.PN)
	}
	pn, lid, err := s.directory.bind(spec.PN, spec.LID)
	if err != nil {
		return nil, err
	}
	a := s.newAccount(pn, lid)
	a.name, a.migrated, a.unarchive = spec.Name, spec.LIDMigrated, spec.UnarchiveChats
	if a.name == "" {
		a.name = "Phone " + pn.User
	}
	for _, wanted := range spec.Contacts {
		contact := Contact{Name: wanted.Name}
		if contact.PN, contact.LID, err = s.directory.bind(wanted.PN, wanted.LID); err != nil {
			return nil, err
		}
		a.contacts = append(a.contacts, contact)
	}
	if a.chats, err = s.directory.reserveCrowd(spec.Chats); err != nil {
		return nil, err
	}
	a.withoutPairs, a.passkey = spec.WithoutPairs, spec.Passkey
	for _, wanted := range spec.Groups {
		jid, err := types.ParseJID(wanted.JID)
		if err != nil || jid.Server != types.GroupServer || jid.User == "" {
			return nil, fmt.Errorf("%w: %q is not the JID of a group", ErrNumber, wanted.JID)
		}
		a.groups = append(a.groups, Group{JID: jid, Subject: wanted.Subject, Size: wanted.Size})
	}
	s.accounts[pn.User] = a
	return a, nil
}

func (s *Server) newAccount(pn, lid types.JID) *Account {
	a := &Account{
		server: s, pn: pn, lid: lid, phone: endpoint.New(),
		book:    syncd.New(syncd.Options{PageSize: s.options.PageSize, Lenient: s.options.Lenient}),
		devices: map[uint16]*device{}, nextDevice: 1, nextKeyIndex: 1,
		people: map[string]*endpoint.Endpoint{}, unarchived: map[string]uint64{},
		retries: map[string]int{},
	}
	a.ServeSnapshots(s.options.Snapshots)
	return a
}

// seed writes the app state that a phone has before its first companion.
func (a *Account) seed(spec Spec) error {
	writes := map[string][]syncd.Mutation{
		"critical_block": {PushNameMutation(a.name), localeMutation()},
	}
	for _, contact := range a.contacts {
		name := "critical_unblock_low"
		writes[name] = append(writes[name], ContactMutation(a.address(contact), contact))
	}
	if a.unarchive {
		writes["regular_low"] = append(writes["regular_low"], unarchiveMutation())
	}
	for _, wanted := range spec.AppState {
		writes[wanted.Collection] = append(writes[wanted.Collection], wanted.Mutation)
	}
	for name, mutations := range writes {
		if _, err := a.book.Write(name, mutations...); err != nil {
			return err
		}
	}
	return nil
}

// address returns the JID under which the phone keeps a contact's chat.
func (a *Account) address(contact Contact) types.JID {
	if a.migrated {
		return contact.LID
	}
	return contact.PN
}

// Account returns the account of a phone number, given by its digits.
func (s *Server) Account(pn string) (*Account, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.accounts[pn]
	return a, ok
}

// Accounts returns all accounts by phone number.
func (s *Server) Accounts() []*Account {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*Account, 0, len(s.accounts))
	for _, a := range s.accounts {
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b *Account) int { return strings.Compare(a.pn.User, b.pn.User) })
	return all
}
