"""Deliveries a second, and what receivers that are dead do to those of other tenants."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count, islice
from pathlib import Path
from typing import Any

from tests.bench.load import quantile
from tests.bench.plan import Plan
from tests.bench.restore import METRICS, seed, wait_connected
from tests.support.receiver import Answer, Handler, hang, receiving, status
from tests.support.service import Caller, Service, free_port, running_service
from tests.support.simulator import running_simulator

MEANING = """Each tenant has the events of one device sent to a receiver that answers after a while.
With archives: chats are archived in batches until the last event has come. Again: events that have
happened are asked for again, which is delivery alone. The events of one device go one after the
other, so that the receiver's time bounds their rate; tenants have theirs side by side."""
HEAD = "  answer ms   tenants   with archives/s    again/s"
DEAD_MEANING = """The events of one tenant, in turn alone and beside others whose receivers have
just died: a ratio of 1 says that it does not feel them. Late is the time from asking for an archive
until its event has come."""
DEAD_HEAD = (
    "  devices whose receivers          alone/s   beside/s   ratio |"
    "   late p50 ms   beside   ratio   worst"
)
TENANTS, EACH = 8, 4
SEVERAL = 4
ANSWER_MS = (0, 50)
EVENTS, OLD_EVENTS = 500, 20
SINGLES = 10
TIMES = 2
"""How often alone and beside are measured in turn."""
SECRET = "the-secret-of-the-benchmark"
LOOPBACK = {"WUTS_WEBHOOK_ALLOW": "127.0.0.0/8"}


@dataclass(frozen=True, slots=True)
class RateRow:
    """How many deliveries a second so many tenants get, of one device each."""

    answer_ms: int
    tenants: int
    with_archives_per_second: float
    again_per_second: float


@dataclass(frozen=True, slots=True)
class DeadRow:
    """What one tenant gets alone and beside receivers of others that are dead."""

    trouble: str
    alone_per_second: float
    beside_per_second: float
    ratio: float
    alone_late_ms: float
    beside_late_ms: float
    late_ratio: float
    worst_late_ms: float


@dataclass(frozen=True, slots=True)
class Delivered:
    """Everything that was measured."""

    rates: Sequence[RateRow]
    dead: Sequence[DeadRow]


@dataclass(slots=True)
class Arrivals:
    """When events came. `answer` is that of a receiver that takes a while for each."""

    answer_ms: int = 0
    times: list[float] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def answer(self, handler: Handler) -> None:
        """Note the time, and answer."""
        with self._changed:
            self.times.append(time.monotonic())
            self._changed.notify_all()
        time.sleep(self.answer_ms / 1000)
        status(204)(handler)

    def wait(self, count: int, seconds: float) -> int:
        """Wait until so many came, but not for longer; returns how many did."""
        with self._changed:
            self._changed.wait_for(lambda: len(self.times) >= count, seconds)
            return len(self.times)


@dataclass(frozen=True, slots=True)
class Hooked:
    """A device of a tenant, and the numbers of chats that were not archived yet."""

    caller: Caller
    device_id: str
    numbers: Iterator[int] = field(default_factory=count)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Ask for something that must succeed."""
        query = {"device_id": self.device_id}
        answer = self.caller.request("POST", path, params=query, json=body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def archive(self, chats: int) -> int:
        """Let as many events happen, which is returned."""
        jids = [f"155582{number:05d}@s.whatsapp.net" for number in islice(self.numbers, chats)]
        assert self.post("/chats/archive", {"archived": True, "chat_jids": jids})["failed"] == 0
        return chats

    def configure(self, url: str, **given: Any) -> None:
        """Have the events sent to a URL."""
        body = {"webhook_url": url, "enabled_events": ["chat.archive"], "secret": SECRET, **given}
        self.post("/webhook", {"enabled": True, **body})

    def repeat(self) -> int:
        """Have everything that is in the log sent again; returns how much that is."""
        return int(self.post("/webhook/deliveries/retry", {"after": 0})["count"])


def measure_deliveries(folder: Path, plan: Plan) -> Delivered:
    """Measure rates first, then one tenant beside the dead."""
    state = folder / "phones.json"
    devices = TENANTS * EACH
    seeded = seed(folder / "data", state, waseed=plan.waseed, devices=devices, each=EACH)
    with (
        running_simulator(folder, source=state) as simulator,
        running_service(folder, simulator, **METRICS, **LOOPBACK) as service,
    ):
        wait_connected(service, devices)
        tenants = [hooked_of(service, token) for token in seeded.tokens]
        at_once([partial(one.archive, OLD_EVENTS) for devices in tenants for one in devices])
        firsts = [devices[0] for devices in tenants]
        rates = [
            measure_rate(firsts[:count], answer_ms, seconds=plan.seconds)
            for answer_ms in ANSWER_MS
            for count in (1, TENANTS)
        ]
        return Delivered(rates, measure_dead(tenants, seconds=plan.seconds / TIMES))


def hooked_of(service: Service, token: str) -> list[Hooked]:
    """Return the devices of a tenant."""
    caller = Caller(service, token)
    devices = caller.request("GET", "/devices").json()["devices"]
    return [Hooked(caller, device["id"]) for device in devices]


def at_once(actions: Sequence[Callable[[], int]]) -> list[int]:
    """Do everything at once; returns what came of it."""
    with ThreadPoolExecutor(len(actions)) as threads:
        return list(threads.map(lambda action: action(), actions))


def measure_rate(hooked: Sequence[Hooked], answer_ms: int, *, seconds: float) -> RateRow:
    """Measure devices whose receiver takes a while for each event."""
    begins = (
        [partial(one.archive, EVENTS // len(hooked)) for one in hooked],
        [one.repeat for one in hooked],
    )
    new, again = (rate_of(hooked, begin, answer_ms=answer_ms, seconds=seconds) for begin in begins)
    return RateRow(answer_ms, len(hooked), new, again)


def rate_of(
    hooked: Sequence[Hooked],
    begin: Sequence[Callable[[], int]],
    *,
    answer_ms: int = 0,
    seconds: float,
) -> float:
    """Return how many events come a second, until all did or the time is over."""
    with taking(hooked, answer_ms) as arrivals:
        began = time.monotonic()
        expected = sum(at_once(begin))
        arrivals.wait(expected, seconds)
        lasted = time.monotonic() - began
        return round(len(arrivals.times) / lasted, 1)


@contextmanager
def taking(hooked: Sequence[Hooked], answer_ms: int = 0) -> Iterator[Arrivals]:
    """Run one receiver for devices; afterwards nothing is sent to it."""
    arrivals = Arrivals(answer_ms)
    with receiving(arrivals.answer) as receiver, configured(hooked, receiver.url):
        yield arrivals


@contextmanager
def configured(hooked: Sequence[Hooked], url: str, **given: Any) -> Iterator[None]:
    """Have events of devices sent to a URL for as long as the body runs."""
    for one in hooked:
        one.configure(url, **given)
    yield
    for one in hooked:
        one.configure(url, enabled=False)


@dataclass(frozen=True, slots=True)
class Look:
    """What one tenant gets: deliveries a second, and how long single events take, sorted."""

    per_second: float
    late: Sequence[float]


def measure_dead(tenants: Sequence[Sequence[Hooked]], *, seconds: float) -> list[DeadRow]:
    """Measure one tenant in turn alone and beside dead receivers of others."""
    one, several = (
        tenants[1],
        [device for devices in tenants[1 : 1 + SEVERAL] for device in devices],
    )
    troubles = (
        (f"hang: {EACH} of one tenant", one, hang),
        (f"refuse: {EACH} of one tenant", one, None),
        (f"hang: {EACH} each of {SEVERAL} tenants", several, hang),
    )
    return [
        measure_beside(tenants[0][0], trouble, partial(dying, dead, answer), seconds=seconds)
        for trouble, dead, answer in troubles
    ]


def measure_beside(
    well: Hooked, trouble: str, begin: Callable[[], AbstractContextManager[None]], *, seconds: float
) -> DeadRow:
    """Measure one kind of trouble, beside what is without it."""
    alone: list[Look] = []
    beside: list[Look] = []
    for _ in range(TIMES):
        alone.append(look(well, seconds=seconds))
        with begin():
            beside.append(look(well, seconds=seconds))
    (alone_rate, alone_late), (beside_rate, beside_late) = summary(alone), summary(beside)
    alone_p50, beside_p50 = quantile(alone_late, 0.5), quantile(beside_late, 0.5)
    return DeadRow(
        trouble,
        alone_rate,
        beside_rate,
        ratio=round(beside_rate / max(alone_rate, 0.1), 2),
        alone_late_ms=alone_p50,
        beside_late_ms=beside_p50,
        late_ratio=round(beside_p50 / max(alone_p50, 0.1), 2),
        worst_late_ms=quantile(beside_late, 1),
    )


@contextmanager
def dying(dead: Sequence[Hooked], answer: Answer | None) -> Iterator[None]:
    """Let receivers have died, all in the same moment, with events that are to be sent."""
    with ExitStack() as stack:
        url = f"http://127.0.0.1:{free_port()}/hook"
        if answer is not None:
            url = stack.enter_context(receiving(answer)).url
        stack.enter_context(configured(dead, url, retry_attempts=0))
        at_once([one.repeat for one in dead])
        yield


def look(well: Hooked, *, seconds: float) -> Look:
    """Measure what a tenant gets now."""
    per_second = rate_of([well], [well.repeat], seconds=seconds)
    late: list[float] = []
    with taking([well]) as arrivals:
        for number in range(SINGLES):
            began = time.monotonic()
            well.archive(1)
            arrivals.wait(number + 1, seconds)
            late.append(time.monotonic() - began)
    return Look(per_second, late)


def summary(looks: Sequence[Look]) -> tuple[float, Sequence[float]]:
    """Return the mean rate, and how long every event took, sorted."""
    rate = sum(one.per_second for one in looks) / len(looks)
    return round(rate, 1), sorted(late for one in looks for late in one.late)


def describe_deliveries(done: Delivered) -> list[str]:
    """Write the two tables."""
    rates = (
        f"{row.answer_ms:11} {row.tenants:9} {row.with_archives_per_second:17}"
        f" {row.again_per_second:10}"
        for row in done.rates
    )
    dead = (
        f"  {row.trouble:32} {row.alone_per_second:7} {row.beside_per_second:10} {row.ratio:7} |"
        f" {row.alone_late_ms:13} {row.beside_late_ms:8} {row.late_ratio:7} {row.worst_late_ms:7}"
        for row in done.dead
    )
    return [MEANING, HEAD, *rates, DEAD_MEANING, DEAD_HEAD, *dead]
