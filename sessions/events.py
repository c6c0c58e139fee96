"""What the bridge's events change in the database, and which entries of the event log they are.

An event is read first (`read_event`, pure) and applied afterwards, in a transaction. One whose type
has no effect here only wakes those who wait for news.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from bridge.interface import Event
from sessions import call_events, mirror_events, mirror_settings
from sessions.app_state_changes import Change, read_change
from sessions.connection_events import name_changes
from sessions.mirror import Mirror
from sessions.observations import CollectionStatus, Observation
from sessions.states import CollectionState, DeviceKey, PasskeyStage
from sessions.store import devices as rows
from sessions.store import mirrors
from sessions.times import from_milliseconds, to_rfc3339
from sessions.webhooks.pending import apply_pending
from sessions.work import Work

Effect = Callable[[Work, Mirror], None]
"""Applies an event, with what the batch works with and the mirror of the event's device."""

_ENDED_BY_REQUEST = frozenset({"cancelled", "superseded"})
_BAD = frozenset({CollectionState.AWAITING_PHONE, CollectionState.WEDGED})


def read_event(event: Event, started_at: datetime) -> Effect:
    """Return what an event does to the database.

    `started_at` is when this process began: an event from before it says nothing about a connection
    of now. Raises KeyError, TypeError or ValueError when the event makes no sense.
    """
    return _READERS.get(event.type, _read_nothing)(event, started_at)


def _read_status(event: Event, started_at: datetime) -> Effect:
    at = from_milliseconds(event.at)
    observation = Observation.from_bridge(event.data)
    if at < started_at:
        observation = observation.after_restart()

    def apply(work: Work, mirror: Mirror) -> None:
        before = rows.find(work.transaction, _key(event))
        rows.observe(work.transaction, _key(event), observation=observation, at=at)
        if before is not None:
            told = {"reason": observation.reason} if observation.reason else {}
            for name in name_changes(before, observation):
                mirror.log(name, {"status": observation.status, **told}, at=event.at)

    return apply


def _read_collection(event: Event, _started_at: datetime) -> Effect:
    collection = CollectionStatus.from_event(event.data)

    def apply(work: Work, mirror: Mirror) -> None:
        before = rows.set_collection(work.transaction, _key(event), collection=collection)
        _log_collection(mirror, before, collection, at=event.at)
        mirrors.note_status(work.transaction, mirror.device_id, collection)

    return apply


def _log_collection(
    mirror: Mirror, before: CollectionState | None, collection: CollectionStatus, *, at: int
) -> None:
    data = {"collection": collection.name, "state": collection.state.value}
    if collection.state is before:
        return
    if collection.state is CollectionState.OK:
        mirror.log("app_state.sync_complete", data, at=at)
    elif collection.state in _BAD:
        mirror.log("app_state.degraded", data, at=at)


def _read_change(event: Event, _started_at: datetime) -> Effect:
    change = read_change(event.data, event.at)
    # Read now, so that what makes no sense is found before the transaction.
    change.setting()

    def apply(work: Work, mirror: Mirror) -> None:
        if change.is_full:
            whole = work.full_syncs.add(_key(event), change)
            if whole:
                _apply_whole(work, mirror, whole)
            return
        _learn(work, mirror, [change])
        mirror_settings.apply_change(mirror, change, "api" if change.is_own else "phone")
        if change.is_last:
            mirrors.move_version(
                work.transaction, mirror.device_id, change.collection, version=change.version
            )

    return apply


def _apply_whole(work: Work, mirror: Mirror, whole: Sequence[Change]) -> None:
    last = whole[-1]
    _learn(work, mirror, whole)
    cause = "reconciled" if last.collection in _mirrored(work, mirror) else None
    mirror_settings.apply_whole(mirror, whole, cause)
    mirrors.set_stale(work.transaction, mirror.device_id, last.collection, stale=False)
    mirrors.set_version(work.transaction, mirror.device_id, last.collection, version=last.version)


def _mirrored(work: Work, mirror: Mirror) -> Collection[str]:
    return mirrors.collections(work.transaction, mirror.device_id)


def _learn(work: Work, mirror: Mirror, changes: Sequence[Change]) -> None:
    """Take over what changes say of people and of the account's settings, whichever they are."""
    for change in changes:
        pair = change.pair()
        if pair is not None:
            mirror_events.learn_pair(mirror, *pair, at=change.at)
    unarchives = mirror_settings.find_unarchive_chats(changes)
    if unarchives is None:
        return
    changed = rows.set_unarchive_chats(work.transaction, mirror.device_id, unarchives)
    if changed:
        data = {"unarchive_chats": unarchives, "at": to_rfc3339(changes[-1].at)}
        mirror.log("settings.unarchive_chats", data, at=changes[-1].at)


def _read_history(event: Event, _started_at: datetime) -> Effect:
    chats = list(event.data["chats"])
    return lambda _work, mirror: mirror_events.apply_history(mirror, chats, at=event.at)


def _read_history_end(event: Event, _started_at: datetime) -> Effect:
    kind = str(event.data["kind"])
    return lambda _work, mirror: mirror_events.end_history(mirror, kind)


def _read_pairs(event: Event, _started_at: datetime) -> Effect:
    pairs = [(pair["pn"], pair["lid"]) for pair in event.data["pairs"]]

    def apply(_work: Work, mirror: Mirror) -> None:
        for number, lid in pairs:
            mirror_events.learn_pair(mirror, number, lid, at=event.at)

    return apply


def _read_name(event: Event, _started_at: datetime) -> Effect:
    return lambda _work, mirror: mirror_events.apply_name(mirror, event.data)


def _read_groups(event: Event, _started_at: datetime) -> Effect:
    groups = list(event.data["groups"])
    return lambda _work, mirror: mirror_events.apply_groups(mirror, groups)


def _read_group(event: Event, _started_at: datetime) -> Effect:
    return lambda _work, mirror: mirror_events.apply_group(mirror, event.data)


def _read_message(event: Event, _started_at: datetime) -> Effect:
    told = event.data

    def apply(work: Work, mirror: Mirror) -> None:
        device = rows.find(work.transaction, _key(event))
        unarchives = device is not None and device.unarchive_chats is True
        mirror_events.apply_message(mirror, told, unarchives=unarchives, at=event.at)

    return apply


def _read_pairing(event: Event, _started_at: datetime) -> Effect:
    account = str(event.data["jid"])

    def apply(work: Work, mirror: Mirror) -> None:
        if mirror.row.account == account:
            # The app state is read anew, and where it differs something was missed.
            for name in _mirrored(work, mirror):
                mirrors.set_stale(work.transaction, mirror.device_id, name, stale=True)
        else:
            mirror.reset(account)
            rows.forget_settings(work.transaction, mirror.device_id)
        device = rows.find(work.transaction, _key(event))
        if device is not None:
            at = from_milliseconds(work.now)
            apply_pending(work.transaction, device, sequence=mirror.row.sequence, at=at)
        mirror.log(event.type, event.data, at=event.at)

    return apply


def _read_gap(event: Event, _started_at: datetime) -> Effect:
    def apply(work: Work, mirror: Mirror) -> None:
        for name in _mirrored(work, mirror):
            mirrors.set_stale(work.transaction, mirror.device_id, name, stale=True)
        mirror.log(event.type, event.data, at=event.at)

    return apply


def _read_code(event: Event, _started_at: datetime) -> Effect:
    expires_at = to_rfc3339(int(event.data["expires_at"]))
    data: dict[str, Any] = {"expires_at": expires_at, "attempt": int(event.data["attempt"])}
    return lambda _work, mirror: mirror.log(event.type, data, at=event.at)


def _read_passkey(event: Event, _started_at: datetime) -> Effect:
    stage = PasskeyStage(event.data["stage"])
    data = {"stage": stage.value, "expires_at": to_rfc3339(int(event.data["expires_at"]))}
    return lambda _work, mirror: mirror.log(event.type, data, at=event.at)


def _read_expiry(event: Event, _started_at: datetime) -> Effect:
    data = {"attempt": int(event.data["attempt"])}
    return lambda _work, mirror: mirror.log(event.type, data, at=event.at)


def _read_failure(event: Event, _started_at: datetime) -> Effect:
    reason = str(event.data["reason"])

    def apply(_work: Work, mirror: Mirror) -> None:
        if reason not in _ENDED_BY_REQUEST:
            mirror.log("connection.pair_error", {"reason": reason}, at=event.at)

    return apply


def _read_offer(event: Event, _started_at: datetime) -> Effect:
    offer = call_events.read_offer(event.data, event.at)
    return lambda work, mirror: call_events.apply_offer(work, mirror, offer)


def _read_call_end(event: Event, _started_at: datetime) -> Effect:
    end = call_events.read_end(event.type, event.data, event.at)
    return lambda work, mirror: call_events.apply_end(work, mirror, end)


def _read_nothing(_event: Event, _started_at: datetime) -> Effect:
    return lambda _work, _mirror: None


def _key(event: Event) -> DeviceKey:
    return DeviceKey(event.tenant_id, event.device_id)


_READERS: Mapping[str, Callable[[Event, datetime], Effect]] = MappingProxyType(
    {
        "device.status": _read_status,
        "app_state.status": _read_collection,
        "app_state.change": _read_change,
        "history.chats": _read_history,
        "history.end": _read_history_end,
        "lid.pairs": _read_pairs,
        "contact.name": _read_name,
        "group.list": _read_groups,
        "group.change": _read_group,
        "message.time": _read_message,
        "pair.success": _read_pairing,
        "pairing.passkey_required": _read_passkey,
        "pairing.expired": _read_expiry,
        "pairing.failed": _read_failure,
        "qr.generated": _read_code,
        "events.gap": _read_gap,
        "call.offer": _read_offer,
        "call.accept": _read_call_end,
        "call.reject": _read_call_end,
        "call.terminate": _read_call_end,
    }
)
