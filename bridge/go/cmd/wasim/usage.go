package main

import "wuts/sim/faults"

var usage = usageHead + faults.Help() + "\nFlags:\n"

const usageHead = `wasim stands in for the WhatsApp chat server and for the phones behind it, so that linked-device
clients can be tried without WhatsApp and without a phone. It verifies what clients send; it proves
nothing about the real service. It listens on loopback addresses only.

When it is ready it prints one line of JSON on the standard output, and logs on the standard error:
  {"endpoint":"127.0.0.1:PORT","control":"http://127.0.0.1:PORT","root_key":"hex"}

Control API: JSON with the content type application/json; errors are {"error":text} with a 4xx status.
A is /v1/accounts/PN with the digits of a phone number (1555…; LIDs are 2000…).
  GET    /v1/info                        root key and addresses
  POST   /v1/accounts                    {"pn"?,"lid"?,"name"?,"contacts":[{"pn"?,"lid"?,"name"}],
                                          "groups":[{"jid","subject","size"?}],"appstate":[mutation],
                                          "lid_migrated"?,"unarchive_chats"?,"without_pairs"?,
                                          "passkey"?:{"id","public_key"},
                                          "chats":{"count"?,"lids"?,"list"?:[chat],"chunk_size"?,"media"?}}
           passkey, in base64 with a P-256 key as SubjectPublicKeyInfo: without its answer no device is linked.
           chats are more conversations of the history: count people who are made up, the first lids of them
           known by LID, and a list; media puts them on the media host. without_pairs keeps LIDs back.
           chat: {"jid","lid"?,"pn"?,"name"?,"archived"?,"pinned"?,"muted_until"?,"unread_count"?,
           "last_message_at"?,"text"?}, times in Unix milliseconds, muted_until -1 for ever
  GET    /v1/accounts, A                 accounts with their devices
  GET    A/pending                       {"pending":[{"ref"}],"links":[{"ref","platform","display"}],
                                          "passkey_code"}: QR codes that wait for any phone, devices that wait
                                          for a code to be typed into this one, and what it shows for a passkey
  POST   A/scan?wait=5s                  {"qr":text} -> {"device":n}
  POST   A/pairing-code?wait=5s          {"code":text} -> {"device":n}; after a wrong code (409) another may be
                                          tried. An odd display name of the device is refused with 400,
                                          unless -lenient
  DELETE A/devices/N; POST A/unlink-all  unlink
  POST   A/devices/N/drop                cut the connection
  POST   A/devices/N/end                 {"what":"515"|"503"|"replaced"|"device_removed"}
  POST   A/ban                           {"code"?,"expire_s"?}: every login fails with 402
  POST   A/main-device-gone, A/restore   every login fails with 403; logins are let in again
  GET    A/appstate[/COLLECTION]         what the phone sees
  POST   A/appstate                      the phone writes one of
           {"archive":{"jid","archived"}}  {"pin":{"jid","pinned"}}  {"read":{"jid","read"}}
           {"mute":{"jid","muted","until"?}}  {"pushname":{"name"}}  {"contact":{"jid","name"}}
           mutation: {"collection","op":"set"|"remove","index":[text],"version"?,"value":{…}}
  POST   A/messages                      {"from","chat"?,"text"?,"kind"?,"name"?,"at_ms"?,"paired"?,"count"?}
           -> {"ids"}: somebody writes to the account, or to a group; kind is text, reaction or revoke;
           paired lets the stanza tell the sender's other JID
  GET    A/messages                      {"messages":[{"id","to","pn","text","device","arrivals","retried"?,
                                          "on_phone"?,"at"}]}: what devices wrote, as it was read; one row an
                                          id, arrivals is how often it came
  POST   A/calls                         {"from","creator"?,"group"?,"notice"?,"video"?,"paired"?,"missed"?,
                                          "ring_ms"?,"devices"?} -> {"call_id"}: somebody calls; from and
           creator are JIDs of users, with the number of a device or without; paired lets the offer tell the
           caller's other JID; missed tells devices that come back of a call that is over
  POST   A/calls/ID/end                  {"reason"?}: the caller gives up
  POST   A/calls/ID/answer, A/calls/ID/decline   the phone takes or refuses it
  POST   A/calls/ID/signal               {"tag"}: another stanza about it, such as a preaccept
  GET    A/calls                         {"calls":[{"call_id","from","creator","group_jid"?,"media","state",
                                          "reason"?,"offered_at","acks":[device],"rejects":[{"device",
           "call_id","creator","latency_ms","acked"}]}]}; state: ringing, rejected, accepted or ended
  GET    A/presence                      {"presence":[{"device","kind":"presence"|"typing"|"subscribe",
                                          "jid"?,"state"?,"media"?,"name"?,"at"}]}
  GET    A/disappearing                  {"disappearing":[{"chat","pn"?,"seconds","device","at"}]}
  POST   A/sent                          {"to","text"?,"count"?} -> {"ids"}: the phone writes
  POST   A/groups                        {"what":"create"|"rename"|"leave","jid","subject"?,"size"?}
  POST   A/pairs                         the phone tells all pairs of phone numbers and LIDs
  GET    A/archived/JID                  {"archived"}: as the phone sees it; with unarchive_chats a message
                                          takes a chat out of the archive, and no patch says so
  POST   A/snapshots                     {"on":true}: a first fetch gets a snapshot, not all patches
  GET    A/receipts, A/acks              what the devices confirmed since the start
  POST   A/keys/share, A/keys/rotate     send the app-state keys, or a new one
  GET    /v1/violations                  what no correct client does
  POST   /v1/wait                        {"condition":{…},"timeout":"5s"} with a condition of
           {"account","device","state":"online"|"active"|"offline"}
           {"account","collection","index","present"?,"value"?}
           {"account","reject":CALL_ID}  {"account","message":{"id"?,"to"?,"text"?}}
  POST   /v1/version-floor               {"version":"2.3000.1"}: older clients fail with 405; "" lifts it
  POST, GET, DELETE /v1/faults           a rule {"action",…} -> {"id"}; all rules; none any more
  DELETE /v1/faults/ID                   take one rule away
  POST   /v1/faults/release              send what the action hold keeps back

Faults: a rule befalls what all its filters match: "account"?, "device"?, "collection"?, and for a stanza
"direction":"in"|"out"|"both", "tag"?, "xmlns"?, "child"?. "nth"? passes over matches, "times"? bounds
them, "probability"? is of each. "what" is a variant; the actions with what else they take:
`
