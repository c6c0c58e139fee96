"""How often numbers are asked to link a device: a few times an hour, whoever asks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from bridge.errors import BridgeCode, BridgeError
from sessions.environment import Environment
from sessions.errors import QuotaExceeded, ServiceError
from sessions.store import pair_codes as rows

PERIOD = timedelta(hours=1)
# After these WhatsApp may have been asked for a code.
_ASKED = frozenset(
    {
        BridgeCode.PAIRING_FAILED,
        BridgeCode.SERVER_REFUSED,
        BridgeCode.SERVER_UNAVAILABLE,
        BridgeCode.OUTCOME_UNKNOWN,
        BridgeCode.STOPPED,
    }
)


class PairCodeQuota:
    """Keeps the codes of a number, over all tenants, and those of a tenant to so many an hour.

    They are counted in the database, so that a restart lifts no limit.
    """

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    @contextmanager
    def counted(self, phone: str, tenant_id: str) -> Iterator[None]:
        """Count the code that the block asks the bridge for. Raises QuotaExceeded.

        It counts before it is made, so that a kill gives nothing away; what WhatsApp was not asked
        is given back.
        """
        number = self._take(phone, tenant_id)
        try:
            yield
        except ServiceError:
            self._give_back(number)
            raise
        except BridgeError as error:
            if error.code not in _ASKED:
                self._give_back(number)
            raise

    def _take(self, phone: str, tenant_id: str) -> int:
        now, config = self._environment.now(), self._environment.config
        with self._environment.database.write() as transaction:
            since = now - PERIOD
            of_phone = rows.times_of_phone(transaction, phone, since)
            _check(of_phone, config.pair_codes_per_hour, whose="number", now=now)
            of_tenant = rows.times_of_tenant(transaction, tenant_id, since)
            _check(of_tenant, config.pair_codes_per_tenant, whose="tenant", now=now)
            return rows.add(transaction, phone=phone, tenant_id=tenant_id, at=now)

    def _give_back(self, number: int) -> None:
        with self._environment.database.write() as transaction:
            rows.remove(transaction, number)


def _check(made: Sequence[datetime], most: int, *, whose: str, now: datetime) -> None:
    if len(made) >= most:
        raise QuotaExceeded(
            f"a {whose} gets at most {most} codes an hour",
            retry_after=(made[-most] + PERIOD - now).total_seconds(),
        )
