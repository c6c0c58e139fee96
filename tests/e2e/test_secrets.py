"""Nothing secret is left behind: a run with everything in it, then a search through all it left.

The device stores hold the keys of the linked devices, and one file the master token: that is their
purpose. Everything else, and every log, must be free of them.
"""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from app.processes import wait_for
from tests.support.service import Caller, Service, free_port, running_service
from tests.support.simulator import Phone, Simulator

CHAT = "15557654321@s.whatsapp.net"
CANARY = "canary-5c1f0e"
METRICS = "the-token-of-the-metrics-0123456789abcdef"
SECRETS = ("first-secret-of-the-receiver-7d", "second-secret-of-the-receiver-2e")
HEADER = "value-of-a-header-94c1"
HOOK_PATH = "path-of-the-receiver-55b0"
KEY_LENGTH = 32
KEY_TABLES = {
    "whatsmeow_device": ("noise_key", "identity_key", "signed_pre_key", "adv_key"),
    "whatsmeow_app_state_sync_keys": ("key_data",),
    "whatsmeow_pre_keys": ("key",),
}


@pytest.fixture
def service(tmp_path: Path, simulator: Simulator) -> Iterator[Service]:
    """A service that tells as much as it can."""
    settings = {
        "WUTS_LOG_LEVEL": "debug",
        "WUTS_METRICS_TOKEN": METRICS,
        "WUTS_WEBHOOK_ALLOW": "127.0.0.0/8",
    }
    with running_service(tmp_path, simulator, **settings) as service:
        yield service


def work(caller: Caller, phone: Phone) -> list[str]:
    """Use the service well and badly; returns the codes and tokens that it gave."""
    first = caller.request("GET", "/qr").json()["data"]["qr_code"]
    second = caller.request("GET", "/qr", params={"refresh": "true"}).json()["data"]["qr_code"]
    caller.link(phone)
    hook(caller)
    assert caller.archive(CHAT).status_code == 200
    made = caller.request("POST", "/tokens", json={"name": "further"})
    user = caller.request("POST", "/users", json={"email": "user@example.com", "role": "user"})
    assert (made.status_code, user.status_code) == (201, 201)
    misuse(caller)
    phone.fault(action="error", xmlns="w:sync:app:state", code=500, text=CANARY, times=1)
    phone.fault(action="conflict", times=2)
    phone.fault(action="corrupt", what="patch_mac", times=1)
    phone.fault(action="close", direction="in", xmlns="w:sync:app:state", when="after", times=1)
    for archived in (False, True, False):
        caller.archive(CHAT, archived)
    return [first, second, made.json()["token"], user.json()["user"]["token"]]


def hook(caller: Caller) -> None:
    """Give the device a webhook, whose secret is changed and whose receiver is not there."""
    url = f"http://127.0.0.1:{free_port()}/{HOOK_PATH}"
    body = {"webhook_url": url, "enabled_events": ["chat.archive"], "headers": {"X-Name": HEADER}}
    for secret in SECRETS:
        answer = caller.request("POST", "/webhook", json={**body, "secret": secret})
        assert answer.status_code == 200, answer.text
    tried = caller.request("POST", "/webhook/test", json={})
    assert tried.json()["error"] == "connect"


def misuse(caller: Caller) -> None:
    """Send what must not be kept, wherever something can be put."""
    token, http = caller.token, caller.service.http
    caller.archive(CANARY)
    caller.archive(CHAT, CANARY)
    caller.request("POST", f"/chats/{CHAT}/archive", json={CANARY: CANARY})
    caller.request("POST", f"/chats/{CHAT}/archive", content=f'{{"{CANARY}')
    caller.request("GET", f"/{CANARY}", params={"token": token, CANARY: CANARY})
    caller.request("GET", "/devices", headers={"X-Canary": CANARY, "Cookie": f"a={CANARY}"})
    http.get("/devices", headers={"Authorization": f"Bearer {CANARY}"})
    http.post("/register", json={"tenant_name": "x", "email": "a@b.example", "password": CANARY})
    http.request(CANARY, "/devices", headers={"Authorization": f"Basic {token}"})


def keys_of(store: Path) -> set[bytes]:
    """Return the keys in a device store."""
    with closing(sqlite3.connect(store)) as connection:
        rows = [
            row
            for table, columns in KEY_TABLES.items()
            for row in connection.execute(f"SELECT {', '.join(columns)} FROM {table}")  # noqa: S608
        ]
    return {bytes(value) for row in rows for value in row if len(value) == KEY_LENGTH}


def spellings(secret: bytes) -> set[bytes]:
    """Return how bytes may have been written down."""
    packed = {base64.b64encode(secret), base64.urlsafe_b64encode(secret)}
    numbers = " ".join(str(byte) for byte in secret).encode()
    written = {secret, secret.hex().encode(), secret.hex().upper().encode(), numbers}
    return written | {text.rstrip(b"=") for text in packed} | {repr(secret)[2:-1].encode()}


def holders(secret: bytes, files: dict[str, bytes]) -> list[str]:
    """Name the files that hold a secret in any spelling."""
    written = spellings(secret)
    return [name for name, content in files.items() if any(text in content for text in written)]


def files_below(folder: Path) -> dict[str, bytes]:
    """Read every file below a folder, by its path."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_a_search_finds_every_spelling() -> None:
    """The search that the next test relies on finds a key in each form that a log may give it."""
    key = bytes(range(200, 232))
    forms: list[Any] = [key.hex(), base64.b64encode(key).decode(), repr(key), list(key)]
    for form in forms:
        text = f"key={form}".replace(",", "").encode()
        assert holders(key, {"log": text}) == ["log"]
    assert holders(key, {"log": b"key=none"}) == []


def test_nothing_secret_is_left(service: Service, phone: Phone) -> None:
    """No token, secret, QR text or key, and nothing sent in vain, is in logs or databases."""
    caller = service.register()
    given = work(caller, phone)
    service.kill()
    service.start()
    caller.wait_usable()
    metrics = service.http.get("/metrics", headers={"Authorization": f"Bearer {METRICS}"})
    assert metrics.status_code == 200
    master = service.master_token()
    key = (service.data / "encryption-key").read_text().strip()
    service.child.stop()
    files = {**files_below(service.folder), "metrics": metrics.content}
    stores = {name for name in files if name.startswith("data/devices/")}
    outside = {name: files[name] for name in files if name not in stores}
    keys = set[bytes]().union(
        *(keys_of(service.folder / name) for name in stores if name.endswith(".db"))
    )
    assert len(keys) > len(KEY_TABLES)
    for text in (caller.token, METRICS, CANARY, HEADER, *SECRETS, *given):
        assert holders(text.encode(), files) == []
    for code in given[:2]:
        for part in code.partition("#")[2].split(",")[:1]:
            assert holders(part.encode(), files) == []
    assert holders(master.encode(), files) == ["data/master-token"]
    assert holders(key.encode(), files) == ["data/encryption-key"]
    assert set(holders(HOOK_PATH.encode(), files)) <= {"data/wuts.db", "data/wuts.db-wal"}
    assert {name for key in keys for name in holders(key, outside)} == set()


def test_logs_name_nobody(service: Service, phone: Phone) -> None:
    """No phone number, LID or chat is in a log or a metric; routes and ids of requests are."""
    caller = service.register()
    work(caller, phone)
    wait_for(lambda: caller.status()["connected"], seconds=30, what="the connection")
    lid = str(caller.status().get("lid", "")) or phone.simulator.get(phone.url())["lid"]
    metrics = service.http.get("/metrics", headers={"Authorization": f"Bearer {METRICS}"})
    told = service.logs() + metrics.text
    for person in (phone.pn, lid.partition("@")[0], CHAT.partition("@")[0]):
        assert person not in told
    assert "/chats/{chat_jid}/archive" in told
