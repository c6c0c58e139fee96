package sim

import (
	"slices"

	"go.mau.fi/whatsmeow/types"
)

// PN returns the phone number as a JID without a device.
func (a *Account) PN() types.JID { return a.pn }

// LID returns the other name of the account.
func (a *Account) LID() types.JID { return a.lid }

// Name returns the name that the owner gave themselves.
func (a *Account) Name() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.name
}

// Contacts returns whom the phone knows.
func (a *Account) Contacts() []Contact {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.contacts)
}

// Groups returns the groups that the phone is in.
func (a *Account) Groups() []Group {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.groups)
}

// LIDMigrated says whether the phone addresses users by their LID.
func (a *Account) LIDMigrated() bool { return a.migrated }

// UnarchiveChats says whether the phone takes a chat out of the archive on a new message.
func (a *Account) UnarchiveChats() bool { return a.unarchive }

// ChatJID returns the JID under which the phone keeps the chat with a user.
func (a *Account) ChatJID(jid types.JID) types.JID {
	if !a.migrated {
		return jid
	}
	lid, _ := a.server.lidOf(jid)
	return lid
}

// Rename gives the phone's owner another name.
func (a *Account) Rename(name string) (version uint64, err error) {
	a.update(func(b *batch) {
		if version, err = b.write("critical_block", PushNameMutation(name)); err == nil {
			a.name = name
		}
	})
	return version, err
}

// NameContact names a user, who becomes a contact of the phone if they are not one yet.
func (a *Account) NameContact(jid types.JID, name string) (version uint64, err error) {
	contact, err := a.server.contactOf(jid)
	if err != nil {
		return 0, err
	}
	contact.Name = name
	a.update(func(b *batch) {
		mutation := ContactMutation(a.address(contact), contact)
		if version, err = b.write("critical_unblock_low", mutation); err == nil {
			a.keepContact(contact)
		}
	})
	return version, err
}

func (a *Account) keepContact(contact Contact) {
	at := slices.IndexFunc(a.contacts, func(known Contact) bool { return known.PN == contact.PN })
	if at < 0 {
		a.contacts = append(a.contacts, contact)
		return
	}
	a.contacts[at] = contact
}

// contactOf finds both names of a user, and makes up the one that nobody knows.
func (s *Server) contactOf(jid types.JID) (contact Contact, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	phone, lid := jid.User, ""
	if jid.Server == types.HiddenUserServer {
		phone, lid = s.directory.phones[jid.User], jid.User
	}
	contact.PN, contact.LID, err = s.directory.bind(phone, lid)
	return contact, err
}
