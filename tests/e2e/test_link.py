"""Linking a device by QR or code, and its life afterwards."""

from __future__ import annotations

import pytest

from app.processes import wait_for
from tests.support.service import Caller
from tests.support.simulator import Phone


def test_link_by_qr(caller: Caller, phone: Phone) -> None:
    """A scanned QR links the device: status and device list name the account."""
    status = caller.status()
    assert (status["status"], status["connected"]) == ("new", False)
    caller.link(phone)
    status = caller.status()
    assert status["status"] == "connected"
    assert status["is_logged_in"] is True
    assert status["phone_number"] == phone.pn
    assert status["jid"].startswith(phone.pn)
    (device,) = caller.request("GET", "/devices").json()["devices"]
    assert device["connected"] is True
    assert device["whatsapp_jid"].startswith(phone.pn)


def test_link_by_code(caller: Caller, phone: Phone) -> None:
    """The code that a tenant got, typed into the phone, links that tenant's device alone."""
    stranger = caller.service.register()
    body = {"phone": f"+{phone.pn}"}
    other = stranger.request("POST", "/paircode", json=body).json()["data"]
    first = caller.request("POST", "/paircode", json=body).json()["data"]
    again = caller.request("POST", "/paircode", json=body).json()["data"]
    assert (first["cached"], again["cached"], again["code"]) == (False, True, first["code"])
    assert 0 < again["expires_in"] <= 160
    assert (first["phone"], first["code"] != other["code"]) == (phone.pn, True)
    assert phone.refuses_code(other["code"])
    assert caller.request("GET", "/qr").status_code == 200
    assert caller.status()["status"] == "pairing"
    phone.type_code(first["code"])
    caller.wait_usable()
    assert caller.archive("15557000001@s.whatsapp.net").status_code == 200
    assert caller.status()["phone_number"] == phone.pn
    assert stranger.status()["is_logged_in"] is False
    answer = caller.request("POST", "/paircode", json=body)
    assert (answer.status_code, answer.json()["error_code"]) == (409, "DEVICE_ALREADY_LINKED")
    assert first["code"] not in caller.service.logs()


@pytest.mark.parametrize(
    ("accept", "start"),
    [
        ("image/png", b"\x89PNG"),
        ("image/svg+xml", b"<?xml"),
        ("text/plain", b""),
        ("application/json", b"{"),
    ],
)
def test_qr_representations(caller: Caller, accept: str, start: bytes) -> None:
    """The QR comes in the representation that was asked for, and is never stored by a cache."""
    answer = caller.request("GET", "/qr", headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith(accept)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.content.startswith(start)
    assert len(answer.content) > 200


def test_qr_says_how_long_it_lives(caller: Caller) -> None:
    """The QR tells when it expires; a second look gives the same code from the cache."""
    first = caller.request("GET", "/qr").json()["data"]
    assert first["cached"] is False
    assert 0 < first["ttl"] <= 60
    assert first["image"].startswith("data:image/png;base64,")
    second = caller.request("GET", "/qr").json()["data"]
    assert second["cached"] is True
    assert second["qr_code"] == first["qr_code"]
    status = caller.request("GET", "/qr/status").json()["data"]
    assert status["exists"] is True
    assert status["attempt"] == 1


def test_refresh_gives_another_code(caller: Caller) -> None:
    """A refresh ends the pairing and begins another, with another code."""
    first = caller.request("GET", "/qr").json()["data"]
    second = caller.request("GET", "/qr", params={"refresh": "true"}).json()["data"]
    assert second["qr_code"] != first["qr_code"]


def test_linked_device_gives_no_qr(linked: Caller) -> None:
    """A linked device refuses to be paired again."""
    answer = linked.request("GET", "/qr")
    assert (answer.status_code, answer.json()["error_code"]) == (409, "DEVICE_ALREADY_LINKED")


def test_disconnect_keeps_the_pairing(linked: Caller, phone: Phone) -> None:
    """A disconnected device comes back without a QR."""
    assert linked.request("POST", "/disconnect").status_code == 200
    assert linked.status()["status"] in {"disconnected", "stopped"}
    wait_for(
        lambda: not phone.devices()[0]["online"] or None, seconds=10, what="the phone's notice"
    )
    answer = linked.request("POST", "/connect")
    assert answer.json()["data"]["needs_qr"] is False
    linked.wait_usable()


def test_connect_without_link_needs_a_qr(caller: Caller) -> None:
    """Connecting a device without credentials is no error: it says that a QR is needed."""
    caller.request("POST", "/devices", json={"name": "new"})
    answer = caller.request("POST", "/connect")
    assert answer.status_code == 200
    assert answer.json()["data"]["needs_qr"] is True


def test_logout_removes_the_device_at_the_phone(linked: Caller, phone: Phone) -> None:
    """A logout unlinks: the phone's list is empty, and only a new QR helps."""
    assert linked.request("POST", "/logout").status_code == 200
    wait_for(lambda: not phone.devices() or None, seconds=10, what="the unlinking at the phone")
    assert linked.request("POST", "/connect").json()["data"]["needs_qr"] is True
    answer = linked.archive("15557000001@s.whatsapp.net")
    assert answer.status_code == 409
    assert answer.json()["error_code"] in {"DEVICE_NOT_LINKED", "DEVICE_LOGGED_OUT"}
    linked.link(phone)
    assert linked.archive("15557000001@s.whatsapp.net").status_code == 200


def test_unlinked_by_the_phone(linked: Caller, phone: Phone) -> None:
    """A device that the phone removes is logged out, and says so."""
    assert linked.device_number is not None
    phone.unlink(linked.device_number)
    wait_for(
        lambda: linked.status()["status"] == "logged_out" or None, seconds=20, what="the log-out"
    )
    answer = linked.archive("15557000001@s.whatsapp.net")
    assert (answer.status_code, answer.json()["error_code"]) == (409, "DEVICE_LOGGED_OUT")


def test_status_waits_until_connected(linked: Caller) -> None:
    """A long-poll for the connection answers as soon as it is there."""
    linked.request("POST", "/disconnect")
    linked.request("POST", "/connect")
    assert linked.status(wait=25, until="connected")["connected"] is True
