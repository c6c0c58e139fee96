"""Facts about the whole database."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session as Transaction

from sessions.data_directory import DataBelongsElsewhere
from sessions.store.models import MetaRow
from sessions.vault import Vault

_NETWORK = "network"
_PROBE = "written_at"
_MARK = "mark"
_KEY_CHECK = "key_check"
_CHECKED = "encrypted with the key of this data"


def claim_network(transaction: Transaction, network: str) -> None:
    """Remember whose accounts this data belongs to. Raises DataBelongsElsewhere for another one."""
    row = transaction.get(MetaRow, _NETWORK)
    if row is None:
        transaction.add(MetaRow(key=_NETWORK, value=network))
    elif row.value != network:
        raise DataBelongsElsewhere(row.value, network)


def claim_key(transaction: Transaction, vault: Vault) -> bool:
    """Make sure that what is encrypted here can be read; returns whether by the first key alone.

    Raises WrongKey.
    """
    row = transaction.get(MetaRow, _KEY_CHECK)
    if row is None:
        transaction.add(MetaRow(key=_KEY_CHECK, value=vault.encrypt(_CHECKED).decode()))
        return True
    token = row.value.encode()
    if vault.is_current(token):
        return True
    row.value = vault.renew(token).decode()
    return False


def note_probe(transaction: Transaction, now: datetime) -> None:
    """Write something, to see whether that is possible."""
    transaction.merge(MetaRow(key=_PROBE, value=now.isoformat()))


def find_mark(transaction: Transaction) -> str | None:
    """Return what was noted of the mark at the last start."""
    row = transaction.get(MetaRow, _MARK)
    return None if row is None else row.value


def set_mark(transaction: Transaction, mark: str) -> None:
    """Note how the mark is since this start."""
    transaction.merge(MetaRow(key=_MARK, value=mark))
