"""What goes wrong during a soak: between the service and WhatsApp, and with the service itself."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from threading import Event, Thread
from typing import Any

from tests.soak.fleet import Device
from tests.support.service import Service

APP_STATE = "w:sync:app:state"
EVERY_SECONDS = 0.4
FAULTS: Sequence[dict[str, Any]] = (
    {"action": "close", "direction": "in", "xmlns": APP_STATE, "when": "before", "times": 1},
    {"action": "close", "direction": "in", "xmlns": APP_STATE, "when": "after", "times": 1},
    {"action": "close", "direction": "out", "tag": "notification", "times": 1},
    {"action": "close", "direction": "in", "tag": "iq", "times": 1},
    {"action": "delay", "direction": "both", "ms": 150, "jitter_ms": 300, "times": 20},
    {"action": "delay", "direction": "out", "xmlns": APP_STATE, "ms": 1500, "times": 1},
    {"action": "conflict", "times": 1},
    {"action": "conflict", "times": 3},
    {"action": "conflict", "bare": True, "times": 1},
    {"action": "swallow", "direction": "in", "xmlns": APP_STATE, "when": "before", "times": 1},
    {"action": "swallow", "direction": "in", "xmlns": APP_STATE, "when": "after", "times": 1},
    {"action": "swallow", "direction": "out", "tag": "notification", "times": 2},
    {"action": "error", "xmlns": APP_STATE, "code": 500, "times": 1},
    {"action": "error", "xmlns": APP_STATE, "code": 429, "when": "after", "times": 1},
    {"action": "error", "what": "collection", "code": 503, "times": 1},
    {"action": "corrupt", "what": "patch_mac", "times": 1},
    {"action": "corrupt", "what": "value_mac", "times": 1},
    {"action": "key", "what": "rotate", "times": 1},
    {"action": "stream", "what": "515", "times": 1},
    {"action": "stream", "what": "503", "when": "after", "times": 1},
    {"action": "failure", "reason": 503, "times": 2},
)


class Nuisance:
    """Installs a fault for some device again and again, and lets the phones write in between."""

    def __init__(self, devices: Sequence[Device], *, seed: int) -> None:
        self._devices = devices
        self._random = random.Random(f"{seed} nuisance")  # noqa: S311 - to be repeatable
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="nuisance")
        self.faults: Counter[str] = Counter()
        self.written: list[tuple[Device, str]] = []
        self.error: Exception | None = None

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End it, and take back every fault that has not happened yet."""
        self._stopping.set()
        self._thread.join()
        self._devices[0].phone.simulator.delete("/v1/faults")

    def _run(self) -> None:
        try:
            while not self._stopping.wait(EVERY_SECONDS):
                self._step()
        except Exception as error:
            self.error = error

    def _step(self) -> None:
        device = self._random.choice(self._devices)
        rule = self._random.choice(FAULTS)
        device.phone.fault(**rule)
        self.faults[" ".join(str(rule[key]) for key in ("action", "what") if key in rule)] += 1
        writer = self._random.choice(self._devices)
        jid = f"1555999{len(self.written):05}@s.whatsapp.net"
        writer.phone.write(pin={"jid": jid, "pinned": True})
        self.written.append((writer, jid))

    def lost(self) -> list[str]:
        """Name what the phones wrote and no longer show."""
        return [
            f"{device.phone.pn}: the phone's own change of {jid} is gone"
            for device, jid in self.written
            if device.phone.is_pinned(jid) is not True
        ]


def reload(service: Service) -> None:
    """Let gunicorn replace its worker."""
    service.reload()


def kill(service: Service) -> None:
    """End gunicorn and its worker at once, and start again."""
    service.kill()
    service.start()
