"""The demo: the real service against the WhatsApp simulator on this machine, with no phone.

`make demo` runs it in the foreground until Ctrl-C. Its data lives in `var/demo`; `var/demo.json`
tells other programs where everything is while it runs.
"""

from __future__ import annotations

import argparse
import json
import shlex
import signal
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import httpx

from app.demo_files import Paths, write_private
from app.processes import (
    Child,
    ChildFailed,
    start_service,
    start_simulator,
    wait_for,
    wait_ready,
)
from app.terminal import own_terminal

PHONE = "15550001000"
CONTACTS = (("15550001111", "Ada"), ("15550002222", "Grace"), ("15550003333", "Edsger"))
GROUP = {"jid": "120363000000000001@g.us", "subject": "Sunday hikers"}
LINK_SECONDS = 60
WATCH_SECONDS = 0.3


class Stopped(BaseException):
    """Somebody asked the demo to end."""


def stop(_number: int, _frame: FrameType | None) -> NoReturn:
    """End the demo; a second signal does not disturb the orderly end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Stopped


@dataclass(frozen=True, slots=True)
class Demo:
    """The running parts, and the clients that speak to them."""

    paths: Paths
    api_url: str
    control_url: str
    api: httpx.Client
    control: httpx.Client

    def answer(self, response: httpx.Response) -> dict[str, Any]:
        """Return the JSON of a good answer; raise ChildFailed with the text of any other."""
        if not response.is_success:
            raise ChildFailed(f"{response.request.url.path} answered {response.text}")
        return dict(response.json())

    def ensure_account(self) -> None:
        """Give the simulator its one account, a phone with three contacts and a group."""
        if self.control.get(f"/v1/accounts/{PHONE}").is_success:
            return
        contacts = [{"pn": pn, "name": name} for pn, name in CONTACTS]
        account = {"pn": PHONE, "name": "Demo phone", "contacts": contacts, "groups": [GROUP]}
        self.answer(self.control.post("/v1/accounts", json=account))

    def ensure_credentials(self) -> dict[str, str]:
        """Return token and device id, from the last start or by registering a tenant."""
        if self.paths.credentials.exists():
            return dict(json.loads(self.paths.credentials.read_text()))
        master = (self.paths.home / "data" / "master-token").read_text().strip()
        tenant = {"tenant_name": "Demo", "email": "demo@example.com"}
        token = self.answer(self.api.post("/register", json=tenant, headers=bearer(master)))[
            "token"
        ]
        made = self.answer(self.api.post("/devices", json={"name": "demo"}, headers=bearer(token)))
        credentials = {"token": token, "master_token": master, "device_id": made["device"]["id"]}
        write_private(self.paths.credentials, credentials)
        return credentials

    def ensure_linked(self, token: str) -> bool:
        """Let the phone scan the QR unless the device is linked already; return whether it did."""
        scanned = False
        if self.status(token)["status"] in {"new", "pairing", "logged_out"}:
            code = self.answer(self.api.get("/qr", headers=bearer(token)))["data"]["qr_code"]
            scan = self.control.post(
                f"/v1/accounts/{PHONE}/scan", params={"wait": "20s"}, json={"qr": code}
            )
            self.answer(scan)
            scanned = True
        wait_for(
            lambda: is_usable(self.status(token)) or None,
            seconds=LINK_SECONDS,
            what="the connection of the linked device",
        )
        return scanned

    def status(self, token: str) -> dict[str, Any]:
        """Return the device's status."""
        answer = self.api.get("/status", headers=bearer(token))
        return dict(self.answer(answer)["data"])

    def phone_view(self) -> dict[str, bool]:
        """Return which chats are archived and which pinned, as the simulated phone sees it."""
        answer = self.control.get(f"/v1/accounts/{PHONE}/appstate/regular_low")
        return dict(phone_facts(entry) for entry in self.answer(answer)["entries"])

    def watch(self, children: tuple[Child, ...]) -> NoReturn:
        """Print each change that the phone sees, for ever."""
        seen = self.phone_view()
        while True:
            time.sleep(WATCH_SECONDS)
            for child in children:
                if child.process.poll() is not None:
                    raise ChildFailed(f"{child.name} ended by itself:\n{child.tail()}")
            now = self.phone_view()
            for what in sorted(now.keys() | seen.keys()):
                if now.get(what, False) != seen.get(what, False):
                    print(f"  phone: {what}: {'yes' if now.get(what) else 'no'}", flush=True)
            seen = now


def bearer(token: str) -> dict[str, str]:
    """Return the header that carries a token."""
    return {"Authorization": f"Bearer {token}"}


def is_usable(status: Mapping[str, Any]) -> bool:
    """Say whether the device can archive a chat now."""
    return bool(status["connected"]) and status.get("app_state") == "ok"


def phone_facts(entry: Mapping[str, Any]) -> tuple[str, bool]:
    """Turn one entry of the phone's app state into a fact for people."""
    name, *rest = entry["index"] or ["?"]
    value: Mapping[str, Any] = entry["value"]
    archived = value.get("archiveChatAction", {}).get("archived", False)
    pinned = value.get("pinAction", {}).get("pinned", False)
    words = {"archive": ("archived", archived), "pin_v1": ("pinned", pinned)}
    word, fact = words.get(name, (name, True))
    return f"{' '.join(rest)} {word}".strip(), fact


def summarise(demo: Demo, credentials: Mapping[str, str]) -> dict[str, Any]:
    """Build the content of var/demo.json."""
    chats = [f"{pn}@s.whatsapp.net" for pn, _ in CONTACTS] + [GROUP["jid"]]
    return {
        "api": demo.api_url,
        **credentials,
        "simulator": demo.control_url,
        "phone": PHONE,
        "chats": chats,
    }


def describe(summary: Mapping[str, Any], *, scanned: bool, path: Path) -> str:
    """Build the text that a person reads when everything runs."""
    linked = "scanned the QR and linked the device" if scanned else "linked from an earlier start"
    api, token = summary["api"], summary["token"]
    chat, account = summary["chats"][0], f"{summary['simulator']}/v1/accounts/{summary['phone']}"
    archive = write_curl(f"{api}/chats/{chat}/archive", {"archived": True}, token)
    reject = write_curl(f"{api}/calls/reject", {"call_id": "…"}, token)
    ring = write_curl(f"{account}/calls", {"from": chat})
    chats = "\n".join(f"    {jid}" for jid in summary["chats"])
    return f"""
WUTS is running against the WhatsApp simulator. The simulated phone +{summary["phone"]} {linked}.

  Swagger UI   {summary["api"]}/docs   (press Authorize and paste the token)
  Token        {summary["token"]}

  Archive a chat (false brings it back):

    {archive}

  Let {chat} call, and reject the call by the id that this prints:

    {ring}
    {reject}

  Chats of this phone:
{chats}

  What the phone sees:

    curl {account}/appstate/regular_low

  The same facts for programs: {path}

Below, every change that the phone sees. Ctrl-C stops everything.
"""


def write_curl(url: str, body: Mapping[str, Any], token: str | None = None) -> str:
    """Write a POST as a command over a few lines."""
    given = [] if token is None else [f"-H {shlex.quote(f'Authorization: Bearer {token}')}"]
    data = f"-d {shlex.quote(json.dumps(body, ensure_ascii=False))}"
    parts = [f"curl -X POST {url}", *given, f"-H 'Content-Type: application/json' {data}"]
    return " \\\n      ".join(parts)


def require_free(port: int) -> None:
    """Raise ChildFailed when another program listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            told = f"port {port} is taken; `make demo PORT=…` chooses another"
            raise ChildFailed(told) from error


def run(paths: Paths, binary: Path, *, port: int) -> NoReturn:
    """Start everything and show it; whatever ends this stops everything. Raises ChildFailed."""
    with ExitStack() as stack:
        stack.enter_context(paths.own())
        require_free(port)
        paths.prepare()
        stack.callback(paths.summary.unlink, missing_ok=True)
        simulator, ready = start_simulator(
            binary, state=paths.home / "wasim.json", log=paths.home / "wasim.log"
        )
        stack.callback(simulator.stop)
        api_url = f"http://127.0.0.1:{port}"
        service = start_service(
            {
                "WUTS_BIND": f"127.0.0.1:{port}",
                "WUTS_DATA_DIR": str(paths.home / "data"),
                "WUTS_MANAGEMENT_BIND": "",
                "WUTS_WA_ENDPOINT": ready["endpoint"],
                "WUTS_WA_ROOT_KEY": ready["root_key"],
            },
            log=paths.home / "service.log",
        )
        stack.callback(service.stop)
        wait_ready(service, api_url)
        api = stack.enter_context(httpx.Client(base_url=api_url, trust_env=False, timeout=30))
        control = stack.enter_context(
            httpx.Client(base_url=ready["control"], trust_env=False, timeout=30)
        )
        demo = Demo(paths, api_url, ready["control"], api, control)
        demo.ensure_account()
        credentials = demo.ensure_credentials()
        scanned = demo.ensure_linked(credentials["token"])
        summary = summarise(demo, credentials)
        write_private(paths.summary, summary)
        print(describe(summary, scanned=scanned, path=paths.summary), flush=True)
        demo.watch((simulator, service))


def main() -> int:
    """Run the demo until Ctrl-C or SIGTERM; return the exit code."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--port", type=int, default=8080, help="port of the HTTP API")
    parser.add_argument("--simulator", type=Path, required=True, help="the wasim binary")
    parser.add_argument("--var", type=Path, default=Path("var"), help="where the data lives")
    arguments = parser.parse_args()
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    with own_terminal():
        try:
            run(Paths(arguments.var.resolve()), arguments.simulator.resolve(), port=arguments.port)
        except Stopped:
            print("\nStopped.", flush=True)
        except ChildFailed as failure:
            print(f"The demo cannot go on: {failure}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
