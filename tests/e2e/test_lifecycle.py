"""Starts, stops and what survives them."""

from __future__ import annotations

import os
import signal
import stat
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from app.processes import start_service, wait_for
from tests.support.service import Caller, Service, free_port, running_service
from tests.support.simulator import Phone, Simulator, running_simulator

CHAT = "15557000001@s.whatsapp.net"
POLLS_PER_USER = 4


def test_restart_needs_no_new_qr(own_service: Service, phone: Phone) -> None:
    """After a restart the device comes back by itself and archives."""
    caller = own_service.register().link(phone)
    own_service.restart()
    caller.wait_usable()
    assert caller.archive(CHAT).status_code == 200
    assert phone.is_archived(CHAT) is True


def test_kill_needs_no_new_qr(own_service: Service, phone: Phone) -> None:
    """After a SIGKILL too, and what was answered before it is at the phone."""
    caller = own_service.register().link(phone)
    assert caller.archive(CHAT).status_code == 200
    own_service.kill()
    own_service.start()
    caller.wait_usable()
    assert phone.is_archived(CHAT) is True
    assert caller.archive(CHAT, archived=False).status_code == 200
    assert phone.is_archived(CHAT) is False


def test_stop_during_a_request(own_service: Service, phone: Phone) -> None:
    """A request under way when SIGTERM comes gets a clear answer, and the process ends with 0."""
    caller = own_service.register().link(phone)
    phone.fault(direction="both", action="delay", ms=400)
    with ThreadPoolExecutor(1) as threads:
        before = phone.version()
        request = threads.submit(caller.archive, CHAT)
        wait_for(lambda: phone.version() > before or None, seconds=20, what="the patch")
        own_service.child.process.send_signal(signal.SIGTERM)
        answer = request.result(timeout=30)
    if answer.status_code == 200:
        assert phone.is_archived(CHAT) is True
    else:
        assert answer.status_code in {503, 504}
        assert answer.json()["error_code"] in {"SHUTTING_DOWN", "DEVICE_TIMEOUT"}
    assert own_service.child.stop() == 0


def test_stop_ends_long_polls(own_service: Service) -> None:
    """A stop does not wait for a long-poll: it is released with SHUTTING_DOWN."""
    caller = own_service.register()
    caller.request("POST", "/devices", json={"name": "new"})
    polls: list[Future[httpx.Response]] = []
    with ThreadPoolExecutor() as threads:
        wait_for(
            lambda: all_slots_are_taken(caller, polls, threads) or None,
            seconds=20,
            what="four waiting polls",
        )
        own_service.child.process.send_signal(signal.SIGTERM)
        answers = [poll.result(timeout=15) for poll in polls]
    assert [answer.status_code for answer in answers] == [503] * POLLS_PER_USER
    assert {answer.json()["error_code"] for answer in answers} == {"SHUTTING_DOWN"}
    assert own_service.child.stop() == 0


def all_slots_are_taken(
    caller: Caller, polls: list[Future[httpx.Response]], threads: ThreadPoolExecutor
) -> bool:
    """Keep four polls under way, and say whether a fifth is answered at once for lack of a slot."""
    polls[:] = [poll for poll in polls if not poll.done()]
    while len(polls) < POLLS_PER_USER:
        path = "/status?wait=25&until=connected"
        polls.append(threads.submit(caller.request, "GET", path))
    before = time.monotonic()
    caller.status(wait=2, until="connected")
    return time.monotonic() - before < 1 and not any(poll.done() for poll in polls)


def test_second_process_on_the_data(own_service: Service) -> None:
    """A second process on the data directory never serves; it ends with one clear sentence."""
    port = free_port()
    environ = {
        **own_service.environ(),
        "WUTS_BIND": f"127.0.0.1:{port}",
        "WUTS_LOCK_TIMEOUT": "1",
    }
    second = start_service(environ, log=own_service.folder / "second.log")
    try:
        assert second.process.wait(60) != 0
    finally:
        second.stop()
    assert "data directory" in second.tail(200)
    assert own_service.http.get("/readyz").status_code == 200


def test_data_of_another_network(
    tmp_path: Path, own_service: Service, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Data of one simulator refuses to start on another: keys are never shown to a stranger."""
    own_service.child.stop()
    other_folder = tmp_path_factory.mktemp("other")
    with running_simulator(other_folder) as other:
        environ = {
            **own_service.environ(),
            "WUTS_WA_ENDPOINT": other.endpoint,
            "WUTS_WA_ROOT_KEY": other.root_key,
        }
        stranger = start_service(environ, log=tmp_path / "stranger.log")
        try:
            assert stranger.process.wait(60) != 0
        finally:
            stranger.stop()
    assert "this data belongs to" in stranger.tail(200)


def test_files_are_private(own_service: Service, phone: Phone) -> None:
    """Every file below the data directory is for its owner alone."""
    own_service.register().link(phone)
    assert stat.S_IMODE(own_service.data.stat().st_mode) == 0o700
    for folder, _, names in os.walk(own_service.data):
        for name in names:
            mode = stat.S_IMODE((Path(folder) / name).stat().st_mode)
            assert mode == 0o600, f"{name} is {mode:o}"


def test_log_holds_no_secret(tmp_path: Path, simulator: Simulator, phone: Phone) -> None:
    """Neither a token nor a QR nor a phone number reaches the log."""
    with running_service(tmp_path, simulator) as service:
        caller = service.register()
        code = caller.request("GET", "/qr").json()["data"]["qr_code"]
        caller.link(phone)
        caller.archive(CHAT)
        caller.archive("not a jid")
        service.http.get(f"/chats?token={caller.token}")
        logs, master = service.logs(), service.master_token()
    for secret in (caller.token, master, code, phone.pn, CHAT.partition("@")[0]):
        assert secret not in logs
    assert "request_id" in logs
