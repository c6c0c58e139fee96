"""One soak: link devices, let users work while things go wrong, then look what is left.

The process is reloaded at a fifth and at three fifths of the time, and killed at two fifths.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from app.processes import ChildFailed, wait_for
from tests.soak.fleet import Device, link_fleet, side_by_side
from tests.soak.ledger import Ledger, Outcome
from tests.soak.resources import Resources
from tests.soak.traffic import Traffic, User
from tests.soak.trouble import Nuisance, kill, reload
from tests.support.service import Service, free_port, running_service
from tests.support.simulator import Simulator, running_simulator

USERS = 24
TENANTS = 5
DEVICES_EACH = 6
WARM_UP_SECONDS = 5.0
WARM_UP_ROUNDS = 5
RECOVERY_SECONDS = 90.0
SETTLE_SECONDS = 30.0
ALLOWED = Resources(memory_kb=65_536, threads=8, sockets=8, files=24, goroutines=30)
"""By how much a process may hold more after a soak than a process did before it. SQLite keeps the
file of a closed connection for the next one, up to as many as were ever open at once."""
LAST_CHAT = "15559990000@s.whatsapp.net"
"""What every device archives at the end, to show that it is of use."""


@dataclass(slots=True)
class Report:
    """What a soak was and what it found; it is well when nothing was found."""

    seconds: float
    seed: int
    accepted: int = 0
    answers: dict[str, int] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)
    before: Resources | None = None
    after: Resources | None = None
    findings: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"{self.seconds:g} s, seed {self.seed}, {self.accepted} changes accepted"]
        lines += [f"  {number:6} {what}" for what, number in sorted(self.answers.items())]
        lines += ["faults:"]
        lines += [f"  {number:6} {what}" for what, number in sorted(self.faults.items())]
        lines += [f"before: {self.before}", f"after:  {self.after}"]
        lines += [f"{len(self.findings)} findings", *self.findings]
        return "\n".join(lines)


def run_soak(folder: Path, *, seconds: float, seed: int) -> Report:
    """Run a soak with its own service and simulator below a folder."""
    report = Report(seconds, seed)
    with (
        running_simulator(folder) as simulator,
        running_service(folder, simulator, **settings()) as service,
    ):
        devices = link_fleet(service, simulator, tenants=TENANTS, each=DEVICES_EACH)
        warm_up(service, devices)
        ledger = Ledger()
        with users(devices, ledger, seed=seed, report=report):
            time.sleep(WARM_UP_SECONDS)
        report.before = settled(service)
        torment(service, devices, ledger, report)
        check_return(service, devices, ledger, report)
        report.findings += [str(found) for found in violations(simulator)]
    report.accepted = ledger.accepted
    return report


def settings() -> dict[str, str]:
    """Return what the service is told; it is measured where it is managed, by threads that end."""
    return {
        "WUTS_DEVICES_PER_USER": str(DEVICES_EACH),
        "WUTS_MANAGEMENT_BIND": f"127.0.0.1:{free_port()}",
    }


def warm_up(service: Service, devices: Sequence[Device]) -> None:
    """Let the process be as it will be in the end: its devices have come back, and every thread of
    its pool has met the bridge, which keeps a goroutine for each from then on."""
    reload(service)
    side_by_side(lambda device: device.wait_usable(RECOVERY_SECONDS), devices)
    for _ in range(WARM_UP_ROUNDS):
        side_by_side(lambda device: device.request("GET", "/appstate"), devices)


@contextmanager
def users(
    devices: Sequence[Device], ledger: Ledger, *, seed: int, report: Report
) -> Iterator[Traffic]:
    """Let all users work while the body runs; afterwards the report has what they saw."""
    traffic = Traffic(devices, ledger)
    crowd = [User(number, traffic, seed=seed) for number in range(USERS)]
    for user in crowd:
        user.start()
    try:
        yield traffic
    finally:
        traffic.stopping.set()
        if not all(user.join(60) for user in crowd):
            traffic.complain("a request did not end")
        report.findings += traffic.findings
        for what, number in traffic.answers.items():
            report.answers[what] = report.answers.get(what, 0) + number


def torment(service: Service, devices: Sequence[Device], ledger: Ledger, report: Report) -> None:
    """Let things go wrong for as long as the soak lasts."""
    nuisance = Nuisance(devices, seed=report.seed)
    ends = time.monotonic() + report.seconds
    with users(devices, ledger, seed=report.seed + 1, report=report) as traffic:
        nuisance.start()
        try:
            for blow in (reload, kill, reload):
                time.sleep(report.seconds / 5)
                strike(blow, service, traffic)
            time.sleep(max(0.0, ends - time.monotonic()))
        finally:
            nuisance.stop()
    report.faults = dict(nuisance.faults)
    if nuisance.error is not None:
        report.findings.append(f"the faults ended early: {nuisance.error!r}")
    report.findings += nuisance.lost()


def strike(blow: Callable[[Service], None], service: Service, traffic: Traffic) -> None:
    """Do something to the process; only meanwhile may requests find nobody."""
    traffic.outage.set()
    try:
        blow(service)
    finally:
        traffic.outage.clear()


def check_return(
    service: Service, devices: Sequence[Device], ledger: Ledger, report: Report
) -> None:
    """All devices come back, every promise is kept, and nothing is held that was let go."""
    returned = side_by_side(lambda device: return_of(device, ledger), devices)
    report.findings += [found for found in returned if found]
    for device in devices:
        entries = device.phone.collection()["entries"]
        report.findings += ledger.differences(device.phone.pn, entries)
    report.after = settled(service, report.before)
    if report.before is not None:
        report.findings += report.after.growth(report.before, ALLOWED)


def return_of(device: Device, ledger: Ledger) -> str | None:
    """Wait until a device is usable again, and archive with it; says what is wrong."""
    connected = device.request("POST", "/connect")
    if connected.status_code != 200:
        return f"{device.id} does not connect: {connected.text}"
    try:
        device.wait_usable(RECOVERY_SECONDS)
    except ChildFailed:
        return f"{device.id} did not come back: {device.request('GET', '/status').text}"
    chat = (device.phone.pn, LAST_CHAT)
    wish = ledger.wish(chat, archived=True)
    body = {"archived": wish.archived, "last_message_timestamp": wish.stamp}
    answer = device.request("POST", f"/chats/{LAST_CHAT}/archive", json=body)
    if answer.status_code != 200:
        return f"{device.id} is of no use: {answer.text}"
    ledger.settle(chat, wish, Outcome.ACCEPTED)
    return None


def settled(service: Service, before: Resources | None = None) -> Resources:
    """Look at what the worker holds; given an earlier look, wait for what may still be let go."""
    looks = [Resources.of(service)]

    def calm() -> bool:
        looks.append(Resources.of(service))
        return before is None or not looks[-1].growth(before, ALLOWED)

    with suppress(ChildFailed):
        wait_for(calm, seconds=SETTLE_SECONDS, what="a calm process", child=service.child)
    return looks[-1]


def violations(simulator: Simulator) -> list[dict[str, object]]:
    """Return what no correct client does."""
    return list(simulator.get("/v1/violations")["violations"])
