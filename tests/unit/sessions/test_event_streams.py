"""Streams of a device's event log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from sessions.errors import DeviceNotFound, QuotaExceeded, ShuttingDown, Unauthorized
from sessions.event_streams import EventStream, EventStreams, LogPosition, Pace, Portion
from sessions.principals import Principal
from sessions.store import event_log, mirrors
from tests.support.mirror import Feed, now, open_feed
from tests.support.sessions import Stage, at_once, running, soon, threads, wait_until

QUICK = Pace(check=0.01, heartbeat=0.05, life=30)
FEW, MANY = 3, 120


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One service for the tests that leave it running."""
    with running(tmp_path_factory.mktemp("service")) as stage:
        yield stage


@pytest.fixture
def feed(stage: Stage) -> Feed:
    """A device to which a little has happened."""
    return fill(stage, FEW)


def fill(stage: Stage, count: int) -> Feed:
    """Let something happen to a new device."""
    feed = open_feed(stage)
    for number in range(count):
        kind = "events.gap" if number % 10 else "pairing.expired"
        feed.emit(kind, now(), reason="test", attempt=1)
    feed.step()
    return feed


def listen(
    feed: Feed,
    position: LogPosition | None = None,
    *,
    types: Sequence[str] = (),
    pace: Pace = QUICK,
    identify: Callable[[], Principal] | None = None,
) -> EventStream:
    """Open a stream."""
    service = feed.stage.service
    streams = EventStreams(service._environment, service.devices, log=service.event_log, pace=pace)
    return streams.open(
        feed.principal,
        feed.device.id,
        position=position or LogPosition(0),
        types=types,
        identify=identify or (lambda: feed.principal),
    )


def read_whole(stream: EventStream, end: int) -> list[int]:
    """Read to the end of a log; returns the sequences of what came."""
    told: list[int] = []
    with closing(stream):
        for portion in stream:
            told += [entry.sequence for entry in portion.entries]
            if portion.position.sequence == end:
                return told
    raise AssertionError("the stream ended early")


def pull(feed: Feed, after: int, types: Sequence[str]) -> list[int]:
    """Return the same by requests."""
    told: list[int] = []
    while after < MANY:
        page = feed.stage.service.event_log.list(
            feed.principal, feed.device.id, after=after, types=types, limit=30, wait=at_once()
        )
        told += [entry.sequence for entry in page.entries]
        after = page.next_after
    return told


@pytest.mark.parametrize("types", [(), ("pairing.expired",)])
def test_streams_and_requests_see_one_list(stage: Stage, types: Sequence[str]) -> None:
    """Whoever goes on anywhere, by stream or by requests, gets the same entries in the same order.

    That holds for every place, with and without the epoch.
    """
    feed = fill(stage, MANY)
    whole = pull(feed, 0, types)
    assert len(whole) == (MANY if not types else MANY // 10)
    for after in (0, 1, 99, 100, 101, MANY - 1):
        expected = [sequence for sequence in whole if sequence > after]
        assert pull(feed, after, types) == expected
        for epoch in (None, 1):
            position = LogPosition(after, epoch)
            assert read_whole(listen(feed, position, types=types), MANY) == expected


def test_what_happens_is_told(feed: Feed) -> None:
    """An entry is told when it is there; a heartbeat carries the place, and so does what passes."""
    with closing(listen(feed, LogPosition(FEW), types=["pairing.expired"])) as stream:
        told = iter(stream)
        assert next(told) == Portion([], LogPosition(FEW, 1), None)
        feed.emit("events.gap", now(), reason="test")
        feed.step()
        assert next(told) == Portion([], LogPosition(FEW + 1, 1), None)
        feed.emit("pairing.expired", now(), attempt=1)
        feed.step()
        feed.stage.service._environment.registry.notify(feed.device.id)
        (entry,) = next(portion.entries for portion in told if portion.entries)
        assert entry.sequence == FEW + 2


def test_a_stream_ends_by_itself(feed: Feed) -> None:
    """It says that it lives, as often as it shall, and its time is limited."""
    pace = Pace(check=0.01, heartbeat=0.05, life=0.2)
    with closing(listen(feed, LogPosition(FEW), pace=pace)) as stream:
        told = list(stream)
    assert 2 <= len(told) <= 5


def test_places_that_are_no_more(feed: Feed) -> None:
    """Who comes from before the log begins, from behind its end or from another one, is told so.

    What follows is all that there is.
    """
    with feed.stage.service._environment.database.write() as transaction:
        event_log.remove_before(transaction, now() + 1)
        mirrors.find_row(transaction, feed.device.id).epoch = 2
    for position in (LogPosition(1), LogPosition(FEW + 1), LogPosition(FEW, 1)):
        with closing(listen(feed, position)) as stream:
            (portion,) = islice(stream, 1)
        assert portion.reset is not None
        assert (portion.reset.oldest, portion.reset.latest) == (FEW, FEW)
        assert [entry.sequence for entry in portion.entries] == [FEW]
        assert portion.position == LogPosition(FEW, 2)


def test_slots(feed: Feed) -> None:
    """A user has four, which requests that wait use, too; another tenant's user has his own."""
    stage = feed.stage
    stranger = open_feed(stage)
    streams = [listen(feed) for _ in range(4)]
    with pytest.raises(QuotaExceeded) as refused:
        listen(feed)
    assert refused.value.retry_after is not None
    page = stage.service.event_log.list(
        feed.principal, feed.device.id, after=FEW, types=(), limit=1, wait=soon()
    )
    assert page.entries == []
    with closing(listen(stranger, pace=Pace(life=0))) as stream:
        assert list(stream) == []
    streams[0].close()
    streams[0].close()
    streams[0] = listen(feed)
    for stream in streams:
        stream.close()
    assert stage.service._environment.admission.polls == 0


def test_a_token_that_is_revoked(feed: Feed) -> None:
    """Nothing is told any more to whom the token does not let in."""
    revoked = False

    def identify() -> Principal:
        if revoked:
            raise Unauthorized
        return feed.principal

    with closing(listen(feed, LogPosition(FEW), identify=identify)) as stream:
        told = iter(stream)
        next(told)
        revoked = True
        feed.emit("events.gap", now(), reason="test")
        feed.step()
        with pytest.raises(Unauthorized):
            next(told)


def test_a_stop_ends_streams(tmp_path: Path) -> None:
    """A stream that waits holds no connection of the database, and ends when the service stops."""
    slow = Pace(check=60, heartbeat=60, life=60)
    with running(tmp_path) as stage:
        feed = fill(stage, FEW)
        session = stage.service._environment.registry.session_of(feed.device)
        streams = [listen(feed, LogPosition(FEW), pace=slow) for _ in range(3)]
        with threads([partial(list, stream) for stream in streams]) as outcomes:
            wait_until(lambda: len(session._watchers) == len(streams))
            readers: Any = stage.service._environment.database._readers
            wait_until(lambda: readers.pool.checkedout() == 0)
            stage.service.begin_stopping()
        assert [type(outcome) for outcome in outcomes] == [ShuttingDown] * len(streams)


def test_a_device_that_is_erased(feed: Feed) -> None:
    """The stream of a device ends with it."""
    with closing(listen(feed, LogPosition(FEW))) as stream:
        told = iter(stream)
        next(told)
        feed.stage.service.devices.purge(feed.principal, feed.device.id, deadline=soon())
        with pytest.raises(DeviceNotFound):
            list(told)
