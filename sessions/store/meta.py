"""Facts about the whole database."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session as Transaction

from sessions.data_directory import DataBelongsElsewhere
from sessions.store.models import MetaRow

_NETWORK = "network"
_PROBE = "written_at"


def claim_network(transaction: Transaction, network: str) -> None:
    """Remember whose accounts this data belongs to. Raises DataBelongsElsewhere for another one."""
    row = transaction.get(MetaRow, _NETWORK)
    if row is None:
        transaction.add(MetaRow(key=_NETWORK, value=network))
    elif row.value != network:
        raise DataBelongsElsewhere(row.value, network)


def note_probe(transaction: Transaction, now: datetime) -> None:
    """Write something, to see whether that is possible."""
    transaction.merge(MetaRow(key=_PROBE, value=now.isoformat()))
