"""JIDs, for any text."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from sessions.errors import InvalidInput
from sessions.jid import parse_chat_jid

NORMAL = re.compile(r"[0-9]+(-[0-9]+)?@(s\.whatsapp\.net|g\.us|lid)", re.ASCII)
LIKELY = st.text(alphabet="0123456789@+-() .:%suacgnetwhplid\n", max_size=40)


@given(st.one_of(st.text(max_size=60), LIKELY))
@example("15550001111@c.us")
@example("+1 (555) 000-1111")
def test_every_text_is_a_normal_jid_or_refused(text: str) -> None:
    """What is accepted has one of three forms, keeps its digits, and is accepted as it is then."""
    try:
        jid = parse_chat_jid(text)
    except InvalidInput:
        return
    assert NORMAL.fullmatch(jid)
    assert parse_chat_jid(jid) == jid
    assert re.sub(r"[^0-9]", "", text) == re.sub(r"[^0-9]", "", jid)
