"""A load generator that costs little: one process, one thread, HTTP written by hand.

It reads its orders from the standard input and prints what it measured, both as JSON. Its own
processor time is among the figures, because it competes with what it measures.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
READ_LIMIT = 1 << 16
PAUSE_SECONDS = 0.05
WARM_CONNECTIONS, WARM_SECONDS = 64, 1.0
CHATS = 40
"""How many chats each connection archives in turn."""


@dataclass(frozen=True, slots=True)
class Orders:
    """Whom to ask, by how many connections, for how many seconds.

    The connections take the tokens in turn, of which each is of a user with one device.
    """

    port: int
    connections: int
    seconds: float
    tokens: Sequence[str] = ("",)


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of it. Times are in milliseconds, of answers with 200 alone."""

    per_second: float
    p50_ms: float
    p99_ms: float
    others: dict[str, int]
    own_cpu_seconds: float


def measure(orders: Orders) -> Measured:
    """Run the generator as a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.load"],
        input=json.dumps(asdict(orders)),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=orders.seconds + 60,
    )
    return Measured(**json.loads(done.stdout))


def warm_up(port: int, tokens: Sequence[str] = ("",)) -> None:
    """Ask for a moment, so that what is measured next is no start."""
    measure(Orders(port, WARM_CONNECTIONS, WARM_SECONDS, tokens))


async def ask(
    streams: tuple[asyncio.StreamReader, asyncio.StreamWriter], request: bytes
) -> tuple[int, bool]:
    """Send a request; returns the status, and whether the connection stays open."""
    reader, writer = streams
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    lowered = head.lower()
    length = lowered.partition(b"content-length:")[2].partition(b"\r\n")[0]
    await reader.readexactly(int(length))
    return int(head[9:12]), b"connection: close" not in lowered


def requests_of(orders: Orders, connection: int) -> list[bytes]:
    """Return what a connection asks, again and again."""
    body = b'{"archived": true}'
    token = orders.tokens[connection % len(orders.tokens)]
    head = (
        f"Host: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    jids = (f"1555{connection:03}{number:04}%40s.whatsapp.net" for number in range(CHATS))
    return [f"POST /chats/{jid}/archive HTTP/1.1\r\n{head}".encode() + body for jid in jids]


async def work(orders: Orders, connection: int, until: float) -> list[tuple[int, float]]:
    """Ask one request after the other until the time is over; returns statuses and seconds."""
    answers: list[tuple[int, float]] = []
    requests = requests_of(orders, connection)
    streams = None
    while (began := time.monotonic()) < until:
        try:
            streams = streams or await asyncio.open_connection(
                "127.0.0.1", orders.port, limit=READ_LIMIT
            )
            status, stays = await ask(streams, requests[len(answers) % len(requests)])
        except (OSError, asyncio.IncompleteReadError):
            status, stays = 0, False
        answers.append((status, time.monotonic() - began))
        if not stays and streams is not None:
            streams[1].close()
            streams = None
        if status != 200:
            await asyncio.sleep(PAUSE_SECONDS)
    if streams is not None:
        streams[1].close()
    return answers


async def run(orders: Orders) -> Measured:
    """Let all connections work at once."""
    began = time.monotonic()
    until = began + orders.seconds
    done = await asyncio.gather(
        *(work(orders, connection, until) for connection in range(orders.connections))
    )
    lasted = time.monotonic() - began
    answers = [answer for one in done for answer in one]
    good = sorted(seconds for status, seconds in answers if status == 200)
    others = Counter(str(status) for status, _ in answers if status != 200)
    return Measured(
        per_second=round(len(good) / lasted, 1),
        p50_ms=quantile(good, 0.5),
        p99_ms=quantile(good, 0.99),
        others=dict(others),
        own_cpu_seconds=round(time.process_time(), 2),
    )


def quantile(seconds: Sequence[float], share: float) -> float:
    """Return the time in milliseconds within which this share of the sorted answers came."""
    if not seconds:
        return 0.0
    return round(seconds[min(len(seconds) - 1, int(share * len(seconds)))] * 1000, 1)


if __name__ == "__main__":
    print(json.dumps(asdict(asyncio.run(run(Orders(**json.load(sys.stdin)))))))
