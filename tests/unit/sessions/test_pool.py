"""The bounded pool."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Event, Lock

import pytest

from sessions.errors import ShuttingDown
from sessions.pool import Pool
from tests.support.sessions import SECONDS, at_once, soon, wait_until


class Work:
    """Tasks that block until released, and how many of each tenant ran at once."""

    def __init__(self) -> None:
        self.release = Event()
        self.started: list[str] = []
        self._lock = Lock()

    def of(self, tenant_id: str) -> Callable[[], None]:
        """Return a blocking task of a tenant."""

        def run() -> None:
            with self._lock:
                self.started.append(tenant_id)
            assert self.release.wait(SECONDS)

        return run


@pytest.fixture
def work() -> Work:
    """Blocking tasks."""
    return Work()


@pytest.fixture
def pool(work: Work) -> Iterator[Pool]:
    """A pool of four threads, two a tenant."""
    pool = Pool(4, per_tenant=2)
    pool.start()
    yield pool
    work.release.set()
    pool.stop(soon())


def test_a_tenant_runs_only_so_much(pool: Pool, work: Work) -> None:
    """The third task of a tenant waits, although threads are idle."""
    for _ in range(3):
        pool.submit("a", work.of("a"))
    pool.submit("b", work.of("b"))
    wait_until(lambda: len(work.started) == 3)
    assert sorted(work.started) == ["a", "a", "b"]
    work.release.set()
    assert pool.drain(soon())
    assert sorted(work.started) == ["a", "a", "a", "b"]


def test_a_busy_tenant_holds_up_no_other(pool: Pool, work: Work) -> None:
    """However much one tenant has queued, another one's task starts at once."""
    for _ in range(500):
        pool.submit("a", work.of("a"))
    pool.submit("b", work.of("b"))
    wait_until(lambda: "b" in work.started)
    work.release.set()
    assert pool.drain(soon())
    assert len(work.started) == 501


def test_tenants_take_turns() -> None:
    """With one thread, the queues of two tenants are worked off alternately."""
    pool = Pool(1, per_tenant=1)
    order: list[str] = []
    for tenant_id in ("a", "a", "a", "b", "b", "b"):
        pool.submit(tenant_id, lambda tenant_id=tenant_id: order.append(tenant_id))
    pool.start()
    assert pool.drain(soon())
    pool.stop(soon())
    assert order == ["a", "b", "a", "b", "a", "b"]


def test_a_failing_task_costs_no_thread(pool: Pool, work: Work) -> None:
    """After more failures than threads the pool still works."""

    def fail() -> None:
        raise ZeroDivisionError

    for _ in range(10):
        pool.submit("a", fail)
    work.release.set()
    pool.submit("a", work.of("a"))
    assert pool.drain(soon())
    assert work.started == ["a"]


def test_draining_has_a_deadline(pool: Pool, work: Work) -> None:
    """It says that something still ran when the deadline came."""
    pool.submit("a", work.of("a"))
    wait_until(lambda: work.started == ["a"])
    assert not pool.drain(at_once())


def test_a_stopped_pool_takes_nothing(pool: Pool, work: Work) -> None:
    """What was queued is forgotten, and new tasks are refused."""
    for _ in range(3):
        pool.submit("a", work.of("a"))
    wait_until(lambda: len(work.started) == 2)
    pool.stop(at_once())
    work.release.set()
    pool.stop(soon())
    with pytest.raises(ShuttingDown):
        pool.submit("a", work.of("a"))
    assert work.started == ["a", "a"]
