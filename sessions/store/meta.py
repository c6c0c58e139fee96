"""Facts about the whole database."""

from __future__ import annotations

from sqlalchemy.orm import Session as Transaction

from sessions.data_directory import DataBelongsElsewhere
from sessions.store.models import MetaRow

_NETWORK = "network"


def claim_network(transaction: Transaction, network: str) -> None:
    """Remember whose accounts this data belongs to. Raises DataBelongsElsewhere for another one."""
    row = transaction.get(MetaRow, _NETWORK)
    if row is None:
        transaction.add(MetaRow(key=_NETWORK, value=network))
    elif row.value != network:
        raise DataBelongsElsewhere(row.value, network)
