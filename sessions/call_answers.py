"""Rejecting and answering calls by themselves, as the settings of their devices want it.

What is due stands in the rows of calls, written with the offer, so that a kill loses none of it. A
reply is sent with an id that follows from its call, and noted only afterwards: one that a kill
repeats is the same message once more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.orm import Session as Transaction

from bridge.errors import BridgeError
from sessions.bridge_errors import from_bridge_error
from sessions.call_events import log_call
from sessions.call_rules import FRESH, Verdict, build_message_id, judge
from sessions.call_states import CallState
from sessions.deadline import Deadline
from sessions.environment import Environment
from sessions.errors import ServiceError
from sessions.metrics import Metrics
from sessions.mirror import Mirror
from sessions.session import Session
from sessions.states import DeviceKey
from sessions.store import call_settings
from sessions.store import calls as rows
from sessions.store.models import CallRow
from sessions.times import to_milliseconds

_RETRY_AFTER = timedelta(seconds=3)
_MOST_DUE = 100
_BRIDGE_SECONDS = 10.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of asking the bridge for something."""

    result: Mapping[str, Any]
    error: ServiceError | None = None

    @property
    def is_due_again(self) -> bool:
        """Whether it failed, and repeating it may help."""
        return self.error is not None and self.error.retry_after is not None


class CallAnswers:
    """Does what is due for a device. At most one thread for each device at a time."""

    def __init__(self, environment: Environment, metrics: Metrics) -> None:
        self._environment = environment
        self._database = environment.database
        self._metrics = metrics

    def serve(self, key: DeviceKey) -> None:
        """Do what is due, call by call. Raises StorageUnavailable, DeviceNotFound.

        What can't be done now stays due. A reply goes out whatever became of the reject.
        """
        session = self._environment.registry.find(key)
        now = self._environment.now()
        with self._database.read() as transaction:
            due = rows.due_calls(transaction, key.device_id, now, most=_MOST_DUE)
        for call_id in due:
            self._reject(session, call_id)
            self._reply(session, call_id)
        self._environment.registry.notify(key.device_id)

    def _reject(self, session: Session, call_id: str) -> None:
        stanza = self._begin_reject(session.device_id, call_id)
        if stanza is None:
            return
        attempt = _ask(session, "call.reject", stanza)

        def note(_: Transaction, row: CallRow, now: datetime) -> None:
            if attempt.error is None:
                rows.note_reject(row, acknowledged=attempt.result["acknowledged"], at=now)
                row.auto_rejected = True
            row.reject_due = attempt.is_due_again
            rows.settle(row, retry_at=now if row.reply_due else now + _RETRY_AFTER)

        self._change(session.device_id, call_id, note)
        self._metrics.count_reject("rule", outcome_of_reject(attempt.result))

    def _begin_reject(self, device_id: str, call_id: str) -> dict[str, str] | None:
        """Return what to reject, unless it is too late for that."""
        now = self._environment.now()
        with self._database.write() as transaction:
            row = rows.find(transaction, device_id, call_id)
            if row is None or not row.reject_due:
                return None
            if row.state == CallState.RINGING and now - row.noted_at <= FRESH:
                return rows.stanza_of(row)
            row.reject_due = False
            rows.settle(row, retry_at=now)
            return None

    def _reply(self, session: Session, call_id: str) -> None:
        message = self._begin_reply(session.device_id, call_id)
        if message is None:
            return
        attempt = _ask(session, "message.send_text", message)

        def note(transaction: Transaction, row: CallRow, now: datetime) -> None:
            if attempt.error is None:
                row.replied_at = now
                self._log(transaction, row, "call.auto_replied", now=now)
            row.reply_due = attempt.is_due_again
            rows.settle(row, retry_at=now + _RETRY_AFTER)

        self._change(session.device_id, call_id, note)
        self._metrics.count_reply("sent" if attempt.error is None else "failed")

    def _begin_reply(self, device_id: str, call_id: str) -> dict[str, str] | None:
        """Return what to send, unless something speaks against it now."""
        now = self._environment.now()
        with self._database.write() as transaction:
            row = rows.find(transaction, device_id, call_id)
            if row is None or not row.reply_due:
                return None
            reply = call_settings.find(transaction, device_id).auto_reply
            before = rows.past_replies(transaction, row, now)
            verdict = judge(reply, before, called_at=row.noted_at, now=now)
            if verdict is Verdict.SEND:
                message_id = build_message_id(call_id)
                return {"to": row.caller, "text": reply.text or "", "message_id": message_id}
            row.reply_due = False
            rows.settle(row, retry_at=now)
            if verdict is Verdict.SUPPRESSED:
                self._log(transaction, row, "call.reply_suppressed", now=now)
        self._metrics.count_reply(verdict)
        return None

    def _change(
        self, device_id: str, call_id: str, change: Callable[[Transaction, CallRow, datetime], None]
    ) -> None:
        """Change the row of a call, unless it was erased meanwhile."""
        with self._database.write() as transaction:
            row = rows.find(transaction, device_id, call_id)
            if row is not None:
                change(transaction, row, self._environment.now())

    def _log(self, transaction: Transaction, row: CallRow, event: str, *, now: datetime) -> None:
        at = to_milliseconds(now)
        mirror = Mirror(transaction, row.device_id, jids=(), now=at)
        log_call(mirror, row, event, at=at)
        mirror.write()


def outcome_of_reject(result: Mapping[str, Any]) -> str:
    """Return what the metrics call the outcome of a reject; without a result it failed."""
    if not result:
        return "failed"
    return "acknowledged" if result["acknowledged"] else "unacknowledged"


def _ask(session: Session, method: str, params: Mapping[str, str]) -> Attempt:
    """Invoke a method of the bridge in this thread, which is one of the pool's."""
    try:
        return Attempt(session.call(method, Deadline.after(_BRIDGE_SECONDS), **params))
    except BridgeError as error:
        failure = from_bridge_error(error)
    except ServiceError as error:
        failure = error
    log.warning("call_not_served", device_id=session.device_id, method=method, code=failure.code)
    return Attempt({}, failure)
