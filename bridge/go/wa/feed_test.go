package wa

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/types"

	"wuts/sim"
	"wuts/sim/faults"
	"wuts/sim/wasimtest"
)

// linkFor opens a bridge, links a device to a phone and returns what reads its events.
func linkFor(t *testing.T, config Config, phone *wasimtest.Account) (*reader, DeviceKey, uint16) {
	t.Helper()
	b := openBridge(t, config)
	key := newKey(t, b)
	number := linkDevice(t, b, key, phone)
	return newReader(t, b), key, number
}

func decode[T any](t *testing.T, event Event) T {
	t.Helper()
	var data T
	if err := json.Unmarshal(event.Data, &data); err != nil {
		t.Fatal(err)
	}
	return data
}

// collect reads events until one fits, and returns all that came.
func (r *reader) collect(last func(Event) bool) []Event {
	r.t.Helper()
	var all []Event
	r.await(func(event Event) bool {
		all = append(all, event)
		return last(event)
	})
	return all
}

// ends returns a condition that holds at the given number of finished blobs of history.
func ends(count int) func(Event) bool {
	return func(event Event) bool {
		if event.Type == "history.end" {
			count--
		}
		return count == 0
	}
}

func chatsIn(t *testing.T, events []Event) map[string]int {
	t.Helper()
	seen := map[string]int{}
	for _, event := range events {
		if event.Type == "history.chats" {
			data := decode[historyChatsData](t, event)
			if len(data.Chats) > maxPerEvent {
				t.Errorf("%d chats in one event", len(data.Chats))
			}
			for _, chat := range data.Chats {
				seen[chat.JID]++
			}
		}
	}
	return seen
}

// Every chat of a history of 1,000 comes once, also by way of the media host, with the pairs of JIDs.
func TestHistoryArrivesOnce(t *testing.T) {
	for _, media := range []bool{false, true} {
		t.Run(fmt.Sprintf("media=%v", media), func(t *testing.T) {
			simulator := wasimtest.New(t)
			phone := simulator.AddAccount(wasimtest.Spec{
				PN: "15550000001", Chats: sim.Chats{Count: 1000, LIDs: 800, ChunkSize: 300, Media: media},
			})
			reader, _, _ := linkFor(t, simulatedConfig(t, simulator), phone)
			events := reader.collect(ends(5))
			seen := chatsIn(t, events)
			for jid, count := range seen {
				if count != 1 {
					t.Errorf("%s came %d times", jid, count)
				}
			}
			pairs := 0
			for _, event := range events {
				if event.Type == "lid.pairs" {
					pairs += len(decode[struct{ Pairs []pairData }](t, event).Pairs)
				}
			}
			if len(seen) != 1000 || pairs < 1001 {
				t.Errorf("%d chats and %d pairs", len(seen), pairs)
			}
		})
	}
}

// A chat of a history comes with its settings as the phone has them, and what the phone does not say is
// absent.
func TestHistoryTellsSettings(t *testing.T) {
	yes, no, forever, unread := true, false, int64(-1), uint32(2)
	simulator := wasimtest.New(t)
	phone := simulator.AddAccount(wasimtest.Spec{PN: "15550000001", Chats: sim.Chats{List: []sim.Chat{
		{
			JID: "15550002222@s.whatsapp.net", LID: "200000000002222@lid", Name: "Grace", Archived: &yes,
			Pinned: &no, MutedUntil: &forever, UnreadCount: &unread, LastMessageAt: 1_700_000_000_000,
		},
		{JID: "15550003333@s.whatsapp.net"},
	}}})
	reader, _, _ := linkFor(t, simulatedConfig(t, simulator), phone)
	event, _ := reader.await(isKind("history.chats"))
	want := `{"progress":100,"chats":[{"jid":"15550002222@s.whatsapp.net","lid":"200000000002222@lid",` +
		`"name":"Grace","archived":true,"pinned":false,"muted_until":-1,"read":false,` +
		`"last_message_at":1700000000000},{"jid":"15550003333@s.whatsapp.net"}]}`
	if string(event.Data) != want {
		t.Errorf("%s\nnot %s", event.Data, want)
	}
}

func user(t *testing.T, text string) types.JID {
	t.Helper()
	jid, err := types.ParseJID(text)
	if err != nil {
		t.Fatal(err)
	}
	return jid
}

// receive lets somebody write to an account and returns the message's id.
func receive(t *testing.T, phone *wasimtest.Account, message sim.Inbound) string {
	t.Helper()
	id, err := phone.Receive(message)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (r *reader) awaitTime(id string) (messageTimeData, []Event) {
	r.t.Helper()
	all := r.collect(func(event Event) bool {
		return event.Type == "message.time" && decode[messageTimeData](r.t, event).MessageID == id
	})
	return decode[messageTimeData](r.t, all[len(all)-1]), all
}

// A message gives its time and its sender's name; a pair that only its stanza knows comes before it.
func TestMessagesGiveTimeNameAndPair(t *testing.T) {
	simulator := wasimtest.New(t)
	phone := simulator.AddAccount(wasimtest.Spec{PN: "15550000001", WithoutPairs: true})
	reader, _, _ := linkFor(t, simulatedConfig(t, simulator), phone)
	reader.awaitSettled()
	at := time.UnixMilli(1_750_000_000_000)
	id := receive(t, phone, sim.Inbound{
		From: user(t, "200000000005555@lid"), Name: "Lin", At: at, Paired: true,
	})
	data, all := reader.awaitTime(id)
	if data.ChatJID != "200000000005555@lid" || data.AltJID == "" || data.FromMe || !data.Real ||
		data.MessageAt != at.UnixMilli() {
		t.Errorf("%+v", data)
	}
	var kinds []string
	for _, event := range all {
		kinds = append(kinds, event.Type)
	}
	name := all[slices.Index(kinds, "contact.name")]
	if string(name.Data) != `{"jid":"200000000005555@lid","push_name":"Lin"}` {
		t.Errorf("%s", name.Data)
	}
	if !slices.Contains(kinds, "lid.pairs") {
		t.Errorf("no pair in %v", kinds)
	}
	reaction := receive(t, phone, sim.Inbound{From: user(t, "200000000005555@lid"), Kind: "reaction"})
	if data, all = reader.awaitTime(reaction); data.Real || len(all) != 1 {
		t.Errorf("%+v after %d events", data, len(all))
	}
	revoke := receive(t, phone, sim.Inbound{From: user(t, "200000000005555@lid"), Kind: "revoke"})
	if data, _ = reader.awaitTime(revoke); data.Real {
		t.Errorf("%+v", data)
	}
	sent, err := phone.Send(user(t, "15550002222@s.whatsapp.net"), "")
	if err != nil {
		t.Fatal(err)
	}
	if data, _ = reader.awaitTime(sent); !data.FromMe || !data.Real || data.ChatJID != "15550002222@s.whatsapp.net" {
		t.Errorf("%+v", data)
	}
}

// Pairs that the phone tells long after the history are reported, and that it addresses users by LID.
func TestPhoneTellsPairsLater(t *testing.T) {
	simulator := wasimtest.New(t)
	phone := simulator.AddAccount(wasimtest.Spec{
		PN: "15550000001", WithoutPairs: true, Contacts: []sim.ContactSpec{{PN: "15550002222", Name: "Grace"}},
	})
	reader, _, _ := linkFor(t, simulatedConfig(t, simulator), phone)
	reader.awaitSettled()
	phone.TellPairs()
	var hasPair, isMigrated bool
	reader.await(func(event Event) bool {
		text := string(event.Data)
		hasPair = hasPair || event.Type == "lid.pairs" && strings.Contains(text, "15550002222@s.whatsapp.net")
		isMigrated = isMigrated || event.Type == "device.status" && strings.Contains(text, `"lid_migrated":true`)
		return hasPair && isMigrated
	})
}

// The status says whether a new message unarchives a chat, also in the next process.
func TestStatusHasUnarchiveSetting(t *testing.T) {
	simulator := wasimtest.New(t)
	phone := simulator.AddAccount(wasimtest.Spec{PN: "15550000001", UnarchiveChats: true})
	config := simulatedConfig(t, simulator)
	reader, key, _ := linkFor(t, config, phone)
	reader.await(func(event Event) bool {
		return event.Type == "device.status" && strings.Contains(string(event.Data), `"unarchive_chats":true`)
	})
	reader.bridge.Close(within(t))
	again := openBridge(t, config)
	status, err := again.Status(within(t), key)
	if err != nil || status.UnarchiveChats == nil || !*status.UnarchiveChats || status.LIDMigrated != nil {
		t.Errorf("%+v, %v", status, err)
	}
}

// The groups are listed after the login; new ones, new subjects and leaving are told as they happen.
func TestGroups(t *testing.T) {
	simulator := wasimtest.New(t)
	phone := simulator.AddAccount(wasimtest.Spec{PN: "15550000001", Groups: []sim.GroupSpec{
		{JID: "120363000000000001@g.us", Subject: "Walks", Size: 7},
	}})
	reader, _, _ := linkFor(t, simulatedConfig(t, simulator), phone)
	list, _ := reader.await(isKind("group.list"))
	const walks = `{"jid":"120363000000000001@g.us","subject":"Walks","participant_count":7}`
	if string(list.Data) != `{"groups":[`+walks+`]}` {
		t.Errorf("%s", list.Data)
	}
	chess := user(t, "120363000000000002@g.us")
	for _, change := range []struct {
		make func() error
		want string
	}{
		{
			func() error { return phone.CreateGroup(sim.Group{JID: chess, Subject: "Chess", Size: 2}) },
			`{"jid":"120363000000000002@g.us","subject":"Chess","participant_count":2}`,
		},
		{
			func() error { return phone.RenameGroup(chess, "Go") },
			`{"jid":"120363000000000002@g.us","subject":"Go"}`,
		},
		{
			func() error { return phone.LeaveGroup(chess) },
			`{"jid":"120363000000000002@g.us","left":true}`,
		},
	} {
		if err := change.make(); err != nil {
			t.Fatal(err)
		}
		if event, _ := reader.await(isKind("group.change")); string(event.Data) != change.want {
			t.Errorf("%s, not %s", event.Data, change.want)
		}
	}
	id := receive(t, phone, sim.Inbound{
		From: user(t, "15550002222@s.whatsapp.net"), Chat: user(t, "120363000000000001@g.us"),
	})
	if data, _ := reader.awaitTime(id); data.ChatJID != "120363000000000001@g.us" || data.AltJID != "" {
		t.Errorf("%+v", data)
	}
}

func execute(t *testing.T, store *tenantStore, statement string) {
	t.Helper()
	if _, err := store.db.Exec(within(t), statement); err != nil {
		t.Fatal(err)
	}
}

// What was decrypted but could not be spooled is not acknowledged, and the next process delivers it
// although it can't be decrypted a second time.
func TestCutBetweenStanzaAndAckLosesNothing(t *testing.T) {
	simulator := wasimtest.New(t)
	phone := simulator.AddAccount(wasimtest.Spec{PN: "15550000001"})
	config := simulatedConfig(t, simulator)
	reader, key, number := linkFor(t, config, phone)
	reader.awaitSettled()
	s, err := reader.bridge.session(within(t), key)
	if err != nil {
		t.Fatal(err)
	}
	store := s.tenant.store
	execute(t, store, "ALTER TABLE wuts_spool RENAME TO hidden")
	var ids []string
	for range 3 {
		ids = append(ids, receive(t, phone, sim.Inbound{From: user(t, "15550002222@s.whatsapp.net"), Paired: true}))
	}
	simulator.Until("the messages were decrypted", func() bool {
		var count int
		const query = "SELECT COUNT(*) FROM whatsmeow_event_buffer WHERE plaintext IS NOT NULL"
		return store.db.QueryRow(within(t), query).Scan(&count) == nil && count > 0
	})
	reader.bridge.Close(within(t))
	for _, receipt := range phone.Receipts(number) {
		if slices.Contains(ids, receipt.ID) {
			t.Errorf("%s was acknowledged", receipt.ID)
		}
	}
	store, err = openTenantStore(within(t), filepath.Join(config.DevicesDir, key.TenantID+storeSuffix))
	if err != nil {
		t.Fatal(err)
	}
	execute(t, store, "ALTER TABLE hidden RENAME TO wuts_spool")
	if err = store.close(); err != nil {
		t.Fatal(err)
	}
	again := openBridge(t, config)
	if _, err := again.Connect(within(t), key); err != nil {
		t.Fatal(err)
	}
	reader = newReader(t, again)
	missing := map[string]bool{ids[0]: true, ids[1]: true, ids[2]: true}
	reader.await(func(event Event) bool {
		if event.Type == "message.time" {
			delete(missing, decode[messageTimeData](t, event).MessageID)
		}
		return len(missing) == 0
	})
}

// Nothing that people wrote, or that was written to them, is in any file of the devices, neither during nor
// after the messages.
func TestContentReachesNoFile(t *testing.T) {
	simulator := wasimtest.New(t)
	phone := simulator.AddAccount(wasimtest.Spec{
		PN: "15550000001", Contacts: []sim.ContactSpec{{PN: "15550002222", Name: "Grace"}},
		Chats: sim.Chats{Count: 20, LIDs: 10},
	})
	config := simulatedConfig(t, simulator)
	reader, key, _ := linkFor(t, config, phone)
	reader.collect(ends(2))
	linkDevice(t, reader.bridge, newKey(t, reader.bridge), phone)
	reader.collect(ends(2))
	from := user(t, "15550002222@s.whatsapp.net")
	simulator.Fault(faults.Rule{Action: "retry", Times: 1})
	if _, err := reader.bridge.SendText(within(t), key, from, "3EB0000000000001", sim.Canary); err != nil {
		t.Fatal(err)
	}
	simulator.Until("the text was read", func() bool { return len(phone.Texts()) == 1 })
	reader.awaitTime("3EB0000000000001")
	receive(t, phone, sim.Inbound{From: from})
	reader.awaitTime(receive(t, phone, sim.Inbound{From: from, Kind: "reaction"}))
	files := 0
	err := filepath.WalkDir(config.DevicesDir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if strings.Contains(string(text), sim.Canary) {
			t.Errorf("%s has the canary", entry.Name())
		}
		files++
		return err
	})
	if err != nil || files == 0 {
		t.Fatalf("%d files: %v", files, err)
	}
}
