"""One walk over every error code: a request that gets it, and what the answer looks like.

The table names a way to each code. A code that an operation documents and that has no way here
fails the walk, and so does one that the README doesn't know.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from werkzeug.test import TestResponse

from app.context import Context
from app.errors import STATUSES
from app.idempotency import HEADER
from bridge.errors import BridgeCode
from bridge.fake import FakeBridge
from sessions.app_state import MAX_MUTATIONS
from sessions.environment import Environment
from sessions.errors import ErrorCode
from sessions.states import DeviceKey
from tests.api.conftest import Limit, parts
from tests.support.api import CHAT, MASTER, Caller, link
from tests.support.contract import REPEATABLE, answered_codes
from tests.support.sessions import wait_until

ARCHIVE = f"/chats/{CHAT}/archive"
KEY = {HEADER: "a key of the walk"}
NOBODY = "00000000-0000-4000-8000-000000000000"
USER = {"email": "clerk@example.com", "role": "user"}
PLATFORM = {"Authorization": f"Bearer {MASTER}"}

ALWAYS = {"success", "error", "error_code", "timestamp"}
MORE = {
    ErrorCode.VALIDATION_ERROR: {"validation"},
    ErrorCode.CURSOR_EXPIRED: {"oldest", "latest"},
}


@dataclass(frozen=True, slots=True)
class Scene:
    """A tenant's admin without a device, the bridge, and the fixtures that some ways need."""

    caller: Caller
    bridge: FakeBridge
    limit: Limit
    fixtures: pytest.FixtureRequest

    @property
    def environment(self) -> Environment:
        """What the use cases work with."""
        context: Context = self.fixtures.getfixturevalue("context")
        return context.service._environment

    def queued(self, device_id: str) -> int:
        """Count the changes of chats that wait for a device, beside the patch under way."""
        session = self.environment.registry.find(DeviceKey(self.caller.tenant_id, device_id))
        return session._collection("regular_low")._queue.held()

    def link(self) -> str:
        """Link a device and return its id."""
        return link(self.caller, self.bridge)

    def archive(self, **options: Any) -> TestResponse:
        """Archive the chat with the one device."""
        return self.caller.post(ARCHIVE, **{"json": {"archived": True}, **options})


Way = Callable[[Scene], TestResponse]


def ask(method: str, path: str, **options: Any) -> Way:
    """Send a request that needs nothing but its sender."""
    return lambda scene: scene.caller.request(method, path, **options)


def ask_as_platform(method: str, path: str, **options: Any) -> Way:
    """Send a request with the platform's token."""
    return lambda scene: scene.caller.client.open(path, method=method, headers=PLATFORM, **options)


def archive_after(code: BridgeCode) -> Way:
    """Archive with a bridge that answers so."""

    def way(scene: Scene) -> TestResponse:
        scene.link()
        scene.bridge.fail_next("app_state.apply", code)
        return scene.archive()

    return way


def archive_while(status: str, reason: str) -> Way:
    """Archive with a device that the server has put in a status."""

    def way(scene: Scene) -> TestResponse:
        scene.bridge.set_status(scene.link(), status, reason)
        return scene.archive()

    return way


def repeat(method: str, path: str, *, status: int = 201, **options: Any) -> Way:
    """Send a request until it is refused; before that it has the status."""

    def way(scene: Scene) -> TestResponse:
        for _ in range(6):
            answer = scene.caller.request(method, path, **options)
            if answer.status_code != status:
                break
        return answer

    return way


def archive_of_several(scene: Scene) -> TestResponse:
    """Don't say which of two devices is meant."""
    scene.caller.create_device()
    scene.caller.create_device()
    return scene.archive()


def archive_without_keys(scene: Scene) -> TestResponse:
    """Archive with a device that was never linked."""
    scene.caller.create_device()
    return scene.archive()


def archive_wedged(scene: Scene) -> TestResponse:
    """Archive where nothing mends the collection."""
    scene.bridge.set_collection(scene.link(), "regular_low", "wedged")
    return scene.archive()


def ask_linked(path: str) -> Way:
    """Ask about a linked device."""

    def way(scene: Scene) -> TestResponse:
        scene.link()
        return scene.caller.get(path)

    return way


def retry_nothing(scene: Scene) -> TestResponse:
    """Send an event again that was never sent."""
    scene.link()
    return scene.caller.post(f"/webhook/deliveries/{NOBODY}/retry")


def reject_too_late(scene: Scene) -> TestResponse:
    """Reject a call that is over."""
    scene.bridge.end_call(scene.link(), "C1", CHAT, event="call.terminate")
    wait_until(lambda: scene.caller.get("/calls/C1").status_code == 200)
    return scene.caller.post("/calls/reject", json={"call_id": "C1"})


def confirm_too_early(scene: Scene) -> TestResponse:
    """Confirm a passkey's code before the phone shows one."""
    device = scene.caller.create_device()
    scene.caller.get("/qr")
    scene.bridge.ask_passkey(device)
    return scene.caller.post("/passkey/confirm")


def break_off(scene: Scene) -> TestResponse:
    """Send less of a body than was announced."""
    return scene.archive(environ_overrides={"CONTENT_LENGTH": "100"})


def register_twice(scene: Scene) -> TestResponse:
    """Register a tenant whose name is taken."""
    body = {"tenant_name": str(uuid.uuid4()), "email": "admin@example.com"}
    for _ in range(2):
        answer = scene.caller.client.post("/register", json=body, headers=PLATFORM)
    return answer


def step_down(scene: Scene) -> TestResponse:
    """Deactivate the only admin."""
    return scene.caller.request("PUT", f"/users/{scene.caller.user_id}", json={"active": False})


def reuse_key(scene: Scene) -> TestResponse:
    """Ask for another thing with the key of a request."""
    scene.link()
    assert scene.archive(headers=KEY).status_code == 200
    return scene.archive(headers=KEY, json={"archived": False})


def repeat_running(scene: Scene) -> TestResponse:
    """Repeat a request that still runs."""
    scene.link()
    with ThreadPoolExecutor(1) as threads, scene.bridge.hold("app_state.apply") as gate:
        threads.submit(scene.archive, headers=KEY)
        gate.wait_until_held()
        return scene.archive(headers=KEY)


def ask_too_often(scene: Scene) -> TestResponse:
    """Ask more often than the token may."""
    scene.limit(rate_limit=1)
    return repeat("GET", "/devices", status=200)(scene)


def crowd_a_device(scene: Scene) -> TestResponse:
    """Ask for more than the queue of a device that hangs has room for."""
    device_id = scene.link()
    crowd = [f"1555{number:07}@s.whatsapp.net" for number in range(500)]
    ask_all = partial(
        scene.caller.post, "/chats/archive", json={"archived": True, "chat_jids": crowd}
    )
    with ThreadPoolExecutor(2) as threads, scene.bridge.hold("app_state.apply"):
        first = [threads.submit(ask_all) for _ in range(2)]
        wait_until(lambda: scene.queued(device_id) >= len(first) * len(crowd) - MAX_MUTATIONS)
        return ask_all()


def ask_without_a_slot(scene: Scene) -> TestResponse:
    """Archive while as many commands run as may."""
    scene.link()
    environment = scene.environment
    with ExitStack() as slots:
        for _ in range(environment.config.command_slots):
            slots.enter_context(environment.admission.command())
        return scene.archive()


def ask_at_the_end(scene: Scene) -> TestResponse:
    """Ask a service that stops."""
    app = scene.fixtures.getfixturevalue("own_app")
    parts(app).lifecycle.begin_stopping()
    answer: TestResponse = app.test_client().get("/devices")
    return answer


WAYS: Mapping[ErrorCode, Way] = {
    ErrorCode.VALIDATION_ERROR: ask("POST", "/devices", json={}),
    ErrorCode.DEVICE_REQUIRED: archive_of_several,
    ErrorCode.UNAUTHORIZED: ask("GET", "/devices", headers={"Authorization": "Bearer nonsense"}),
    ErrorCode.FORBIDDEN: ask("GET", "/tenants"),
    ErrorCode.NOT_FOUND: ask("GET", "/nowhere"),
    ErrorCode.DEVICE_NOT_FOUND: ask("GET", f"/status?device_id={NOBODY}"),
    ErrorCode.CHAT_NOT_FOUND: ask_linked(f"/chats/{CHAT}"),
    ErrorCode.CALL_NOT_FOUND: ask_linked("/calls/C1"),
    ErrorCode.WEBHOOK_NOT_FOUND: ask_linked("/webhook"),
    ErrorCode.DELIVERY_NOT_FOUND: retry_nothing,
    ErrorCode.USER_NOT_FOUND: ask("GET", f"/users/{NOBODY}"),
    ErrorCode.TENANT_NOT_FOUND: ask_as_platform("GET", f"/global/tenants/{NOBODY}"),
    ErrorCode.TOKEN_NOT_FOUND: ask("DELETE", f"/tokens/{NOBODY}"),
    ErrorCode.METHOD_NOT_ALLOWED: ask("PATCH", "/devices"),
    ErrorCode.REQUEST_TIMEOUT: break_off,
    ErrorCode.PAYLOAD_TOO_LARGE: ask("POST", "/devices", json={"name": "x" * 256 * 1024}),
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: ask("POST", "/devices", data="name=phone"),
    ErrorCode.DEVICE_NOT_LINKED: archive_without_keys,
    ErrorCode.DEVICE_ALREADY_LINKED: ask_linked("/qr"),
    ErrorCode.DEVICE_LOGGED_OUT: archive_while("logged_out", "unlinked"),
    ErrorCode.DEVICE_REPLACED: archive_while("replaced", "another_connection"),
    ErrorCode.DEVICE_BANNED: archive_while("banned", "account_banned"),
    ErrorCode.CODE_NOT_SHOWN: confirm_too_early,
    ErrorCode.CALL_ENDED: reject_too_late,
    ErrorCode.TENANT_EXISTS: register_twice,
    ErrorCode.USER_EXISTS: repeat("POST", "/users", json=USER),
    ErrorCode.LAST_ADMIN: step_down,
    ErrorCode.IDEMPOTENCY_MISMATCH: reuse_key,
    ErrorCode.IDEMPOTENCY_IN_PROGRESS: repeat_running,
    ErrorCode.APP_STATE_CONFLICT: archive_after(BridgeCode.APP_STATE_CONFLICT),
    ErrorCode.CURSOR_EXPIRED: ask_linked("/events?after=999"),
    ErrorCode.RATE_LIMITED: ask_too_often,
    ErrorCode.DEVICE_BUSY: crowd_a_device,
    ErrorCode.QUOTA_EXCEEDED: repeat("POST", "/devices", json={"name": "phone"}),
    ErrorCode.INTERNAL_ERROR: archive_after(BridgeCode.INTERNAL),
    ErrorCode.DEVICE_ERROR: archive_after(BridgeCode.SERVER_REFUSED),
    ErrorCode.APP_STATE_BROKEN: archive_wedged,
    ErrorCode.DEVICE_NOT_READY: archive_while("disconnected", "connection_lost"),
    ErrorCode.DEVICE_OUTDATED: archive_while("outdated", "client_outdated"),
    ErrorCode.APP_STATE_NOT_READY: archive_after(BridgeCode.APP_STATE_NOT_READY),
    ErrorCode.OVERLOADED: ask_without_a_slot,
    ErrorCode.STORAGE_UNAVAILABLE: archive_after(BridgeCode.STORAGE_FAILED),
    ErrorCode.SHUTTING_DOWN: ask_at_the_end,
    ErrorCode.DEVICE_TIMEOUT: archive_after(BridgeCode.OUTCOME_UNKNOWN),
}


def test_every_code_has_a_way() -> None:
    """The walk leaves no code out that an answer can carry."""
    assert set(WAYS) == answered_codes()


@pytest.mark.parametrize("code", WAYS)
def test_code(
    caller: Caller,
    bridge: FakeBridge,
    limit: Limit,
    request: pytest.FixtureRequest,
    code: ErrorCode,
) -> None:
    """The answer has the code's status and members, and says exactly then when to repeat it."""
    answer = WAYS[code](Scene(caller, bridge, limit, request))
    body = answer.get_json()
    assert body["error_code"] == code
    assert body["success"] is False
    assert answer.status_code == STATUSES[code]
    assert set(body) == ALWAYS | MORE.get(code, set())
    assert ("Retry-After" in answer.headers) is (code in REPEATABLE)
