"""Routes of devices."""

from __future__ import annotations

import base64
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from bridge.errors import BridgeCode
from bridge.fake import FakeBridge
from tests.support.api import Caller, link

POSTS = ["/connect", "/disconnect", "/logout"]
CHOOSING = [
    ("GET", "/qr"),
    ("GET", "/qr/status"),
    ("GET", "/status"),
    *(("POST", path) for path in POSTS),
]


def test_create(caller: Caller) -> None:
    """A device is made with its name, and shown in both forms of the published answer."""
    answer = caller.post("/devices", json={"name": "Front desk"})
    assert answer.status_code == 201
    made = answer.get_json()
    assert made["device"]["name"] == made["data"]["name"] == "Front desk"
    assert made["device"]["id"] == made["data"]["device_id"]
    assert made["device"]["user_id"] == caller.user_id
    assert made["device"]["connected"] is False


@pytest.mark.parametrize(
    "name", [None, "", "  ", "x" * 101, 5, True, "a\x00b", "a\nb", "\ud800", ["x"]]
)
def test_create_with_a_bad_name(caller: Caller, name: object) -> None:
    """A name is text of 1 to 100 characters that can be shown."""
    answer = caller.post("/devices", json={"name": name})
    assert answer.status_code == 400
    assert answer.get_json()["validation"][0]["field"] == "name"
    assert caller.get("/devices").get_json()["devices"] == []


def test_quota(caller: Caller) -> None:
    """The sixth device of a user is refused, and the answer names the quota."""
    for _ in range(5):
        caller.create_device()
    answer = caller.post("/devices", json={"name": "one more"})
    assert (answer.status_code, answer.get_json()["error_code"]) == (429, "QUOTA_EXCEEDED")
    assert "Retry-After" not in answer.headers


def test_list(caller: Caller, stranger: Caller, bridge: FakeBridge) -> None:
    """One sees one's own devices, the linked ones with their account, and nobody else's."""
    linked = link(caller, bridge)
    stranger.create_device()
    (device,) = caller.get("/devices").get_json()["devices"]
    assert device["id"] == linked
    assert device["connected"] is True
    assert device["whatsapp_jid"].endswith("@s.whatsapp.net")


@pytest.mark.parametrize(
    ("accept", "mimetype"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("text/html", "application/json"),
        ("image/png", "image/png"),
        ("image/*", "image/png"),
        ("image/svg+xml", "image/svg+xml"),
        ("text/plain", "text/plain"),
        ("text/plain;q=0.5, image/svg+xml;q=0.9", "image/svg+xml"),
    ],
)
def test_qr_representations(caller: Caller, accept: str | None, mimetype: str) -> None:
    """The code comes in the representation that Accept prefers, else as JSON."""
    answer = caller.get("/qr", headers={"Accept": accept} if accept else {})
    assert answer.status_code == 200
    assert answer.mimetype == mimetype
    start = {"image/png": b"\x89PNG", "image/svg+xml": b"<?xml", "application/json": b"{"}
    assert answer.data.startswith(start.get(mimetype, b""))
    assert len(answer.data) > 200


def test_qr_as_json(caller: Caller) -> None:
    """The JSON holds the text, the same as a picture, and how long it lives."""
    first = caller.get("/qr").get_json()["data"]
    kind, _, picture = first["image"].partition(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(picture).startswith(b"\x89PNG")
    assert 0 < first["ttl"] <= 60
    assert first["cached"] is False
    second = caller.get("/qr").get_json()["data"]
    assert second["cached"] is True
    assert second["qr_code"] == first["qr_code"]


def test_qr_makes_a_default_device(caller: Caller) -> None:
    """Whoever has no device gets one by asking for its code."""
    caller.get("/qr")
    (device,) = caller.get("/devices").get_json()["devices"]
    assert device["name"] == "default"


@pytest.mark.parametrize(
    "query",
    [
        "refresh=true",
        "force_refresh=true",
        "force_new=true",
        "reuse_cache=false",
        "reuse=false",
        "use_cache=false",
        "cached=false",
    ],
)
def test_fresh_qr(caller: Caller, query: str) -> None:
    """Every published way to ask for a fresh code gives one."""
    first = caller.get("/qr").get_json()["data"]
    second = caller.get(f"/qr?{query}").get_json()["data"]
    assert second["qr_code"] != first["qr_code"]
    assert second["cached"] is False


@pytest.mark.parametrize("query", ["refresh=1", "refresh=yes", "reuse_cache=", "refresh=TRUE"])
def test_qr_with_a_bad_query(caller: Caller, query: str) -> None:
    """A flag in the query is true or false."""
    answer = caller.get(f"/qr?{query}")
    assert answer.status_code == 400
    assert answer.get_json()["validation"][0]["field"] == query.partition("=")[0]


def test_qr_ignores_unknown_queries(caller: Caller) -> None:
    """An unknown query parameter is ignored here."""
    assert caller.get("/qr?something=else").status_code == 200


def test_qr_of_a_linked_device(caller: Caller, bridge: FakeBridge) -> None:
    """A linked device gives no code."""
    link(caller, bridge)
    answer = caller.get("/qr")
    assert (answer.status_code, answer.get_json()["error_code"]) == (409, "DEVICE_ALREADY_LINKED")


def test_qr_by_head(caller: Caller) -> None:
    """HEAD would start a pairing without showing its code, so it is refused."""
    answer = caller.client.open("/qr", method="HEAD")
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET"


def test_pair_code(caller: Caller, bridge: FakeBridge) -> None:
    """A device is made, and its code stays the same until the phone has taken it."""
    body = {"phone": "+1 (555) 010-1001", "device_id": None}
    first = caller.post("/paircode", json=body).get_json()["data"]
    assert re.fullmatch("[1-9A-Z]{4}-[1-9A-Z]{4}", first["code"])
    assert (first["phone"], first["cached"]) == ("15550101001", False)
    assert 0 < first["expires_in"] <= 160
    assert first["instructions"]
    second = caller.post("/paircode", json={"phone": "15550101001"}).get_json()["data"]
    assert (second["code"], second["cached"]) == (first["code"], True)
    (device,) = caller.get("/devices").get_json()["devices"]
    assert device["name"] == "default"
    assert caller.get("/qr/status").get_json()["data"]["exists"] is True
    bridge.link(device["id"], "15550101001")
    answer = caller.post("/paircode", json=body)
    assert (answer.status_code, answer.get_json()["error_code"]) == (409, "DEVICE_ALREADY_LINKED")


@pytest.mark.parametrize("number", ["123456", "1" * 16, "0155501001", "1555x010100", "", 5, None])
def test_pair_code_of_no_number(caller: Caller, number: object) -> None:
    """A number is international, of 7 to 15 digits; for another one no device is made."""
    answer = caller.post("/paircode", json={"phone": number})
    assert answer.status_code == 400
    assert answer.get_json()["validation"][0]["field"] == "phone"
    assert caller.get("/devices").get_json()["devices"] == []


@pytest.mark.parametrize("name", ["refresh", "force_refresh", "force_new"])
def test_fresh_pair_code(caller: Caller, name: str) -> None:
    """A code for another number comes on demand only."""
    body = {"phone": f"1555010{len(name):04}"}
    first = caller.post("/paircode", json=body).get_json()["data"]
    answer = caller.post("/paircode", json={"phone": "15550101003"})
    assert (answer.status_code, answer.get_json()["error_code"]) == (429, "DEVICE_BUSY")
    assert "Retry-After" in answer.headers
    second = caller.post("/paircode", json={**body, name: True}).get_json()["data"]
    assert second["cached"] is False
    assert second["code"] != first["code"]


def test_qr_beside_a_pair_code(caller: Caller, bridge: FakeBridge) -> None:
    """A QR code does not end the code to be typed, whichever is used first; a fresh one does."""
    body = {"phone": "15550101006"}
    code = caller.post("/paircode", json=body).get_json()["data"]["code"]
    shown = [caller.get("/qr").get_json()["data"] for _ in range(2)]
    assert [one["cached"] for one in shown] == [False, True]
    assert shown[0]["qr_code"] == shown[1]["qr_code"]
    assert caller.get("/qr/status").get_json()["data"]["method"] == "code"
    assert caller.post("/paircode", json=body).get_json()["data"]["code"] == code
    assert caller.get("/qr?refresh=true").get_json()["data"]["qr_code"] != shown[0]["qr_code"]
    pairing = caller.get("/qr/status").get_json()["data"]
    assert (pairing["state"], pairing["method"]) == ("waiting", "qr")
    assert caller.post("/paircode", json=body).get_json()["data"]["code"] != code


@pytest.mark.parametrize("name", ["reuse_cache", "reuse", "use_cache", "cached"])
def test_pair_code_that_must_not_be_cached(caller: Caller, name: str) -> None:
    """The published words for it work in the body, as JSON's false alone."""
    body = {"phone": f"1555011{len(name):04}"}
    first = caller.post("/paircode", json=body).get_json()["data"]
    assert caller.post("/paircode", json={**body, name: "false"}).status_code == 400
    assert caller.post("/paircode", json={**body, name: True}).get_json()["data"]["cached"]
    second = caller.post("/paircode", json={**body, name: False}).get_json()["data"]
    assert second["code"] != first["code"]


def test_pair_codes_of_a_number(caller: Caller, stranger: Caller) -> None:
    """A number gets three an hour, whichever tenants ask; the third one is still told."""
    body = {"phone": "15550101004"}
    for _ in range(2):
        assert caller.post("/paircode", json={**body, "refresh": True}).status_code == 200
    third = stranger.post("/paircode", json=body).get_json()["data"]
    assert stranger.post("/paircode", json=body).get_json()["data"]["code"] == third["code"]
    answer = caller.post("/paircode", json={**body, "refresh": True})
    assert (answer.status_code, answer.get_json()["error_code"]) == (429, "QUOTA_EXCEEDED")
    assert 3500 < int(answer.headers["Retry-After"]) <= 3600
    assert (
        caller.post("/paircode", json={"phone": "15550101005", "refresh": True}).status_code == 200
    )


def test_pairing(caller: Caller, bridge: FakeBridge) -> None:
    """How far the linking has come is told before, during and after it."""
    device = caller.create_device()
    before = caller.get("/qr/status").get_json()["data"]
    assert before == {"exists": False, "state": "none", "attempt": 0}
    caller.get("/qr")
    during = caller.get("/qr/status").get_json()["data"]
    assert during["exists"] is True
    assert during["state"] == "waiting"
    assert during["attempt"] == 1
    assert during["generated_at"] < during["expires_at"]
    bridge.link(device)
    assert caller.get("/qr/status").get_json()["data"]["exists"] is False


def test_status_without_a_device(caller: Caller) -> None:
    """A user without a device has the status new, also when waiting."""
    for path in ("/status", "/status?wait=25"):
        answer = caller.get(path)
        assert answer.status_code == 200
        assert answer.get_json()["data"] == {
            "connected": False,
            "status": "new",
            "is_logged_in": False,
        }


def test_status_of_a_linked_device(caller: Caller, bridge: FakeBridge) -> None:
    """A connected device tells its account and its number."""
    device = link(caller, bridge)
    state = caller.get("/status?wait=25&until=connected").get_json()["data"]
    assert state["device_id"] == device
    assert state["status"] == "connected"
    assert state["connected"] is True
    assert state["is_logged_in"] is True
    assert state["jid"].startswith(state["phone_number"])


def test_status_waits(caller: Caller, bridge: FakeBridge) -> None:
    """A wait ends as soon as the device is connected."""
    device = caller.create_device()
    caller.get("/qr")
    with ThreadPoolExecutor(1) as threads:
        poll = threads.submit(caller.get, "/status?wait=25&until=connected")
        bridge.link(device)
        state = poll.result(timeout=20).get_json()["data"]
    assert state["status"] == "connected"


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/status?wait=26", "wait"),
        ("/status?wait=-1", "wait"),
        ("/status?wait=x", "wait"),
        ("/status?until=linked", "until"),
        ("/status?wait=1&wait=2", "wait"),
        ("/qr/status?wait=26", "wait"),
    ],
)
def test_bad_wait(caller: Caller, path: str, field: str) -> None:
    """A wait is at most 25 seconds, for what is documented."""
    answer = caller.get(path)
    assert answer.status_code == 400
    assert answer.get_json()["validation"][0]["field"] == field


def test_connect_without_keys(caller: Caller) -> None:
    """A device without keys needs a QR code, which is no error."""
    device = caller.create_device()
    answer = caller.post("/connect")
    assert answer.status_code == 200
    assert answer.get_json()["data"] == {"status": "new", "device_id": device, "needs_qr": True}


def test_disconnect_and_connect(caller: Caller, bridge: FakeBridge) -> None:
    """A device that was taken offline comes back with its keys."""
    device = link(caller, bridge)
    answer = caller.post("/disconnect")
    assert answer.get_json()["data"]["device_id"] == device
    assert caller.get("/status").get_json()["data"]["connected"] is False
    assert caller.post("/connect").get_json()["data"]["needs_qr"] is False


def test_logout(caller: Caller, bridge: FakeBridge) -> None:
    """A logged out device needs a new code."""
    device = link(caller, bridge)
    answer = caller.post("/logout")
    assert answer.status_code == 200
    assert answer.get_json()["data"]["device_id"] == device
    assert caller.post("/connect").get_json()["data"]["needs_qr"] is True


@pytest.mark.parametrize("path", POSTS)
def test_bodies_of_posts_without_one(caller: Caller, bridge: FakeBridge, path: str) -> None:
    """Nothing and an empty object are the same; anything else is refused."""
    for options in ({}, {"json": {}}, {"json": {"device_id": None}}):
        device = link(caller, bridge)
        options.setdefault("query_string", {"device_id": device})
        assert caller.post(path, **options).status_code == 200
    assert caller.post(path, json={"device_id": link(caller, bridge)}).status_code == 200
    assert caller.post(path, json={"force": True}).status_code == 400
    assert caller.post(path, json=[]).status_code == 400
    assert caller.post(path, data=b"{}").status_code == 415
    assert caller.post(path, data=b"{", content_type="application/json").status_code == 400


@pytest.mark.parametrize(("method", "path"), CHOOSING)
def test_choice_of_the_device(caller: Caller, stranger: Caller, method: str, path: str) -> None:
    """Among several one has to be named, and neither a foreign nor an unknown one is found."""
    caller.create_device()
    caller.create_device()
    answer = caller.request(method, path)
    assert (answer.status_code, answer.get_json()["error_code"]) == (400, "DEVICE_REQUIRED")
    unknown = "00000000-0000-4000-8000-000000000000"
    for named in (stranger.create_device(), unknown, "nonsense"):
        answer = caller.request(method, path, query_string={"device_id": named})
        assert (answer.status_code, answer.get_json()["error_code"]) == (404, "DEVICE_NOT_FOUND")
    twice = f"{path}?device_id=a&device_id=b"
    assert caller.request(method, twice).status_code == 400
    assert caller.request(method, f"{path}?device_id=").status_code == 400


def test_logout_without_keys(caller: Caller) -> None:
    """There is nothing to log out of without keys."""
    caller.create_device()
    answer = caller.post("/logout")
    assert (answer.status_code, answer.get_json()["error_code"]) == (409, "DEVICE_NOT_LINKED")


def test_logout_during_a_pairing(caller: Caller, bridge: FakeBridge) -> None:
    """It changes nothing: the code on show still links the device, also for the next process."""
    device = caller.create_device()
    caller.get("/qr")
    answer = caller.post("/logout")
    assert (answer.status_code, answer.get_json()["error_code"]) == (409, "DEVICE_NOT_LINKED")
    assert caller.get("/qr/status").get_json()["data"]["state"] == "waiting"
    bridge.link(device)
    assert caller.get("/status?wait=25&until=connected").get_json()["data"]["connected"] is True


@pytest.mark.parametrize(
    ("code", "status", "error_code"),
    [
        (BridgeCode.PAIRING_FAILED, 502, "DEVICE_ERROR"),
        (BridgeCode.DEVICE_NOT_CONNECTED, 503, "DEVICE_NOT_READY"),
    ],
)
def test_code_that_does_not_come(
    caller: Caller, bridge: FakeBridge, code: BridgeCode, status: int, error_code: str
) -> None:
    """A pairing that fails before its first code, or for want of a connection, may be repeated."""
    bridge.fail_next("device.qr", code)
    answer = caller.get("/qr")
    assert (answer.status_code, answer.get_json()["error_code"]) == (status, error_code)
    assert "Retry-After" in answer.headers


def test_own_devices(caller: Caller) -> None:
    """One's own devices are listed apart, also for an admin who sees all."""
    device = caller.create_device()
    body = {"email": "clerk@example.com", "role": "user"}
    made = caller.post("/users", json=body).get_json()["user"]
    clerk = Caller(caller.client, made["token"], caller.tenant_id, made["id"])
    other = clerk.create_device()
    for owner, own in ((caller, device), (clerk, other)):
        data = owner.get("/user/devices").get_json()["data"]
        assert [row["id"] for row in data["devices"]] == [own]
        assert (data["count"], data["user_id"]) == (1, owner.user_id)
    assert len(caller.get("/devices").get_json()["devices"]) == 2
    assert caller.get(f"/status?device_id={other}").get_json()["data"]["device_id"] == other
    assert caller.get("/status").get_json()["data"]["device_id"] == device


def test_delete_keeps_the_pairing(caller: Caller, bridge: FakeBridge) -> None:
    """Without purge the device is offline, and comes back with its keys."""
    device = link(caller, bridge)
    answer = caller.request("DELETE", f"/devices/{device}")
    assert answer.status_code == 200
    assert "unlinked" not in answer.get_json()
    assert caller.get("/status").get_json()["data"]["connected"] is False
    assert caller.post("/connect").get_json()["data"]["needs_qr"] is False


def test_purge(caller: Caller, bridge: FakeBridge) -> None:
    """The device is gone with everything, and there is room for another one."""
    device = link(caller, bridge)
    answer = caller.request("DELETE", f"/devices/{device}?purge=true")
    assert answer.get_json()["unlinked"] is True
    for path in ("/status", "/qr/status", "/qr"):
        assert caller.get(path, query_string={"device_id": device}).status_code == 404
    answer = caller.request("DELETE", f"/devices/{device}?purge=true")
    assert (answer.status_code, answer.get_json()["error_code"]) == (404, "DEVICE_NOT_FOUND")
    assert caller.get("/devices").get_json()["devices"] == []
    assert caller.get("/status").get_json()["data"]["status"] == "new"


def test_purge_offline(caller: Caller, bridge: FakeBridge) -> None:
    """What WhatsApp could not be told is said, and the device is gone all the same."""
    device = link(caller, bridge)
    caller.post("/disconnect")
    answer = caller.request("DELETE", f"/devices/{device}?purge=true")
    assert answer.get_json()["unlinked"] is False
    assert caller.get("/devices").get_json()["devices"] == []


def test_purge_that_fails_is_repeated(caller: Caller, bridge: FakeBridge) -> None:
    """A store that did not answer leaves the device, and the next try erases it."""
    device = link(caller, bridge)
    bridge.fail_next("device.erase", BridgeCode.STORAGE_FAILED)
    path = f"/devices/{device}?purge=true"
    assert caller.request("DELETE", path).status_code == 503
    assert caller.get("/status").get_json()["data"]["device_id"] == device
    assert caller.request("DELETE", path).status_code == 200


def test_delete_with_bad_input(caller: Caller) -> None:
    """`purge` is true or false, and the query must not name another device than the path."""
    device, other = caller.create_device(), caller.create_device()
    assert caller.request("DELETE", f"/devices/{device}?purge=1").status_code == 400
    assert caller.request("DELETE", f"/devices/{device}?device_id={other}").status_code == 400
    assert caller.request("DELETE", f"/devices/{device}?device_id={device}").status_code == 200
    assert len(caller.get("/devices").get_json()["devices"]) == 2


def test_lists_in_pages(caller: Caller) -> None:
    """Both lists come in pages, each device once and in order."""
    made = [caller.create_device() for _ in range(3)]
    for path in ("/devices", "/user/devices"):
        first = caller.get(path, query_string={"limit": 2}).get_json()
        first = first.get("data", first)
        cursor = {"cursor": first["next_cursor"]}
        rest = caller.get(path, query_string=cursor).get_json()
        rest = rest.get("data", rest)
        assert [row["id"] for row in first["devices"] + rest["devices"]] == made
        assert (first["count"], rest["count"]) == (2, 1)
        assert "next_cursor" not in rest
        assert caller.get(path, query_string={"cursor": "x"}).status_code == 400
