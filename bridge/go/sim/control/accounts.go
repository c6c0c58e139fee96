package control

import (
	"context"
	"encoding/hex"
	"net/http"
	"strconv"

	"wuts/sim"
	"wuts/sim/syncd"
)

const version = "1"

func (s *Server) info(*http.Request) (any, error) {
	key := s.sim.RootKey()
	return map[string]any{
		"root_key": hex.EncodeToString(key[:]), "endpoint": s.sim.Endpoint(),
		"control": s.address, "seed": s.seed, "version": version,
	}, nil
}

type contactView struct {
	PN   string `json:"pn"`
	LID  string `json:"lid"`
	Name string `json:"name"`
}

type accountView struct {
	PN             string            `json:"pn"`
	LID            string            `json:"lid"`
	JID            string            `json:"jid"`
	Name           string            `json:"name"`
	LIDMigrated    bool              `json:"lid_migrated"`
	UnarchiveChats bool              `json:"unarchive_chats"`
	Contacts       []contactView     `json:"contacts"`
	Groups         []sim.Group       `json:"groups"`
	Devices        []sim.DeviceInfo  `json:"devices"`
	Versions       map[string]uint64 `json:"versions"` // of the collections
}

func view(a *sim.Account) accountView {
	shown := accountView{
		PN: a.PN().User, LID: a.LID().User, JID: a.PN().String(), Name: a.Name(),
		LIDMigrated: a.LIDMigrated(), UnarchiveChats: a.UnarchiveChats(),
		Contacts: []contactView{}, Groups: append([]sim.Group{}, a.Groups()...),
		Devices: a.Devices(), Versions: map[string]uint64{},
	}
	for _, contact := range a.Contacts() {
		shown.Contacts = append(shown.Contacts, contactView{
			PN: contact.PN.User, LID: contact.LID.User, Name: contact.Name,
		})
	}
	for _, name := range syncd.Names {
		if _, current, err := a.Book().Hash(name); err == nil {
			shown.Versions[name] = current
		}
	}
	return shown
}

func (s *Server) account(r *http.Request) (*sim.Account, error) {
	if a, ok := s.sim.Account(r.PathValue("pn")); ok {
		return a, nil
	}
	return nil, failure{http.StatusNotFound, "no such account"}
}

func (s *Server) listAccounts(*http.Request) (any, error) {
	accounts := []accountView{}
	for _, a := range s.sim.Accounts() {
		accounts = append(accounts, view(a))
	}
	return map[string]any{"accounts": accounts}, nil
}

func (s *Server) showAccount(r *http.Request) (any, error) {
	a, err := s.account(r)
	if err != nil {
		return nil, err
	}
	return view(a), nil
}

type newAccount struct {
	PN             string            `json:"pn"`
	LID            string            `json:"lid"`
	Name           string            `json:"name"`
	Contacts       []sim.ContactSpec `json:"contacts"`
	Groups         []sim.GroupSpec   `json:"groups"`
	AppState       []mutation        `json:"appstate"`
	LIDMigrated    bool              `json:"lid_migrated"`
	UnarchiveChats bool              `json:"unarchive_chats"`
	Chats          sim.Chats         `json:"chats"`
	WithoutPairs   bool              `json:"without_pairs"`
	Passkey        *sim.Passkey      `json:"passkey"`
}

func (s *Server) addAccount(r *http.Request) (any, error) {
	var wanted newAccount
	if err := read(r, &wanted); err != nil {
		return nil, err
	}
	spec := sim.Spec{
		PN: wanted.PN, LID: wanted.LID, Name: wanted.Name, Contacts: wanted.Contacts,
		Groups: wanted.Groups, LIDMigrated: wanted.LIDMigrated,
		UnarchiveChats: wanted.UnarchiveChats, Chats: wanted.Chats, WithoutPairs: wanted.WithoutPairs,
		Passkey: wanted.Passkey,
	}
	for _, m := range wanted.AppState {
		decoded, err := m.decode()
		if err != nil {
			return nil, err
		}
		spec.AppState = append(spec.AppState, sim.CollectionMutation{
			Collection: m.Collection, Mutation: decoded,
		})
	}
	a, err := s.sim.AddAccount(spec)
	if err != nil {
		return nil, err
	}
	return view(a), nil
}

func (s *Server) unlink(r *http.Request) (any, error) {
	a, err := s.account(r)
	if err != nil {
		return nil, err
	}
	id, err := device(r)
	if err != nil {
		return nil, err
	}
	return struct{}{}, a.Unlink(id)
}

func device(r *http.Request) (uint16, error) {
	id, err := strconv.ParseUint(r.PathValue("device"), 10, 16)
	if err != nil {
		return 0, sim.ErrUnknownDevice
	}
	return uint16(id), nil
}

func (s *Server) unlinkAll(r *http.Request) (any, error) {
	a, err := s.account(r)
	if err != nil {
		return nil, err
	}
	a.UnlinkAll()
	return struct{}{}, nil
}

func (s *Server) scan(r *http.Request) (any, error) {
	var body struct {
		QR string `json:"qr"`
	}
	return s.link(r, &body, func(ctx context.Context, a *sim.Account) (uint16, error) {
		return a.Scan(ctx, body.QR)
	})
}

func (s *Server) submitCode(r *http.Request) (any, error) {
	var body struct {
		Code string `json:"code"`
	}
	return s.link(r, &body, func(ctx context.Context, a *sim.Account) (uint16, error) {
		return a.SubmitCode(ctx, body.Code)
	})
}

// link lets an account's phone link a device, as long as the request wants to wait for that.
func (s *Server) link(
	r *http.Request, body any, act func(context.Context, *sim.Account) (uint16, error),
) (any, error) {
	a, err := s.account(r)
	if err != nil {
		return nil, err
	}
	if err = read(r, body); err != nil {
		return nil, err
	}
	wait, err := waitFor(r.URL.Query().Get("wait"))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), wait)
	defer cancel()
	id, err := act(ctx, a)
	return map[string]uint16{"device": id}, err
}

// pending lists the codes that wait for a phone. Their whole text is not known here: a part of it
// never leaves the device.
func (s *Server) pending(r *http.Request) (any, error) {
	a, err := s.account(r)
	if err != nil {
		return nil, err
	}
	waiting := []map[string]string{}
	for _, ref := range s.sim.Pending() {
		waiting = append(waiting, map[string]string{"ref": ref})
	}
	return map[string]any{
		"pending": waiting, "links": a.LinkWishes(), "passkey_code": a.PasskeyCode(),
	}, nil
}

func (s *Server) violations(*http.Request) (any, error) {
	return map[string]any{
		"violations": append([]sim.Violation{}, s.sim.Violations()...),
	}, nil
}
