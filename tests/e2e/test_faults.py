"""Everything that can go wrong between a device and WhatsApp, one row each.

Each row says what the request that meets the fault is answered, what the device's status is
afterwards, and that it comes back; another tenant's device is served throughout.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from app.processes import wait_for
from tests.support.bystander import undisturbed
from tests.support.service import Caller, Service, running_service
from tests.support.simulator import Phone, Simulator

CHAT = "15557000001@s.whatsapp.net"
OTHER_CHAT = "15557000002@s.whatsapp.net"
APP_STATE = "w:sync:app:state"
UPLOAD = {"direction": "in", "xmlns": APP_STATE, "times": 1}
DOWNLOAD = {"direction": "out", "xmlns": APP_STATE, "times": 1}
CONFLICT = {"action": "conflict", "times": 1}
DONE, LATE = (200, None), (504, "DEVICE_TIMEOUT")
REFUSED = (502, "DEVICE_ERROR")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, simulator: Simulator) -> Iterator[Service]:
    """A service of these tests alone: some faults are about the whole process."""
    folder = tmp_path_factory.mktemp("faults")
    with running_service(folder, simulator, WUTS_REQUEST_TIMEOUT="6") as service:
        yield service


@pytest.fixture(scope="module")
def neighbour(service: Service, simulator: Simulator) -> Caller:
    """The owner of a device that nothing happens to."""
    return service.register().link(simulator.add_phone())


@pytest.fixture(autouse=True)
def _bystander(neighbour: Caller, simulator: Simulator) -> Iterator[None]:
    """Whatever a test does, the other device is served, and soon; the faults end with the test."""
    with undisturbed(neighbour):
        yield
    simulator.delete("/v1/faults")


def outcome(answer: httpx.Response) -> tuple[int, str | None]:
    """Return status and code of an answer; what may be repeated must say when."""
    if answer.status_code in {408, 503, 504}:
        assert int(answer.headers["Retry-After"]) > 0
    return answer.status_code, answer.json().get("error_code")


PASSING: list[tuple[str, list[dict[str, Any]], tuple[int, str | None]]] = [
    ("delay", [{"action": "delay", "direction": "both", "ms": 300}], DONE),
    ("cut before it is applied", [{"action": "close", "when": "before", **UPLOAD}], DONE),
    ("cut after it is applied", [{"action": "close", "when": "after", **UPLOAD}], DONE),
    ("cut in a frame", [{"action": "close", "when": "mid_frame", **DOWNLOAD}], DONE),
    ("request lost", [{"action": "swallow", "when": "before", **UPLOAD}], DONE),
    ("answer lost", [{"action": "swallow", "when": "after", **UPLOAD}], DONE),
    ("500", [{"action": "error", "code": 500, **UPLOAD}], REFUSED),
    ("429", [{"action": "error", "code": 429, **UPLOAD}], REFUSED),
    ("403", [{"action": "error", "code": 403, **UPLOAD}], REFUSED),
    ("500 though applied", [{"action": "error", "code": 500, "when": "after", **UPLOAD}], REFUSED),
    ("503 of the collection", [{"action": "error", "what": "collection", "code": 503}], REFUSED),
    ("one conflict", [CONFLICT], DONE),
    ("ten conflicts", [{"action": "conflict", "times": 10}], DONE),
    ("bare conflicts", [{"action": "conflict", "bare": True, "times": 10}], DONE),
    ("patch MAC", [CONFLICT, {"action": "corrupt", "what": "patch_mac", "times": 1}], DONE),
    ("value MAC", [CONFLICT, {"action": "corrupt", "what": "value_mac", "times": 1}], DONE),
    ("index MAC", [CONFLICT, {"action": "corrupt", "what": "index_mac", "times": 1}], DONE),
    ("snapshot MAC", [CONFLICT, {"action": "corrupt", "what": "snapshot_mac", "times": 1}], DONE),
    ("frame", [{"action": "corrupt", "what": "frame", **DOWNLOAD}], DONE),
    ("zlib byte", [{"action": "corrupt", "what": "zlib", **DOWNLOAD}], DONE),
    ("key rotated", [{"action": "key", "what": "rotate", "times": 1}], DONE),
    ("twice", [{"action": "duplicate", "n": 2, "times": 5}], DONE),
    ("shuffled", [{"action": "shuffle", "n": 3, "ms": 200, "times": 6}], DONE),
    ("wrong clock", [{"action": "clock", "offset_s": -86_400, "times": 10}], DONE),
    ("restart wanted", [{"action": "stream", "what": "515", "when": "before", **UPLOAD}], DONE),
]


@pytest.mark.parametrize(
    ("rules", "expected"), [row[1:] for row in PASSING], ids=[row[0] for row in PASSING]
)
def test_passing_trouble(
    linked: Caller, phone: Phone, rules: list[dict[str, Any]], expected: tuple[int, str | None]
) -> None:
    """A fault that passes is survived, or told as what it is; the next archive succeeds."""
    for rule in rules:
        phone.fault(**rule)
    answer = linked.archive(CHAT)
    assert outcome(answer) == expected
    if answer.status_code == 200:
        assert phone.is_archived(CHAT) is True
    phone.simulator.delete("/v1/faults")
    linked.wait_usable()
    assert linked.archive(CHAT, archived=False).status_code == 200
    assert phone.is_archived(CHAT) is False


def test_endless_conflicts(linked: Caller, phone: Phone) -> None:
    """A phone that always writes first leaves the outcome open at the deadline, not for ever."""
    phone.fault(action="conflict")
    assert outcome(linked.archive(CHAT)) in [LATE, (409, "APP_STATE_CONFLICT")]
    phone.simulator.delete("/v1/faults")
    assert linked.archive(CHAT).status_code == 200


def wait_status(caller: Caller, status: str, reason: str | None = None) -> dict[str, Any]:
    """Wait until the device is in a status, and for a reason if one is given."""

    def reached() -> dict[str, Any] | None:
        state = caller.status()
        fits = state["status"] == status and reason in (None, state.get("reason"))
        return state if fits else None

    return wait_for(reached, seconds=30, what=f"{status} {reason}", child=caller.service.child)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the server may decide about a device, and what the device must then say."""

    does: Callable[[Caller, Phone], None]
    status: str
    reason: str
    answer: tuple[int, str]
    is_linked: bool = True


def refuse(**failure: Any) -> Callable[[Caller, Phone], None]:
    """Let the next logins fail, and cut the connection."""

    def act(caller: Caller, phone: Phone) -> None:
        phone.fault(action="failure", **failure)
        phone.drop()

    return act


def unlink_online(caller: Caller, phone: Phone) -> None:
    """Remove the device while it is connected."""
    assert caller.device_number is not None
    phone.unlink(caller.device_number)


def unlink_offline(caller: Caller, phone: Phone) -> None:
    """Remove the device while it is not connected; it learns so when it comes back."""
    assert caller.request("POST", "/disconnect").status_code == 200
    unlink_online(caller, phone)
    assert caller.request("POST", "/connect").status_code == 200


def lose_phone(_caller: Caller, phone: Phone) -> None:
    """Let the account have no phone any more."""
    phone.act("main-device-gone")


def ban_for_a_while(_caller: Caller, phone: Phone) -> None:
    """Ban the account for an hour."""
    phone.act("ban", code=101, expire_s=3600)


VERDICTS = {
    "unlinked": Verdict(unlink_online, "logged_out", "unlinked", (409, "DEVICE_LOGGED_OUT"), False),
    "unlinked while away": Verdict(
        unlink_offline, "logged_out", "unlinked", (409, "DEVICE_LOGGED_OUT"), False
    ),
    "phone gone": Verdict(
        lose_phone, "logged_out", "main_device_gone", (409, "DEVICE_LOGGED_OUT"), False
    ),
    "banned for a while": Verdict(
        ban_for_a_while, "banned", "temporary_ban_101", (409, "DEVICE_BANNED")
    ),
    "banned for good": Verdict(
        refuse(reason=406), "banned", "account_banned", (409, "DEVICE_BANNED"), False
    ),
    "replaced": Verdict(
        lambda _caller, phone: phone.end("replaced"),
        "replaced",
        "another_connection",
        (409, "DEVICE_REPLACED"),
    ),
    "outdated": Verdict(
        refuse(reason=405), "outdated", "client_outdated", (503, "DEVICE_OUTDATED")
    ),
    "refused": Verdict(refuse(reason=418), "stopped", "refused_418", (503, "DEVICE_NOT_READY")),
}


@pytest.mark.parametrize("verdict", VERDICTS.values(), ids=VERDICTS.keys())
def test_what_the_server_decides(linked: Caller, phone: Phone, verdict: Verdict) -> None:
    """A decision of the server is told as status, reason and code; nothing is sent any more.

    Where the keys are kept, `POST /connect` tries again once the server has changed its mind;
    where they are erased, a new code links the device.
    """
    verdict.does(linked, phone)
    wait_status(linked, verdict.status, verdict.reason)
    before = phone.version()
    assert outcome(linked.archive(CHAT)) == verdict.answer
    assert phone.version() == before
    phone.simulator.delete("/v1/faults")
    phone.act("restore")
    if verdict.is_linked:
        assert linked.request("POST", "/connect").json()["data"]["needs_qr"] is False
        linked.wait_usable()
    else:
        linked.link(phone)
    assert linked.archive(CHAT).status_code == 200
    assert phone.is_archived(CHAT) is True


def test_replaced_is_not_answered_by_itself(linked: Caller, phone: Phone) -> None:
    """A replaced device stays away until somebody says so: two that answer each other never end."""
    phone.end("replaced")
    wait_status(linked, "replaced", "another_connection")
    linked.request("GET", "/status", params={"wait": 3, "until": "connected"})
    assert linked.status()["status"] == "replaced"
    assert not phone.devices()[0]["online"]


def test_end_of_a_ban_is_told(linked: Caller, phone: Phone) -> None:
    """A ban for a time says until when."""
    ban_for_a_while(linked, phone)
    assert "banned_until" in wait_status(linked, "banned")
    phone.act("restore")


UNREACHABLE = [
    pytest.param({"action": "failure", "reason": 503, "times": 2}, id="503 at login"),
    pytest.param({"action": "failure", "reason": 500, "times": 2}, id="500 at login"),
]


@pytest.mark.parametrize("rule", UNREACHABLE)
def test_unreachable_for_a_while(linked: Caller, phone: Phone, rule: dict[str, Any]) -> None:
    """A device that can't log in is tried again by itself until it can."""
    phone.fault(**rule)
    phone.drop()
    wait_for(lambda: not linked.status()["connected"], seconds=20, what="the loss")
    linked.wait_usable(seconds=60)
    assert linked.archive(CHAT).status_code == 200


def test_no_way_in(linked: Caller, phone: Phone) -> None:
    """While no login succeeds an archive is 503 and nothing is sent; afterwards all is well."""
    phone.fault(action="failure", reason=503)
    phone.drop()
    wait_status(linked, "connecting")
    before = phone.version()
    assert outcome(linked.archive(CHAT)) == (503, "DEVICE_NOT_READY")
    assert phone.version() == before
    phone.simulator.delete("/v1/faults")
    linked.wait_usable(seconds=60)
    assert linked.archive(CHAT).status_code == 200


@pytest.mark.parametrize("what", ["refused", "silent"])
def test_no_connection(linked: Caller, phone: Phone, what: str) -> None:
    """A connection that is refused, or over which nothing comes, is made anew until it works."""
    phone.simulator.post("/v1/faults", {"action": "capacity", "what": what, "times": 1})
    phone.drop()
    wait_for(lambda: not linked.status()["connected"], seconds=20, what="the loss")
    linked.wait_usable(seconds=60)
    assert linked.archive(CHAT).status_code == 200


def test_slow_reader(linked: Caller, phone: Phone) -> None:
    """A server that reads slowly makes requests slow, not lost."""
    slow = {"action": "capacity", "what": "slow_reader", "ms": 200, "times": 1}
    phone.simulator.post("/v1/faults", slow)
    phone.drop()
    wait_for(lambda: not linked.status()["connected"], seconds=20, what="the loss")
    linked.wait_usable(seconds=60)
    assert linked.archive(CHAT).status_code == 200


def test_keys_withheld(caller: Caller, phone: Phone) -> None:
    """Without the phone's keys an archive is 503 and says so; with them it succeeds."""
    phone.fault(action="key", what="withhold")
    phone.fault(action="key", what="never")
    caller.link(phone, usable=False)
    assert caller.status(wait=20, until="connected")["connected"] is True
    assert outcome(caller.archive(CHAT)) == (503, "APP_STATE_NOT_READY")
    phone.simulator.delete("/v1/faults")
    phone.act("keys/share")
    caller.wait_usable()
    assert caller.archive(CHAT).status_code == 200


FIRST_STEPS: dict[str, list[dict[str, Any]]] = {
    "keys come late": [
        {"action": "key", "what": "withhold", "times": 1},
        {"action": "key", "what": "late", "ms": 200, "times": 1},
    ],
    "a message is damaged": [{"action": "corrupt", "what": "enc", "times": 1}],
    "no prekeys are left": [{"action": "prekeys", "what": "drain", "times": 1}],
    "a session without a prekey": [{"action": "prekeys", "what": "none", "times": 1}],
    "an old signed prekey": [{"action": "prekeys", "what": "stale", "times": 1}],
    "a snapshot is not there": [{"action": "media", "what": "404", "times": 1}],
    "a snapshot is cut off": [{"action": "media", "what": "truncated", "times": 1}],
    "a snapshot is another one": [{"action": "media", "what": "wrong_hash", "times": 1}],
}


@pytest.mark.parametrize("rules", FIRST_STEPS.values(), ids=FIRST_STEPS.keys())
def test_trouble_at_the_first_login(
    caller: Caller, phone: Phone, rules: list[dict[str, Any]]
) -> None:
    """Whatever of the phone's first messages and snapshots does not arrive well comes again."""
    phone.act("snapshots", on=True)
    phone.write(pin={"jid": CHAT, "pinned": True})
    for rule in rules:
        phone.fault(**rule)
    caller.link(phone)
    assert phone.simulator.get("/v1/faults")["faults"] == []
    assert caller.archive(CHAT).status_code == 200
    assert (phone.is_archived(CHAT), phone.is_pinned(CHAT)) == (True, False)


def test_stanzas_held_back(linked: Caller, phone: Phone) -> None:
    """What the server keeps back for a while is taken as it comes."""
    phone.fault(action="hold", direction="out", tag="notification")
    phone.write(archive={"jid": CHAT, "archived": True})
    assert linked.archive(OTHER_CHAT).status_code == 200
    assert phone.simulator.post("/v1/faults/release", {})["released"] > 0
    seen = ("GET", f"/chats/{CHAT}")
    wait_for(
        lambda: linked.request(*seen).status_code == 200, seconds=10, what="the phone's change"
    )


def test_key_that_nobody_has(linked: Caller, phone: Phone) -> None:
    """What is written with an unknown key is read when the phone has shared it."""
    phone.fault(action="key", what="never")
    phone.fault(action="key", what="unknown", times=1)
    phone.write(pin={"jid": CHAT, "pinned": True})
    wait_for(
        lambda: linked.status()["app_state"] == "awaiting_keys", seconds=20, what="the question"
    )
    assert outcome(linked.archive(CHAT)) == (503, "APP_STATE_NOT_READY")
    phone.simulator.delete("/v1/faults")
    phone.act("keys/share")
    linked.wait_usable()
    assert linked.archive(CHAT).status_code == 200


def test_version_floor(linked: Caller, phone: Phone) -> None:
    """A version that the server no longer lets in is told, and back in when the server takes it."""
    floor = "/v1/version-floor"
    phone.simulator.post(floor, {"version": "2.9999.1"})
    phone.drop()
    wait_status(linked, "outdated", "client_outdated")
    assert outcome(linked.archive(CHAT)) == (503, "DEVICE_OUTDATED")
    phone.simulator.post(floor, {"version": ""})
    assert linked.request("POST", "/connect").status_code == 200
    linked.wait_usable()


def test_copy_of_the_phone(linked: Caller, phone: Phone) -> None:
    """What the server keeps damaged is mended with the phone's own copy, and then written again."""
    phone.fault(action="recovery", what="late", ms=100, times=1)
    phone.fault(action="corrupt", what="patch_mac", at_rest=True, times=1)
    phone.write(pin={"jid": CHAT, "pinned": True})
    faults = phone.simulator.get
    wait_for(lambda: not faults("/v1/faults")["faults"], seconds=20, what="the request for a copy")
    linked.wait_usable(seconds=30)
    assert linked.archive(CHAT).status_code == 200
    assert phone.is_archived(CHAT) is True


def test_copy_never_comes(linked: Caller, phone: Phone) -> None:
    """While the phone owes its copy, an archive says that nothing can be written yet."""
    phone.fault(action="recovery", what="never")
    phone.fault(action="corrupt", what="patch_mac", at_rest=True, times=1)
    phone.write(pin={"jid": CHAT, "pinned": True})
    state = wait_for(
        lambda: linked.status() if linked.status()["app_state"] != "ok" else None,
        seconds=20,
        what="the damage to be found",
    )
    assert state["app_state"] == "awaiting_phone"
    assert outcome(linked.archive(CHAT)) == (503, "APP_STATE_NOT_READY")
