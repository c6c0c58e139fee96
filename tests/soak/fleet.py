"""The devices of a soak, and the tenants that own them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx

from app.processes import wait_for
from tests.support.service import Caller, Service
from tests.support.simulator import Phone, Simulator


@dataclass(frozen=True, slots=True)
class Device:
    """A linked device, with its owner and its phone."""

    caller: Caller
    phone: Phone
    id: str

    def request(
        self, method: str, path: str, *, http: httpx.Client | None = None, **options: Any
    ) -> httpx.Response:
        """Send a request about this device, by a client of one's own or the one of all."""
        query = {"device_id": self.id, **options.pop("params", {})}
        return self.caller.request(method, path, http=http, params=query, **options)

    def is_usable(self) -> bool:
        """Say whether the device is connected and its app state was read."""
        answer = self.request("GET", "/status")
        data = answer.json()["data"] if answer.status_code == 200 else {}
        return bool(data.get("connected")) and data.get("app_state") == "ok"

    def wait_usable(self, seconds: float) -> None:
        """Wait until the device can archive."""

        def usable() -> bool:
            try:
                return self.is_usable()
            except httpx.TransportError:
                return False

        wait_for(usable, seconds=seconds, what=f"device {self.id} usable again")


def link_fleet(service: Service, simulator: Simulator, *, tenants: int, each: int) -> list[Device]:
    """Register tenants and link devices for each of them, the tenants side by side."""

    def link_tenant(caller: Caller) -> list[Device]:
        return [link_device(caller, simulator) for _ in range(each)]

    callers = [service.register() for _ in range(tenants)]
    return [device for devices in side_by_side(link_tenant, callers) for device in devices]


def link_device(caller: Caller, simulator: Simulator) -> Device:
    """Make a device, and let a new phone scan its code."""
    made = caller.request("POST", "/devices", json={"name": "soak"})
    assert made.status_code == 201, made.text
    device = Device(caller, simulator.add_phone(), made.json()["device"]["id"])
    code = device.request("GET", "/qr")
    assert code.status_code == 200, code.text
    device.phone.scan(code.json()["data"]["qr_code"])
    device.wait_usable(60)
    return device


def side_by_side(action: Callable[[Any], Any], arguments: Sequence[Any]) -> list[Any]:
    """Run an action for each argument, in a thread each; the first failure is raised."""
    with ThreadPoolExecutor(len(arguments)) as threads:
        return list(threads.map(action, arguments))
