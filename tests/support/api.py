"""Users of the API under test, with the bridge's stand-in behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from werkzeug.test import TestResponse

from bridge.fake import FakeBridge
from tests.support.contract import CheckedClient

CHAT = "15557000001@s.whatsapp.net"
MASTER = "the-master-token-of-the-api-tests-0123456789"


@dataclass(frozen=True, slots=True)
class Caller:
    """A user with a token."""

    client: CheckedClient
    token: str
    tenant_id: str
    user_id: str

    def request(self, method: str, path: str, **options: Any) -> TestResponse:
        """Send a request with the user's token."""
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        return self.client.open(path, method=method, headers=headers, **options)

    def get(self, path: str, **options: Any) -> TestResponse:
        """Send a GET."""
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> TestResponse:
        """Send a POST."""
        return self.request("POST", path, **options)

    def create_device(self, name: str = "phone") -> str:
        """Make a device and return its id."""
        answer = self.post("/devices", json={"name": name})
        assert answer.status_code == 201, answer.text
        return str(answer.get_json()["device"]["id"])


def link(caller: Caller, bridge: FakeBridge) -> str:
    """Make a device, let a phone scan its code, wait until it is connected; return its id."""
    device = caller.create_device()
    assert caller.get(f"/qr?device_id={device}").status_code == 200
    bridge.link(device)
    state = caller.get(f"/status?device_id={device}&wait=25&until=connected").get_json()["data"]
    assert state["connected"] is True
    return device
