"""The service as its users meet it: gunicorn as a process, and an HTTP client for each user."""

from __future__ import annotations

import itertools
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from app.processes import Child, start_service, wait_for, wait_ready
from tests.support.simulator import Phone, Simulator

_tenants = itertools.count(1)


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(slots=True)
class Caller:
    """A user with a token, and the user's device once there is one."""

    service: Service
    token: str
    phone: Phone | None = None
    device_number: int | None = None

    def request(
        self, method: str, path: str, *, http: httpx.Client | None = None, **options: Any
    ) -> httpx.Response:
        """Send one request with the user's token, by a client of one's own or the service's."""
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        return (http or self.service.http).request(method, path, headers=headers, **options)

    def archive(self, jid: str, archived: Any = True, **body: Any) -> httpx.Response:
        """Archive a chat, or bring it back."""
        return self.request("POST", f"/chats/{jid}/archive", json={"archived": archived, **body})

    def status(self, **query: Any) -> dict[str, Any]:
        """Return the data of GET /status."""
        answer = self.request("GET", "/status", params=query)
        assert answer.status_code == 200, answer.text
        return dict(answer.json()["data"])

    def wait_usable(self, *, seconds: float = 30) -> None:
        """Wait until the device is connected and its app state has been read."""

        def usable() -> bool | None:
            status = self.status()
            return (status["connected"] and status.get("app_state") == "ok") or None

        wait_for(usable, seconds=seconds, what="a usable device", child=self.service.child)

    def link(self, phone: Phone, *, usable: bool = True) -> Caller:
        """Make a device if there is none, and let the phone scan its QR."""
        answer = self.request("GET", "/qr")
        assert answer.status_code == 200, answer.text
        self.phone = phone
        self.device_number = phone.scan(answer.json()["data"]["qr_code"])
        if usable:
            self.wait_usable()
        return self


@dataclass(slots=True)
class Service:
    """A gunicorn on a data directory, against one simulator."""

    folder: Path
    simulator: Simulator
    port: int
    http: httpx.Client
    settings: dict[str, str] = field(default_factory=dict)
    child: Child = field(init=False)
    starts: int = 0

    @property
    def url(self) -> str:
        """Return the base URL."""
        return f"http://127.0.0.1:{self.port}"

    def client(self, connections: int = 1) -> httpx.Client:
        """Return a new HTTP client; it keeps no connection open after an answer."""
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=0)
        return httpx.Client(base_url=self.url, trust_env=False, timeout=60, limits=limits)

    @property
    def data(self) -> Path:
        """Return the data directory."""
        return self.folder / "data"

    def environ(self) -> dict[str, str]:
        """Return the settings that the process gets."""
        return {
            "WUTS_BIND": f"127.0.0.1:{self.port}",
            "WUTS_DATA_DIR": str(self.data),
            "WUTS_FAILURE_LIMIT": "0",
            "WUTS_MANAGEMENT_BIND": "",
            "WUTS_WA_ENDPOINT": self.simulator.endpoint,
            "WUTS_WA_ROOT_KEY": self.simulator.root_key,
            **self.settings,
        }

    def launch(self) -> Child:
        """Start the process without waiting for readiness."""
        self.starts += 1
        self.child = start_service(self.environ(), log=self.folder / f"service{self.starts}.log")
        return self.child

    def start(self) -> None:
        """Start the process and wait until it is ready."""
        wait_ready(self.launch(), self.url)

    def restart(self) -> None:
        """Stop in an orderly way and start again."""
        self.child.stop()
        self.start()

    def kill(self) -> None:
        """End the process and its worker at once."""
        os.killpg(self.child.process.pid, signal.SIGKILL)
        self.child.process.wait()

    def worker(self) -> int:
        """Return the process id of gunicorn's one worker."""
        master = self.child.process.pid
        children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
        if len(children) != 1:
            raise RuntimeError(f"gunicorn has {len(children)} workers, not one")
        return int(children[0])

    def kill_worker(self) -> None:
        """End the worker at once, and wait until the one is ready that gunicorn makes instead."""
        os.kill(self.worker(), signal.SIGKILL)
        wait_ready(self.child, self.url)

    def reload(self) -> None:
        """Let gunicorn replace its worker, and wait until the new one is ready."""
        before = self.worker()
        self.child.process.send_signal(signal.SIGHUP)
        wait_for(
            lambda: not Path(f"/proc/{before}").exists(),
            seconds=60,
            what="the end of the old worker",
            child=self.child,
        )
        wait_ready(self.child, self.url)

    def master_token(self) -> str:
        """Return the generated master token."""
        return (self.data / "master-token").read_text().strip()

    def register(self) -> Caller:
        """Register a tenant and return its admin."""
        number = next(_tenants)
        answer = self.http.post(
            "/register",
            json={"tenant_name": f"Tenant {number}", "email": f"admin{number}@example.com"},
            headers={"Authorization": f"Bearer {self.master_token()}"},
        )
        assert answer.status_code == 201, answer.text
        return Caller(self, answer.json()["token"])

    def logs(self) -> str:
        """Return everything that the processes printed."""
        logs = sorted(self.folder.glob("service*.log"))
        return "".join(log.read_text(errors="replace") for log in logs)


@contextmanager
def running_service(
    folder: Path, simulator: Simulator, *, start: bool = True, **settings: str
) -> Iterator[Service]:
    """Run gunicorn on a data directory below the folder for as long as the body runs."""
    port = free_port()
    limits = httpx.Limits(max_connections=200, max_keepalive_connections=0)
    with httpx.Client(
        base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60, limits=limits
    ) as http:
        service = Service(folder, simulator, port, http, settings=settings)
        try:
            if start:
                service.start()
            yield service
        finally:
            if service.starts:
                service.child.stop()
