"""The mirror: one row a person, field by field, whatever comes in which order."""

from __future__ import annotations

import pytest

from sessions.store.models import MirroredCollectionRow
from sessions.times import from_milliseconds
from tests.support.mirror import HOME, NOW, Feed, open_feed
from tests.support.sessions import Stage

ANN = f"15557000001{HOME}"
ANN_LID = "200000000000001@lid"
BOB = f"15557000002{HOME}"
GROUP = "120363000000000042@g.us"
HOUR = 3_600_000


@pytest.fixture
def feed(stage: Stage) -> Feed:
    """A device whose account the test makes up."""
    return open_feed(stage)


def test_every_conversation_of_the_history_is_a_chat(feed: Feed) -> None:
    """Also one without a message, a name or any setting; what is unknown of it stays unknown."""
    feed.history({"jid": ANN}, {"jid": GROUP, "name": "Choir", "archived": True})
    feed.step()
    chats = feed.chats()
    assert set(chats) == {ANN, GROUP}
    ann = chats[ANN]
    assert (ann.archived, ann.pinned, ann.muted, ann.last_message_at) == (None, None, None, None)
    assert (ann.name, ann.phone_number) == ("+1 555-700-0001", "15557000001")
    assert (chats[GROUP].name, chats[GROUP].archived) == ("Choir", True)


def test_what_a_collection_lacks_is_off(feed: Feed) -> None:
    """Once a collection was read whole, a chat that it says nothing of is known to be off."""
    feed.history({"jid": ANN})
    assert not feed.page().is_complete
    feed.settle()
    feed.step()
    ann = feed.chats()[ANN]
    assert (ann.archived, ann.pinned, ann.muted, ann.muted_forever) == (False, False, False, False)
    assert feed.page().is_complete


def test_one_row_a_person(feed: Feed) -> None:
    """The history's pair makes number and LID one chat, whichever names it afterwards."""
    feed.history({"jid": ANN_LID, "lid": ANN_LID, "pn": ANN})
    feed.change("archive", ANN_LID, True)
    feed.change("pin_v1", ANN, True)
    feed.step()
    (ann,) = feed.chats().values()
    assert (ann.jid, ann.lid, ann.archived, ann.pinned) == (ANN, ANN_LID, True, True)


def test_a_lid_is_never_shown_as_a_number(feed: Feed) -> None:
    """Without its number a LID has neither phone number nor made-up name."""
    feed.history({"jid": ANN_LID})
    feed.step()
    (ann,) = feed.chats().values()
    assert (ann.jid, ann.phone_number, ann.name, ann.name_source) == (ANN_LID, None, None, None)


def test_a_late_pair_merges_rows(feed: Feed) -> None:
    """Two chats become one that has the newest of each setting, and an event says so."""
    feed.history({"jid": ANN, "last_message_at": NOW}, {"jid": ANN_LID, "last_message_at": NOW + 5})
    feed.change("archive", ANN_LID, True, at=NOW + 2)
    feed.change("archive", ANN, False, at=NOW + 1)
    feed.step()
    assert len(feed.chats()) == 2
    feed.emit("lid.pairs", pairs=[{"pn": ANN, "lid": ANN_LID}])
    feed.step()
    (ann,) = feed.chats().values()
    assert (ann.jid, ann.lid, ann.archived) == (ANN, ANN_LID, True)
    assert ann.last_message_at == from_milliseconds(NOW + 5)
    merged, archived = feed.events()[-2:]
    assert merged[0] == "chat.merged"
    assert (merged[1]["chat_jid"], merged[1]["merged_jid"]) == (ANN, ANN_LID)
    assert (archived[0], archived[1]["cause"]) == ("chat.archive", "reconciled")


def test_a_late_number_renames_a_row(feed: Feed) -> None:
    """A chat that was known by LID alone gets its number as its JID."""
    feed.history({"jid": ANN_LID})
    feed.step()
    feed.emit("lid.pairs", pairs=[{"pn": ANN, "lid": ANN_LID}])
    feed.step()
    assert set(feed.chats()) == {ANN}
    (merged,) = feed.events("chat.merged")
    assert merged[1]["merged_jid"] == ANN_LID


def test_a_pair_counts_for_later_rows(feed: Feed) -> None:
    """A pair that came before either chat is remembered."""
    feed.emit("lid.pairs", pairs=[{"pn": ANN, "lid": ANN_LID}])
    feed.step()
    assert feed.chats() == {}
    feed.message(ANN_LID)
    feed.step()
    assert set(feed.chats()) == {ANN}


def test_pairs_are_not_shared(stage: Stage, feed: Feed) -> None:
    """What one device was told about a LID is unknown to another, of whatever tenant."""
    other = open_feed(stage)
    feed.emit("lid.pairs", pairs=[{"pn": ANN, "lid": ANN_LID}])
    feed.step()
    other.message(ANN_LID)
    other.step()
    assert set(other.chats()) == {ANN_LID}
    assert feed.chats() == {}


def test_app_state_beats_history(feed: Feed) -> None:
    """A history that comes late changes nothing that app state has said."""
    feed.change("archive", ANN, False)
    feed.change("contact", ANN, "Ann")
    feed.history({"jid": ANN, "archived": True, "pinned": True, "name": "Anna"})
    feed.step()
    ann = feed.chats()[ANN]
    assert (ann.archived, ann.pinned, ann.name) == (False, True, "Ann")


def test_a_partial_event_clobbers_nothing(feed: Feed) -> None:
    """What an event does not mention stays as it is."""
    feed.history({"jid": ANN, "archived": True, "name": "Ann", "last_message_at": NOW})
    feed.history({"jid": ANN})
    feed.emit("contact.name", jid=ANN, push_name="annie")
    feed.step()
    ann = feed.chats()[ANN]
    assert (ann.archived, ann.name, ann.last_message_at is None) == (True, "Ann", False)


def test_names_fall_back(feed: Feed) -> None:
    """Contact, business, push name, number: the best that is known, with its source."""
    feed.history({"jid": ANN})
    expected = [("push_name", "push_name"), ("business_name", "business"), ("name", "contact")]
    for field, source in expected:
        feed.emit("contact.name", jid=ANN, **{field: field})
        feed.step()
        ann = feed.chats()[ANN]
        assert (ann.name, ann.name_source) == (field, source)


def test_changes_are_events_with_their_cause(feed: Feed) -> None:
    """One's own change is `api`, another one `phone`; what changes nothing is no event."""
    feed.change("archive", ANN, True, own=True)
    feed.change("pin_v1", ANN, False, own=True)
    feed.change("mute", ANN, True, value={"muteAction": {"muted": True}})
    feed.change("markChatAsRead", ANN, False)
    feed.change("archive", ANN, None)
    feed.step()
    told = [(kind, {**data, "at": None}) for kind, data in feed.events()]
    base = {"chat_jid": ANN, "at": None, "cause": "phone"}
    assert told == [
        ("chat.archive", {**base, "archived": True, "cause": "api"}),
        ("chat.mute", {**base, "muted": True, "muted_until": "9999-12-31T00:00:00Z"}),
        ("chat.mark_as_read", {**base, "read": False}),
        ("chat.archive", {**base, "archived": False}),
    ]
    assert [entry.sequence for entry in feed.log()] == [1, 2, 3, 4]
    assert feed.chats()[ANN].archived is None


@pytest.mark.parametrize("setting", [True, False, None])
def test_a_message_unarchives_as_the_setting_says(feed: Feed, setting: bool | None) -> None:
    """A real one from somebody else does, when the account wants it; others never do."""
    if setting is not None:
        value = {"unarchiveChatsSetting": {"unarchiveChats": setting}}
        feed.change("archive", ANN, True, index=["setting_unarchiveChats"], value=value)
    feed.change("archive", ANN, True)
    feed.message(ANN, NOW + HOUR, from_me=True)
    feed.message(ANN, NOW + HOUR, real=False)
    feed.message(ANN, NOW - HOUR)
    feed.step()
    assert feed.chats()[ANN].archived is True
    feed.message(ANN, NOW + HOUR)
    feed.step()
    assert feed.chats()[ANN].archived is (setting is not True)
    causes = [data["cause"] for _, data in feed.events("chat.archive")]
    assert causes == ["phone", "new_message"][: 2 if setting else 1]


def test_an_archive_that_comes_after_its_message(feed: Feed) -> None:
    """A message that was sent after a chat was archived, and came first, still brings it back."""
    value = {"unarchiveChatsSetting": {"unarchiveChats": True}}
    feed.change("archive", ANN, True, index=["setting_unarchiveChats"], value=value)
    feed.message(ANN, NOW + HOUR)
    feed.change("archive", ANN, True, at=NOW)
    feed.step()
    assert feed.chats()[ANN].archived is False


def test_the_first_reading_is_no_event(feed: Feed) -> None:
    """A collection that is read for the first time says what is, in as many batches as it takes."""
    feed.change("archive", ANN, True, full=True, last=False, version=7)
    feed.step()
    assert feed.chats() == {}
    feed.change("archive", BOB, True, full=True, version=7)
    feed.step()
    assert {jid for jid, chat in feed.chats().items() if chat.archived} == {ANN, BOB}
    assert feed.events() == []


def test_a_later_reading_reconciles(feed: Feed) -> None:
    """What was missed is an event; what the collection lacks is off; the version is noted."""
    feed.change("archive", ANN, True, full=True, version=7)
    feed.step()
    feed.change("archive", BOB, True, full=True, version=9)
    feed.step()
    chats = feed.chats()
    assert (chats[ANN].archived, chats[BOB].archived) == (False, True)
    told = [(data["chat_jid"], data["archived"], data["cause"]) for _, data in feed.events()]
    assert told == [(BOB, True, "reconciled"), (ANN, False, "reconciled")]
    with feed.stage.service._environment.database.read() as transaction:
        row = transaction.get_one(MirroredCollectionRow, (feed.device.id, "regular_low"))
        assert (row.version, row.is_stale) == (9, False)


def test_a_reading_anew_keeps_what_a_message_brought_back(feed: Feed) -> None:
    """The same archive read again does not undo what no patch has said."""
    value = {"unarchiveChatsSetting": {"unarchiveChats": True}}
    feed.change("archive", ANN, True, index=["setting_unarchiveChats"], value=value)
    feed.change("archive", ANN, True, at=NOW + 700)
    feed.message(ANN, NOW)
    feed.step()
    assert feed.chats()[ANN].archived is False
    feed.change("archive", ANN, True, at=NOW + 700, full=True)
    feed.step()
    assert feed.chats()[ANN].archived is False


def test_groups(feed: Feed) -> None:
    """The joined list is whole; a rename and leaving come by themselves."""
    other = "120363000000000043@g.us"
    feed.history({"jid": GROUP})
    groups = [{"jid": GROUP, "subject": "Choir", "participant_count": 3}, {"jid": other}]
    feed.emit("group.list", groups=groups)
    feed.step()
    assert set(feed.chats()) == {GROUP, other}
    feed.emit("group.change", jid=GROUP, subject="Band")
    feed.step()
    assert (feed.chats()[GROUP].name, feed.chats()[GROUP].participant_count) == ("Band", 3)
    feed.emit("group.change", jid=GROUP, left=True)
    feed.emit("group.list", groups=[])
    feed.step()
    assert set(feed.chats()) == {GROUP}
    assert feed.chats()[GROUP].participant_count is None
    assert list(feed.page_since(0)) == [other]


def test_another_account_begins_anew(feed: Feed) -> None:
    """Linking the same account keeps its chats; another one's are not shown with them."""
    feed.emit("pair.success", jid=ANN)
    feed.history({"jid": BOB})
    feed.step()
    feed.emit("pair.success", jid=ANN)
    feed.step()
    assert set(feed.chats()) == {BOB}
    feed.emit("pair.success", jid=BOB)
    feed.history({"jid": ANN})
    feed.step()
    assert set(feed.chats()) == {ANN}


def test_a_malformed_part_holds_up_nothing(feed: Feed) -> None:
    """An event without what it needs is skipped whole, and its neighbours are stored."""
    feed.history({"jid": ANN})
    feed.history({"jid": BOB, "archived": True}, {"name": "no JID"})
    feed.emit("history.chats")
    feed.history({"jid": GROUP})
    feed.step()
    assert set(feed.chats()) == {ANN, GROUP}


def test_what_is_no_chat_is_left_out(feed: Feed) -> None:
    """Broadcasts, newsletters and devices of users are nothing to list."""
    for jid in ("status@broadcast", "120363@newsletter", "15557000001:3@s.whatsapp.net"):
        feed.history({"jid": jid})
        feed.message(jid)
        feed.change("archive", jid, True)
    feed.step()
    assert feed.chats() == {}


def test_pairings_that_fail(feed: Feed) -> None:
    """A failed pairing is an event; one that was given up is none."""
    feed.emit("pairing.failed", reason="cancelled")
    feed.emit("pairing.failed", reason="superseded")
    feed.emit("pairing.failed", reason="hmac_mismatch")
    feed.step()
    assert feed.events() == [("connection.pair_error", {"reason": "hmac_mismatch"})]
