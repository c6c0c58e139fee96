package control

import (
	"net/http"
	"time"

	"go.mau.fi/whatsmeow/types"

	"wuts/sim"
)

// receive lets somebody write to the account, once or several times.
func (s *Server) receive(r *http.Request) (any, error) {
	a, err := s.account(r)
	if err != nil {
		return nil, err
	}
	var body struct {
		From   string `json:"from"`
		Chat   string `json:"chat"`
		Text   string `json:"text"`
		Kind   string `json:"kind"`
		Name   string `json:"name"`
		AtMS   int64  `json:"at_ms"`
		Paired bool   `json:"paired"`
		Count  int    `json:"count"`
	}
	if err = read(r, &body); err != nil {
		return nil, err
	}
	message := sim.Inbound{Text: body.Text, Kind: body.Kind, Name: body.Name, Paired: body.Paired}
	if message.From, err = userJID(body.From); err != nil {
		return nil, err
	}
	if body.Chat != "" {
		if message.Chat, err = groupJID(body.Chat); err != nil {
			return nil, err
		}
	}
	switch body.Kind {
	case "", "text", "reaction", "revoke":
	default:
		return nil, invalid("kind is text, reaction or revoke")
	}
	if body.AtMS > 0 {
		message.At = time.UnixMilli(body.AtMS)
	}
	return repeat(body.Count, func() (string, error) { return a.Receive(message) })
}

// maxMessages bounds how many messages one request makes.
const maxMessages = 1000

// repeat makes as many messages as are wanted, at least one, and returns their ids in order.
func repeat(count int, send func() (string, error)) (any, error) {
	if count < 0 || count > maxMessages {
		return nil, invalid("count is at most %d", maxMessages)
	}
	ids := []string{}
	for range max(count, 1) {
		id, err := send()
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return map[string]any{"ids": ids}, nil
}

// send lets the phone write to a chat.
func (s *Server) send(r *http.Request) (any, error) {
	a, err := s.account(r)
	if err != nil {
		return nil, err
	}
	var body struct {
		To    string `json:"to"`
		Text  string `json:"text"`
		Count int    `json:"count"`
	}
	if err = read(r, &body); err != nil {
		return nil, err
	}
	chat, err := chatJID(body.To)
	if err != nil {
		return nil, err
	}
	return repeat(body.Count, func() (string, error) { return a.Send(chat, body.Text) })
}

// changeGroup creates, renames or leaves a group.
func (s *Server) changeGroup(r *http.Request) (any, error) {
	a, err := s.account(r)
	if err != nil {
		return nil, err
	}
	var body struct {
		What    string `json:"what"`
		JID     string `json:"jid"`
		Subject string `json:"subject"`
		Size    int    `json:"size"`
	}
	if err = read(r, &body); err != nil {
		return nil, err
	}
	jid, err := groupJID(body.JID)
	if err != nil {
		return nil, err
	}
	switch body.What {
	case "create":
		err = a.CreateGroup(sim.Group{JID: jid, Subject: body.Subject, Size: body.Size})
	case "rename":
		err = a.RenameGroup(jid, body.Subject)
	case "leave":
		err = a.LeaveGroup(jid)
	default:
		err = invalid("what is create, rename or leave")
	}
	return struct{}{}, err
}

// tellPairs lets the phone tell its devices all pairs of phone numbers and LIDs.
func (s *Server) tellPairs(r *http.Request) (any, error) {
	a, err := s.account(r)
	if err != nil {
		return nil, err
	}
	a.TellPairs()
	return struct{}{}, nil
}

// showArchived says whether a chat is in the archive as the phone sees it.
func (s *Server) showArchived(r *http.Request) (any, error) {
	a, err := s.account(r)
	if err != nil {
		return nil, err
	}
	chat, err := chatJID(r.PathValue("jid"))
	if err != nil {
		return nil, err
	}
	archived, err := a.IsArchived(chat)
	return map[string]bool{"archived": archived}, err
}

func groupJID(text string) (types.JID, error) {
	jid, err := types.ParseJID(text)
	if err != nil || jid.Server != types.GroupServer || jid.User == "" {
		return jid, invalid("%q is not the JID of a group", text)
	}
	return jid, nil
}
