"""JIDs as clients write them."""

from __future__ import annotations

import pytest

from sessions.errors import InvalidInput
from sessions.jid import parse_chat_jid, phone_number_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("15550001111@s.whatsapp.net", "15550001111@s.whatsapp.net"),
        ("15550001111@c.us", "15550001111@s.whatsapp.net"),
        ("12345@s.whatsapp.net", "12345@s.whatsapp.net"),
        ("123456789012345@s.whatsapp.net", "123456789012345@s.whatsapp.net"),
        ("1234567890@g.us", "1234567890@g.us"),
        ("1234567890123456789012345@g.us", "1234567890123456789012345@g.us"),
        ("15550001111-1234567890@g.us", "15550001111-1234567890@g.us"),
        ("200000000000001@lid", "200000000000001@lid"),
        ("15550001111", "15550001111@s.whatsapp.net"),
        ("+1 (555) 000-1111", "15550001111@s.whatsapp.net"),
        ("1234567", "1234567@s.whatsapp.net"),
        ("5511987654321", "5511987654321@s.whatsapp.net"),
    ],
)
def test_what_names_a_chat_is_normalised(text: str, expected: str) -> None:
    """A JID is taken digit for digit; a number becomes the JID of a user."""
    assert parse_chat_jid(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "abc",
        "@",
        "@s.whatsapp.net",
        "15550001111@",
        "1234@s.whatsapp.net",
        "1234567890123456@s.whatsapp.net",
        "+15550001111@s.whatsapp.net",
        "1555 0001111@s.whatsapp.net",
        "15550001111:12@s.whatsapp.net",
        "15550001111.0:12@s.whatsapp.net",
        "15550001111@S.WHATSAPP.NET",
        "15550001111@s.whatsapp.net ",
        "15550001111@s.whatsapp.net\n",
        "15550001111\n",
        "15550001111@@s.whatsapp.net",
        "123456789@g.us",
        "12345678901234567890123456@g.us",
        "1-2-3@g.us",
        "-1234567890@g.us",
        "abc@lid",
        "120363000000000001@newsletter",
        "status@broadcast",
        "15550001111@broadcast",
        "13135550002@bot",
        "15550001111@hosted",
        "200000000000001@hosted.lid",
        "15550001111@example.com",
        "123456",
        "1234567890123456",
        "١٢٣٤٥٦٧٨",
        "١٢٣٤٥٦٧٨@s.whatsapp.net",
        "15550001111%40s.whatsapp.net",
        "1.555.000.1111",
    ],
)
def test_what_names_no_chat_is_refused(text: str) -> None:
    """Everything else is invalid input, named by its field, and not echoed."""
    with pytest.raises(InvalidInput) as raised:
        parse_chat_jid(text, "chat_jids[3]")
    [problem] = raised.value.problems
    assert problem.field == "chat_jids[3]"
    assert len(text) < 4 or text not in problem.message


def test_only_users_have_a_phone_number() -> None:
    """The digits of a LID or of a group are not shown as a phone number."""
    assert phone_number_of("15550001111@s.whatsapp.net") == "15550001111"
    assert phone_number_of("15550001111:7@s.whatsapp.net") == "15550001111"
    assert phone_number_of("200000000000001@lid") is None
    assert phone_number_of(None) is None
