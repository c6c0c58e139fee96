"""The WhatsApp simulator as a process, and its control API."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from app.processes import Child, start_simulator

WASIM = Path(__file__).parents[2] / ".build" / "wasim"
_numbers = itertools.count(15550100000)


@dataclass(slots=True)
class Phone:
    """One account of the simulator, as its owner sees it."""

    simulator: Simulator
    pn: str

    def url(self, path: str = "") -> str:
        """Return the account's path on the control API."""
        return f"/v1/accounts/{self.pn}{path}"

    def scan(self, qr: str) -> int:
        """Scan a QR and return the number of the linked device."""
        answer = self.simulator.post(self.url("/scan?wait=10s"), {"qr": qr})
        return int(answer["device"])

    def type_code(self, code: str) -> int:
        """Type a code that links a device, and return the device's number."""
        answer = self.simulator.post(self.url("/pairing-code?wait=10s"), {"code": code})
        return int(answer["device"])

    def refuses_code(self, code: str) -> bool:
        """Type a code; tell whether the phone found it to be wrong."""
        path = self.url("/pairing-code?wait=10s")
        return self.simulator.control.post(path, json={"code": code}).status_code == 409

    def passkey_code(self) -> str:
        """Return the code that the phone shows while a passkey links a device, or nothing."""
        return str(self.simulator.get(self.url("/pending"))["passkey_code"])

    def collection(self, name: str = "regular_low") -> dict[str, Any]:
        """Return a collection: name, version, entries."""
        return self.simulator.get(self.url(f"/appstate/{name}"))

    def version(self, name: str = "regular_low") -> int:
        """Return how many patches a collection has had."""
        return int(self.collection(name)["version"])

    def entry(self, *index: str, collection: str = "regular_low") -> dict[str, Any] | None:
        """Return the live entry of an index, or None."""
        entries = self.collection(collection)["entries"]
        return next((entry for entry in entries if entry["index"] == list(index)), None)

    def is_archived(self, jid: str) -> bool | None:
        """Say whether a chat is archived; None when nothing was ever said about it."""
        entry = self.entry("archive", jid)
        return entry and bool(entry["value"].get("archiveChatAction", {}).get("archived", False))

    def is_pinned(self, jid: str) -> bool | None:
        """Say whether a chat is pinned; None when nothing was ever said about it."""
        entry = self.entry("pin_v1", jid)
        return entry and bool(entry["value"].get("pinAction", {}).get("pinned", False))

    def write(self, **shortcut: Any) -> None:
        """Let the phone write to its app state, e.g. archive={"jid": …, "archived": True}."""
        self.simulator.post(self.url("/appstate"), shortcut)

    def unlink(self, device: int) -> None:
        """Remove a linked device from the phone."""
        self.simulator.delete(self.url(f"/devices/{device}"))

    def drop(self) -> None:
        """Cut the connection of every linked device without a word."""
        for device in self.devices():
            self.simulator.post(self.url(f"/devices/{device['id']}/drop"), {})

    def end(self, what: str) -> None:
        """End the connection of every linked device with a stream error, such as replaced."""
        for device in self.devices():
            self.simulator.post(self.url(f"/devices/{device['id']}/end"), {"what": what})

    def act(self, verb: str, **body: Any) -> None:
        """Let something happen to the account: ban, main-device-gone, restore, keys/share, …"""
        self.simulator.post(self.url(f"/{verb}"), body)

    def ring(self, caller: str, **call: Any) -> str:
        """Let somebody call the account; returns the id of the call."""
        answer = self.simulator.post(self.url("/calls"), {"from": caller, **call})
        return str(answer["call_id"])

    def calls(self) -> dict[str, dict[str, Any]]:
        """Return the calls of the account, by id, with the rejects that its devices sent."""
        seen = self.simulator.get(self.url("/calls"))["calls"]
        return {call["call_id"]: call for call in seen}

    def texts(self) -> list[dict[str, Any]]:
        """Return what devices of the account wrote, as its readers decrypted it."""
        return list(self.simulator.get(self.url("/messages"))["messages"])

    def devices(self) -> list[dict[str, Any]]:
        """Return the linked devices with `id` and `online`."""
        return list(self.simulator.get(self.url())["devices"])

    def fault(self, **rule: Any) -> None:
        """Install a fault rule for this account."""
        self.simulator.post("/v1/faults", {"account": self.pn, **rule})

    def violations(self) -> list[dict[str, Any]]:
        """Return what the simulator complained about for this account."""
        found = self.simulator.get("/v1/violations")["violations"]
        return [violation for violation in found if violation["account"] == self.pn]


@dataclass(slots=True)
class Simulator:
    """A running wasim."""

    child: Child
    endpoint: str
    root_key: str
    control: httpx.Client
    phones: list[Phone] = field(default_factory=list)

    def get(self, path: str) -> dict[str, Any]:
        """Read from the control API."""
        return dict(self.control.get(path).raise_for_status().json())

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Post to the control API; its complaint becomes the error's text."""
        answer = self.control.post(path, json=body)
        assert answer.is_success, answer.text
        return dict(answer.json()) if answer.content else {}

    def delete(self, path: str) -> None:
        """Delete on the control API."""
        self.control.delete(path).raise_for_status()

    def delay(self, round_trip_ms: int) -> None:
        """Let every stanza take half of a round trip from now on; drops all other faults."""
        self.delete("/v1/faults")
        if round_trip_ms:
            rule = {"direction": "both", "action": "delay", "ms": round_trip_ms // 2}
            self.post("/v1/faults", rule)

    def add_phone(self, *, contacts: Sequence[Mapping[str, str]] = (), **knobs: Any) -> Phone:
        """Make an account with a number of its own."""
        pn = str(next(_numbers))
        account = {"pn": pn, "name": f"Phone {pn[-4:]}", "contacts": list(contacts), **knobs}
        self.post("/v1/accounts", account)
        phone = Phone(self, pn)
        self.phones.append(phone)
        return phone


@contextmanager
def running_simulator(
    folder: Path, *, state: Path | None = None, source: Path | None = None
) -> Iterator[Simulator]:
    """Run wasim as a process; `state` is kept up to date, `source` is only begun with."""
    extra = [] if source is None else ["-from", str(source)]
    child, ready = start_simulator(WASIM, state=state, log=folder / "wasim.log", extra=extra)
    try:
        with httpx.Client(base_url=ready["control"], trust_env=False, timeout=30) as control:
            yield Simulator(child, ready["endpoint"], ready["root_key"], control)
    finally:
        child.stop()
