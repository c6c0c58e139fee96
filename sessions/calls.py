"""The use cases of calls: what rang, rejecting it, and what a device does with calls by itself.

They raise what `Devices.choose` raises; `reject` also what the admission and the session raise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session as Transaction

from sessions.addressing import resolve_chat
from sessions.call_answers import outcome_of_reject
from sessions.call_records import Call
from sessions.call_rules import AutoReject, CallSettings, replies
from sessions.call_states import OPEN, CallState, Signal
from sessions.call_worker import CallWorker
from sessions.deadline import Deadline
from sessions.devices import Devices
from sessions.environment import Environment
from sessions.errors import (
    CallEnded,
    CallNotFound,
    DeviceNotFound,
    InvalidInput,
    Problem,
    ServiceError,
)
from sessions.jid import is_person, parse_chat_jid
from sessions.metrics import Metrics
from sessions.paging import Page, PageRequest
from sessions.principals import Principal
from sessions.states import Device
from sessions.store import call_settings
from sessions.store import calls as rows
from sessions.store import chats as chat_rows
from sessions.store import devices as device_rows
from sessions.store.calls import CallFilter
from sessions.store.models import CallRow


@dataclass(frozen=True, slots=True)
class CallQuery:
    """Which calls are wanted; `caller` is a JID or number as the client wrote it."""

    state: CallState | None = None
    caller: str | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class SettingsChange:
    """What is to be different; None stays as it is. `auto_reply` holds fields of AutoReply."""

    auto_reject: AutoReject | None
    allow: Sequence[str] | None
    auto_reply: Mapping[str, Any]


class Calls:
    """Works on the calls of a device, which `choose` finds before."""

    def __init__(
        self, environment: Environment, devices: Devices, *, worker: CallWorker, metrics: Metrics
    ) -> None:
        self._environment = environment
        self._devices = devices
        self._worker = worker
        self._metrics = metrics

    def choose(self, principal: Principal, device_id: str | None) -> Device:
        """Return the device whose calls are meant."""
        return self._devices.choose(principal, device_id)

    def list(self, device: Device, query: CallQuery, page: PageRequest) -> Page[Call]:
        """List calls, the newest first. Raises InvalidInput."""
        with self._environment.database.read() as transaction:
            callers = None
            if query.caller is not None:
                callers = _jids_of(transaction, device.id, query.caller)
            wanted = CallFilter(query.state, callers, query.since)
            return rows.fetch(transaction, device.id, wanted, page=page)

    def show(self, device: Device, call_id: str) -> Call:
        """Return a call. Raises CallNotFound."""
        with self._environment.database.read() as transaction:
            call = rows.show(transaction, device.id, call_id)
        if call is None:
            raise CallNotFound
        return call

    def reject(
        self,
        principal: Principal,
        call_id: str,
        *,
        caller: str | None,
        device_id: str | None,
        deadline: Deadline,
    ) -> CallState:
        """Send a reject; returns how the call stands then.

        `caller` is needed only for a call that was never heard of. Raises CallNotFound without it,
        CallEnded, InvalidInput. When the reject fails the reply goes out all the same.
        """
        given = None if caller is None else _parse_caller(caller)
        with self._environment.admission.command():
            device = self.choose(principal, device_id)
            session = self._environment.registry.session_of(device)
            stanza = self._stanza(device, call_id, given)
            try:
                result = session.ask("call.reject", deadline, **stanza)
            except ServiceError:
                self._metrics.count_reject("request", "failed")
                self._note_failure(device, call_id)
                raise
            self._metrics.count_reject("request", outcome_of_reject(result))
            return self._note_reject(device, stanza, acknowledged=result["acknowledged"])

    def settings(self, device: Device) -> CallSettings:
        """Return what a device does with calls."""
        with self._environment.database.read() as transaction:
            return call_settings.find(transaction, device.id)

    def change_settings(self, device: Device, change: SettingsChange) -> CallSettings:
        """Change some settings and return all. Raises InvalidInput."""
        with self._environment.database.write() as transaction:
            _require(transaction, device)
            before = call_settings.find(transaction, device.id)
            allow = before.allow
            if change.allow is not None:
                allow = _resolve_all(transaction, device.id, change.allow)
            after = CallSettings(
                auto_reject=change.auto_reject or before.auto_reject,
                allow=allow,
                auto_reply=replace(before.auto_reply, **change.auto_reply),
            )
            if after.auto_reply.enabled and not after.auto_reply.text:
                raise InvalidInput([Problem("auto_reply.text", "Is needed to send replies.")])
            call_settings.store(transaction, device.id, after)
        return after

    def _stanza(self, device: Device, call_id: str, given: str | None) -> dict[str, str]:
        """Return what names the call to WhatsApp: its own words, if it was heard of."""
        with self._environment.database.read() as transaction:
            row = rows.find(transaction, device.id, call_id)
            if row is not None and row.state not in OPEN:
                raise CallEnded
            if row is not None:
                return rows.stanza_of(row)
        if given is None:
            raise CallNotFound
        return {"call_id": call_id, "from": given, "creator": given}

    def _note_reject(
        self, device: Device, stanza: Mapping[str, str], *, acknowledged: bool
    ) -> CallState:
        now = self._environment.now()
        with self._environment.database.write() as transaction:
            _require(transaction, device)
            row = rows.find(transaction, device.id, stanza["call_id"])
            if row is None:
                row = rows.add(
                    transaction,
                    device.id,
                    stanza["call_id"],
                    signal=Signal.REJECT_SENT,
                    stanza_from=stanza["from"],
                    creator=stanza["creator"],
                    caller=stanza["from"],
                    at=now,
                )
            rows.note_reject(row, acknowledged=acknowledged, at=now)
            _want_reply(transaction, row, now)
            state = CallState(row.state)
        self._worker.wake()
        return state

    def _note_failure(self, device: Device, call_id: str) -> None:
        with self._environment.database.write() as transaction:
            row = rows.find(transaction, device.id, call_id)
            if row is not None:
                _want_reply(transaction, row, self._environment.now())
        self._worker.wake()


def _require(transaction: Transaction, device: Device) -> None:
    """Raise DeviceNotFound when the device was erased since it was chosen."""
    if device_rows.find(transaction, device.key) is None:
        raise DeviceNotFound


def _want_reply(transaction: Transaction, row: CallRow, now: datetime) -> None:
    """Have the caller answered if the settings say so and he was not answered yet."""
    reply = call_settings.find(transaction, row.device_id).auto_reply
    if row.replied_at is None and replies(reply, is_rejected=True) and is_person(row.caller):
        row.reply_due = True
        rows.settle(row, retry_at=now)


def _jids_of(transaction: Transaction, device_id: str, text: str) -> frozenset[str]:
    """Return every JID of the person that a client's text means."""
    jid = resolve_chat(transaction, device_id, text, "from")
    pairs = chat_rows.load_pairs(transaction, device_id, [jid])
    return frozenset({jid, *(name for pair in pairs for name in pair)})


def _parse_caller(text: str) -> str:
    jid = parse_chat_jid(text, "from")
    if not is_person(jid):
        raise InvalidInput([Problem("from", "A group makes no calls.")])
    return jid


def _resolve_all(transaction: Transaction, device_id: str, texts: Sequence[str]) -> tuple[str, ...]:
    """Return the JIDs that texts mean, each once. Raises InvalidInput, naming every wrong one."""
    jids: list[str] = []
    problems: list[Problem] = []
    for position, text in enumerate(texts):
        try:
            jids.append(resolve_chat(transaction, device_id, text, f"allow[{position}]"))
        except InvalidInput as error:
            problems.extend(error.problems)
    if problems:
        raise InvalidInput(problems)
    return tuple(dict.fromkeys(jids))
