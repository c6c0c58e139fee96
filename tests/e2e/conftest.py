"""Three real processes: gunicorn with the built library, and the simulator."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.service import Caller, Service, running_service
from tests.support.simulator import Phone, Simulator, running_simulator


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """One simulator for all tests; each test uses accounts of its own."""
    with running_simulator(tmp_path_factory.mktemp("simulator")) as simulator:
        yield simulator


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory, simulator: Simulator) -> Iterator[Service]:
    """One service for the tests that leave it as it was."""
    with running_service(tmp_path_factory.mktemp("service"), simulator) as service:
        yield service


@pytest.fixture
def own_service(tmp_path: Path, simulator: Simulator) -> Iterator[Service]:
    """A service that the test may stop and start."""
    with running_service(tmp_path, simulator) as service:
        yield service


@pytest.fixture
def phone(simulator: Simulator) -> Iterator[Phone]:
    """An account whose linked devices must not have violated the protocol."""
    phone = simulator.add_phone()
    yield phone
    assert phone.violations() == []


@pytest.fixture
def caller(service: Service) -> Caller:
    """The admin of a new tenant, with no device yet."""
    return service.register()


@pytest.fixture
def linked(caller: Caller, phone: Phone) -> Caller:
    """The admin of a new tenant, with a linked and connected device."""
    return caller.link(phone)
