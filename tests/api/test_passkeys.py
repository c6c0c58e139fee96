"""Routes of linking with the owner's passkey."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from werkzeug.test import TestResponse

from app.context import Context
from bridge.errors import BridgeCode
from bridge.fake import FakeBridge
from bridge.fake_pairings import PASSKEY_ID
from tests.api.conftest import Limit
from tests.support.api import Caller, link
from tests.support.passkeys import Authenticator
from tests.support.sessions import wait_until

OPERATIONS = [("GET", "/passkey"), ("POST", "/passkey/response"), ("POST", "/passkey/confirm")]
OWNER = Authenticator()


def outcome(answer: TestResponse) -> tuple[int, str]:
    """Return the status, and the stage or the error's code."""
    told = answer.get_json()
    return answer.status_code, told.get("error_code") or told["data"]["stage"]


def ask_passkey(caller: Caller, bridge: FakeBridge) -> str:
    """Have a device asked for a passkey; returns its id."""
    device = caller.create_device()
    caller.get(f"/qr?device_id={device}")
    bridge.ask_passkey(device)
    return device


def respond(caller: Caller, credential: object = None, **options: Any) -> TestResponse:
    """Hand on an answer, without one the owner's to what is asked."""
    if credential is None:
        credential = OWNER.answer(caller.get("/passkey").get_json()["data"]["public_key"])
    return caller.post("/passkey/response", json={"credential": credential}, **options)


def test_exchange(caller: Caller, bridge: FakeBridge) -> None:
    """The owner's answer and confirmation, in this order, have the device linked; events say so."""
    device = ask_passkey(caller, bridge)
    assert caller.get("/qr/status").get_json()["data"]["state"] == "passkey"
    asked = caller.get("/passkey").get_json()["data"]
    assert (asked["stage"], asked["compare"], "code" in asked) == ("asked", False, False)
    assert asked["public_key"]["allowCredentials"][0]["id"] == PASSKEY_ID
    assert "extensions" not in asked["public_key"]
    assert outcome(caller.post("/passkey/confirm")) == (409, "CODE_NOT_SHOWN")
    assert outcome(respond(caller, Authenticator("AAAA").answer(asked["public_key"])))[0] == 502
    assert outcome(respond(caller)) == (200, "answered")
    assert outcome(caller.post("/passkey/confirm")) == (409, "CODE_NOT_SHOWN")
    bridge.show_passkey(device, "ABCD-1234", compare=True)
    shown = caller.get("/passkey").get_json()["data"]
    assert (shown["stage"], shown["compare"], shown["code"]) == ("shown", True, "ABCD-1234")
    assert outcome(respond(caller)) == (200, "shown")
    for _ in range(2):
        assert outcome(caller.post("/passkey/confirm")) == (200, "confirmed")
    bridge.link(device)
    assert caller.get("/status?wait=25&until=connected").get_json()["data"]["connected"]
    events = caller.get("/events?types=pairing.passkey_required").get_json()["events"]
    assert [event["data"]["stage"] for event in events] == ["asked", "shown"]


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_wrong_state(
    caller: Caller, stranger: Caller, bridge: FakeBridge, method: str, path: str
) -> None:
    """Without a device, a pairing or a wish for a passkey it is 409, and so it is once linked."""
    credential = OWNER.answer({"challenge": "AAAA", "rpId": "whatsapp.com"})
    body = {"json": {"credential": credential}} if path.endswith("response") else {}
    assert outcome(caller.request(method, path, **body)) == (409, "DEVICE_NOT_LINKED")
    device = caller.create_device()
    assert outcome(caller.request(method, path, **body)) == (409, "DEVICE_NOT_LINKED")
    caller.get("/qr")
    assert outcome(caller.request(method, path, **body)) == (409, "DEVICE_NOT_LINKED")
    foreign = f"{path}?device_id={device}"
    assert outcome(stranger.request(method, foreign, **body)) == (404, "DEVICE_NOT_FOUND")
    bridge.link(device)
    assert outcome(caller.request(method, path, **body)) == (409, "DEVICE_ALREADY_LINKED")


Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("credential", lambda _: None),
        ("credential", lambda _: "text"),
        ("credential.id", lambda told: told | {"id": "AAAA"}),
        ("credential.rawId", lambda told: told | {"id": "A" * 1365, "rawId": "A" * 1365}),
        ("credential.rawId", lambda told: told | {"id": "AAAAA", "rawId": "AAAAA"}),
        ("credential.rawId", lambda told: told | {"rawId": "AA=="}),
        ("credential.rawId", lambda told: told | {"rawId": "AA+/"}),
        ("credential.rawId", lambda told: told | {"rawId": 5}),
        ("credential.type", lambda told: told | {"type": "password"}),
        ("credential.more", lambda told: told | {"more": 1}),
        ("credential.response", lambda told: told | {"response": []}),
        ("credential.response.signature", lambda told: told | {"response": {"more": "AAAA"}}),
    ],
)
def test_bad_answer(caller: Caller, bridge: FakeBridge, field: str, change: Change) -> None:
    """What is no credential is named, and WhatsApp is not asked."""
    ask_passkey(caller, bridge)
    credential = OWNER.answer(caller.get("/passkey").get_json()["data"]["public_key"])
    sent = len(bridge.calls_of("device.passkey_answer"))
    answer = respond(caller, change(credential) or "")
    assert outcome(answer) == (400, "VALIDATION_ERROR")
    assert field in {problem["field"] for problem in answer.get_json()["validation"]}
    assert len(bridge.calls_of("device.passkey_answer")) == sent


@pytest.mark.parametrize("query", ["wait=26", "wait=x", "stage=none", "stage=", "device_id="])
def test_bad_query(caller: Caller, query: str) -> None:
    """A wait is at most 25 seconds, for another stage than one that there is."""
    answer = caller.get(f"/passkey?{query}")
    assert outcome(answer) == (400, "VALIDATION_ERROR")
    assert answer.get_json()["validation"][0]["field"] == query.partition("=")[0]


def waiting(bridge: FakeBridge, count: int) -> None:
    """Wait until so many more looks at a passkey have been taken."""
    wait_until(lambda: len(bridge.calls_of("device.passkey")) >= count)


def test_long_poll(caller: Caller, bridge: FakeBridge) -> None:
    """A wait ends when a passkey is asked for, when the stage changes, and when it is over."""
    device = caller.create_device()
    caller.get("/qr")
    with ThreadPoolExecutor(1) as threads:
        looks = len(bridge.calls_of("device.passkey"))
        poll = threads.submit(caller.get, "/passkey?wait=25")
        waiting(bridge, looks + 1)
        bridge.ask_passkey(device)
        assert outcome(poll.result(timeout=20)) == (200, "asked")
        assert outcome(caller.get("/passkey?wait=25&stage=answered")) == (200, "asked")
        looks = len(bridge.calls_of("device.passkey"))
        poll = threads.submit(caller.get, "/passkey?wait=25&stage=asked")
        waiting(bridge, looks + 1)
        respond(caller)
        assert outcome(poll.result(timeout=20)) == (200, "answered")
        looks = len(bridge.calls_of("device.passkey"))
        poll = threads.submit(caller.get, "/passkey?wait=25&stage=answered")
        waiting(bridge, looks + 1)
        caller.post("/disconnect")
        assert outcome(poll.result(timeout=20)) == (409, "DEVICE_NOT_LINKED")
    pairing = caller.get("/qr/status").get_json()["data"]
    assert (pairing["state"], pairing["reason"]) == ("failed", "cancelled")
    assert caller.get("/status").get_json()["data"]["status"] == "new"


@pytest.mark.parametrize("method", ["device.passkey_answer", "device.passkey_confirm"])
@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (BridgeCode.SERVER_REFUSED, (502, "DEVICE_ERROR")),
        (BridgeCode.DEVICE_NOT_CONNECTED, (503, "DEVICE_NOT_READY")),
        (BridgeCode.OUTCOME_UNKNOWN, (504, "DEVICE_TIMEOUT")),
    ],
)
def test_step_that_fails(
    caller: Caller, bridge: FakeBridge, method: str, code: BridgeCode, expected: tuple[int, str]
) -> None:
    """What became of a step is said, and the exchange is where it was."""
    device = ask_passkey(caller, bridge)
    step = partial(respond, caller)
    if method == "device.passkey_confirm":
        respond(caller)
        bridge.show_passkey(device, "ABCD-1234")
        step = partial(caller.post, "/passkey/confirm")
    before = caller.get("/passkey").get_json()["data"]
    bridge.fail_next(method, code)
    assert outcome(step()) == expected
    assert caller.get("/passkey").get_json()["data"] == before
    assert step().status_code == 200


def test_answers_at_once(caller: Caller, bridge: FakeBridge, context: Context) -> None:
    """The second of two answers waits for the first, and finds that there is nothing to send."""
    ask_passkey(caller, bridge)
    registry = context.service._environment.registry
    sent = len(bridge.calls_of("device.passkey_answer"))
    credential = OWNER.answer(caller.get("/passkey").get_json()["data"]["public_key"])
    with ThreadPoolExecutor(2) as threads, bridge.hold("device.passkey_answer") as gate:
        answers = [threads.submit(respond, caller, credential) for _ in range(2)]
        gate.wait_until_held()
        wait_until(lambda: max(registry.waiting()) == len(answers))
        assert len(bridge.calls_of("device.passkey_answer")) == sent + 1
        gate.open()
        told = [outcome(future.result(timeout=20)) for future in answers]
    assert told == [(200, "answered")] * 2


def test_step_that_takes_too_long(caller: Caller, bridge: FakeBridge, limit: Limit) -> None:
    """Its outcome is unknown at the request's deadline, and a look meanwhile is answered."""
    ask_passkey(caller, bridge)
    limit(request_timeout=2)
    with bridge.hold("device.passkey_confirm") as gate, ThreadPoolExecutor(1) as threads:
        confirming = threads.submit(caller.post, "/passkey/confirm")
        gate.wait_until_held()
        assert outcome(caller.get("/passkey")) == (200, "asked")
        assert outcome(confirming.result(timeout=20)) == (504, "DEVICE_TIMEOUT")


def test_a_passkey_is_not_interrupted(caller: Caller, bridge: FakeBridge) -> None:
    """Other codes are refused while the owner is asked, unless the pairing is to start over."""
    ask_passkey(caller, bridge)
    assert outcome(caller.get("/qr")) == (429, "DEVICE_BUSY")
    number = {"phone": "15550102001"}
    assert outcome(caller.post("/paircode", json=number)) == (429, "DEVICE_BUSY")
    assert caller.get("/qr?refresh=true").status_code == 200
    assert outcome(caller.get("/passkey")) == (409, "DEVICE_NOT_LINKED")


def test_two_devices(caller: Caller, stranger: Caller, bridge: FakeBridge) -> None:
    """Exchanges of two tenants have nothing to do with each other, nor with a linked device."""
    link(stranger, bridge)
    first, second = ask_passkey(caller, bridge), ask_passkey(stranger, bridge)
    theirs = stranger.get(f"/passkey?device_id={second}").get_json()["data"]["public_key"]
    assert outcome(respond(caller, OWNER.answer(theirs))) == (502, "DEVICE_ERROR")
    assert outcome(respond(caller)) == (200, "answered")
    told = stranger.get(f"/passkey?device_id={second}")
    assert outcome(told) == (200, "asked")
    assert outcome(stranger.get("/passkey")) == (400, "DEVICE_REQUIRED")
    assert outcome(stranger.get(f"/passkey?device_id={first}")) == (404, "DEVICE_NOT_FOUND")
