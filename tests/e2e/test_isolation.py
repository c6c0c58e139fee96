"""What one tenant's phone says stays with that tenant."""

from __future__ import annotations

from typing import Any

from app.processes import wait_for
from tests.support.service import Caller, Service
from tests.support.simulator import Simulator

PERSON = "15557770001"
FORGED = "200077700000001@lid"


def chats(caller: Caller) -> list[dict[str, Any]]:
    """List the chats of the caller's device."""
    answer = caller.request("GET", "/chats")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["chats"])


def test_a_forged_pair_stays_with_its_tenant(service: Service, simulator: Simulator) -> None:
    """A phone that claims a LID for somebody else's contact changes nothing for that tenant."""
    phone = simulator.add_phone(contacts=[{"pn": PERSON, "name": "Ada"}])
    victim = service.register().link(phone)
    wait_for(lambda: chats(victim) or None, seconds=20, what="the victim's chat")
    before = chats(victim)
    forged = {"jid": FORGED, "pn": f"{PERSON}@s.whatsapp.net", "name": "Eve"}
    attacker = service.register().link(simulator.add_phone(chats={"list": [forged]}))
    wait_for(
        lambda: any(row.get("lid") == FORGED for row in chats(attacker)) or None,
        seconds=20,
        what="the pair at the tenant who was told of it",
    )
    assert chats(victim) == before
    assert victim.request("GET", f"/chats/{FORGED}").status_code == 404
    assert victim.archive(PERSON).status_code == 200
    assert phone.is_archived(f"{PERSON}@s.whatsapp.net") is True
    assert phone.is_archived(FORGED) is None
