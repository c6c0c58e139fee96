"""Linking an account whose owner has to confirm new devices with a passkey."""

from __future__ import annotations

from typing import Any

from app.processes import wait_for
from tests.support.passkeys import Authenticator
from tests.support.service import Caller
from tests.support.sessions import threads
from tests.support.simulator import Phone, Simulator

CHAT = "15557000001@s.whatsapp.net"


def passkey(caller: Caller, **query: Any) -> dict[str, Any]:
    """Return the data of GET /passkey."""
    answer = caller.request("GET", "/passkey", params=query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["data"])


def respond(caller: Caller, credential: dict[str, Any]) -> tuple[int, str]:
    """Hand an answer on; returns the status, and the stage or the error's code."""
    answer = caller.request("POST", "/passkey/response", json={"credential": credential})
    told = answer.json()
    return answer.status_code, told.get("error_code") or told["data"]["stage"]


def exchange(caller: Caller, phone: Phone, authenticator: Authenticator) -> str:
    """Link by passkey, making mistakes on the way; returns the code that the phone showed."""
    asked = passkey(caller, wait=25)
    assert (asked["stage"], asked["public_key"]["rpId"]) == ("asked", "whatsapp.com")
    wait_for(
        lambda: caller.status()["status"] == "passkey_required" or None,
        seconds=10,
        what="the status, which is stored a moment later",
    )
    pairing = caller.request("GET", "/qr/status").json()["data"]
    assert (pairing["state"], pairing["method"], pairing["exists"]) == ("passkey", "qr", False)
    early = caller.request("POST", "/passkey/confirm")
    assert (early.status_code, early.json()["error_code"]) == (409, "CODE_NOT_SHOWN")
    forged = Authenticator().answer(asked["public_key"])
    assert respond(caller, forged) == (502, "DEVICE_ERROR")
    credential = authenticator.answer(asked["public_key"])
    assert respond(caller, credential) == (200, "answered")
    shown = passkey(caller, wait=25, stage="answered")
    assert (shown["stage"], shown["code"]) == ("shown", phone.passkey_code())
    assert respond(caller, credential) == (200, "shown")
    confirmed = caller.request("POST", "/passkey/confirm", json={})
    assert (confirmed.status_code, confirmed.json()["data"]["stage"]) == (200, "confirmed")
    return str(shown["code"])


def test_link_by_passkey(caller: Caller, simulator: Simulator) -> None:
    """The owner's answer and confirmation link the device; a forged answer is refused before.

    Each step is told as it comes, and the phone's code by nobody but the one request for it.
    """
    authenticator = Authenticator()
    phone = simulator.add_phone(passkey=authenticator.passkey())
    code = caller.request("GET", "/qr").json()["data"]["qr_code"]
    with threads([lambda: phone.scan(code)]) as scans:
        shown = exchange(caller, phone, authenticator)
    assert all(isinstance(number, int) for number in scans), scans
    caller.wait_usable()
    assert caller.archive(CHAT).status_code == 200
    assert phone.is_archived(CHAT)
    answer = caller.request("GET", "/passkey")
    assert (answer.status_code, answer.json()["error_code"]) == (409, "DEVICE_ALREADY_LINKED")
    query = {"types": "pairing.passkey_required"}
    told = caller.request("GET", "/events", params=query).json()["events"]
    assert [event["data"]["stage"] for event in told] == ["asked", "shown"]
    assert all(set(event["data"]) == {"stage", "expires_at"} for event in told)
    assert shown not in caller.service.logs()
    assert phone.violations() == []
