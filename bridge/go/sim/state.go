package sim

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"go.mau.fi/whatsmeow/types"

	"wuts/sim/ca"
	"wuts/sim/endpoint"
)

const stateVersion = 1

// ErrState is returned for a state file that can't be read back.
var ErrState = errors.New("unusable state file")

// stateFile keeps everything across restarts in one file, which is replaced as a whole.
//
// The lock guards the accounts' texts and the file, and is held while the file is written. An
// account's lock may be held while it is taken.
type stateFile struct {
	path      string
	mu        sync.Mutex
	authority json.RawMessage
	accounts  map[string][]byte // by phone number
}

type savedServer struct {
	Version   int                        `json:"version"`
	Authority json.RawMessage            `json:"authority"`
	Accounts  map[string]json.RawMessage `json:"accounts"`
}

type savedAccount struct {
	PN           types.JID          `json:"pn"`
	LID          types.JID          `json:"lid"`
	Name         string             `json:"name"`
	Contacts     []Contact          `json:"contacts"`
	Groups       []Group            `json:"groups"`
	Migrated     bool               `json:"lid_migrated"`
	Unarchive    bool               `json:"unarchive_chats"`
	Phone        *endpoint.Endpoint `json:"phone"`
	Book         json.RawMessage    `json:"book"`
	Devices      []deviceRecord     `json:"devices"`
	NextDevice   uint16             `json:"next_device"`
	NextKeyIndex uint32             `json:"next_key_index"`
	Forced       int32              `json:"forced"`
	Refusal      Refusal            `json:"refusal,omitzero"`
	Chats        Chats              `json:"chats,omitzero"`
	WithoutPairs bool               `json:"without_pairs,omitempty"`
	Passkey      *Passkey           `json:"passkey,omitempty"`

	People map[string]*endpoint.Endpoint `json:"people,omitempty"`
}

// saveDelay is how long what may be lost waits to be written together with more of its kind.
const saveDelay = 500 * time.Millisecond

// saveSoon writes the account after a while; its lock is held.
func (a *Account) saveSoon() {
	if a.server.state.path == "" || a.isSaveDue {
		return
	}
	a.isSaveDue = true
	a.server.after(saveDelay, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.isSaveDue {
			a.save()
		}
	})
}

// save writes the account to the state file; its lock is held.
func (a *Account) save() {
	a.isSaveDue = false
	if a.server.state.path == "" {
		return
	}
	text, err := a.encode()
	if err == nil {
		err = a.server.state.put(a.pn.User, text)
	}
	if err != nil {
		a.server.log.Error("state_not_saved", "error", err)
	}
}

func (a *Account) encode() ([]byte, error) {
	book, err := a.book.MarshalJSON()
	if err != nil {
		return nil, err
	}
	saved := savedAccount{
		PN: a.pn, LID: a.lid, Name: a.name, Contacts: a.contacts, Groups: a.groups,
		Migrated: a.migrated, Unarchive: a.unarchive, Phone: a.phone, Book: book,
		NextDevice: a.nextDevice, NextKeyIndex: a.nextKeyIndex, Forced: a.forced,
		Refusal: a.refusal, Chats: a.chats, WithoutPairs: a.withoutPairs, Passkey: a.passkey,
		People: a.people,
	}
	for _, d := range a.sorted() {
		saved.Devices = append(saved.Devices, d.deviceRecord)
	}
	return json.Marshal(saved)
}

func (f *stateFile) put(pn string, text []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.accounts[pn] = text
	return f.write()
}

// write replaces the file by way of a second one, so that a reader finds the old or the new text.
func (f *stateFile) write() error {
	whole := savedServer{
		Version: stateVersion, Authority: f.authority, Accounts: map[string]json.RawMessage{},
	}
	for pn, text := range f.accounts {
		whole.Accounts[pn] = text
	}
	text, err := json.Marshal(whole)
	if err != nil {
		return err
	}
	fresh, err := os.CreateTemp(filepath.Dir(f.path), filepath.Base(f.path)+".*")
	if err != nil {
		return err
	}
	_, err = fresh.Write(text) // a temporary file is made with mode 0600
	if err = errors.Join(err, fresh.Close()); err == nil {
		err = os.Rename(fresh.Name(), f.path)
	}
	if err != nil {
		_ = os.Remove(fresh.Name())
	}
	return err
}

// load reads the state file; without one it begins one with the fresh authority.
func (s *Server) load() error {
	path := s.state.path
	if path == "" {
		path = s.options.From
	}
	if path == "" {
		return nil
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && s.state.path != "" {
		return s.begin()
	}
	if err != nil {
		return err
	}
	if err = s.restore(text); err != nil {
		return fmt.Errorf("%w %s: %w", ErrState, path, err)
	}
	return nil
}

// Save writes everything to a state file once. A server without one of its own is faster by far when
// many accounts change.
func (s *Server) Save(path string) error {
	authority, err := s.authority.MarshalJSON()
	if err != nil {
		return err
	}
	file := stateFile{path: path, authority: authority, accounts: map[string][]byte{}}
	for _, a := range s.Accounts() {
		a.mu.Lock()
		text, err := a.encode()
		a.mu.Unlock()
		if err != nil {
			return err
		}
		file.accounts[a.pn.User] = text
	}
	return file.write()
}

func (s *Server) begin() (err error) {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	if s.state.authority, err = s.authority.MarshalJSON(); err != nil {
		return err
	}
	return s.state.write()
}

func (s *Server) restore(text []byte) error {
	var saved savedServer
	if err := json.Unmarshal(text, &saved); err != nil {
		return err
	}
	if saved.Version != stateVersion {
		return fmt.Errorf("version %d, not %d", saved.Version, stateVersion)
	}
	s.authority = &ca.Authority{}
	if err := json.Unmarshal(saved.Authority, s.authority); err != nil {
		return err
	}
	s.state.authority = saved.Authority
	for pn, account := range saved.Accounts {
		if err := s.restoreAccount(account); err != nil {
			return fmt.Errorf("account %s: %w", pn, err)
		}
		s.state.accounts[pn] = account
	}
	return nil
}

func (s *Server) restoreAccount(text []byte) error {
	var saved savedAccount
	if err := json.Unmarshal(text, &saved); err != nil {
		return err
	}
	a := s.newAccount(saved.PN, saved.LID)
	if saved.Phone == nil {
		return errors.New("no phone")
	}
	if err := json.Unmarshal(saved.Book, a.book); err != nil {
		return err
	}
	a.name, a.contacts, a.groups, a.phone = saved.Name, saved.Contacts, saved.Groups, saved.Phone
	a.migrated, a.unarchive, a.forced = saved.Migrated, saved.Unarchive, saved.Forced
	a.nextDevice, a.nextKeyIndex, a.refusal = saved.NextDevice, saved.NextKeyIndex, saved.Refusal
	a.chats, a.withoutPairs, a.passkey = saved.Chats, saved.WithoutPairs, saved.Passkey
	if saved.People != nil {
		a.people = saved.People
	}
	for _, record := range saved.Devices {
		record.Unacked = slices.DeleteFunc(record.Unacked, func(q queued) bool { return q.Node.Tag == "call" })
		if len(record.Noise) != 32 || len(record.Identity) != 32 {
			return fmt.Errorf("device %d has keys of the wrong size", record.ID)
		}
		a.devices[record.ID] = &device{deviceRecord: record}
	}
	return s.adopt(a)
}

// adopt enters a restored account and its numbers.
func (s *Server) adopt(a *Account) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, _, err := s.directory.bind(a.pn.User, a.lid.User); err != nil {
		return err
	}
	for _, contact := range a.contacts {
		if _, _, err := s.directory.bind(contact.PN.User, contact.LID.User); err != nil {
			return err
		}
	}
	s.accounts[a.pn.User] = a
	return s.directory.bindCrowd(a.chats)
}
