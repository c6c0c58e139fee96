"""The states of a device, and what the use cases of devices hand out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class DeviceStatus(StrEnum):
    """What is observed of a device."""

    NEW = "new"
    PAIRING = "pairing"
    PASSKEY_REQUIRED = "passkey_required"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    LOGGED_OUT = "logged_out"
    REPLACED = "replaced"
    OUTDATED = "outdated"
    BANNED = "banned"
    STOPPED = "stopped"


class DesiredState(StrEnum):
    """What the owner of a device wants of it."""

    ONLINE = "online"
    OFFLINE = "offline"


class PairingState(StrEnum):
    """How far the pairing of a device has come."""

    NONE = "none"
    WAITING = "waiting"
    PASSKEY = "passkey"
    LINKING = "linking"
    LINKED = "linked"
    EXPIRED = "expired"
    FAILED = "failed"


class PairingMethod(StrEnum):
    """How a phone is told of the device."""

    QR = "qr"
    CODE = "code"


class PasskeyStage(StrEnum):
    """How far the exchange of an owner's passkey has come."""

    ASKED = "asked"
    ANSWERED = "answered"
    SHOWN = "shown"
    CONFIRMED = "confirmed"


class CollectionState(StrEnum):
    """How well the app state of a collection is known here; from good to bad."""

    OK = "ok"
    SYNCING = "syncing"
    AWAITING_KEYS = "awaiting_keys"
    AWAITING_PHONE = "awaiting_phone"
    WEDGED = "wedged"


WITHOUT_KEYS = frozenset(
    {
        DeviceStatus.NEW,
        DeviceStatus.PAIRING,
        DeviceStatus.PASSKEY_REQUIRED,
        DeviceStatus.LOGGED_OUT,
    }
)
"""In these the device holds no keys of an account, and needs a code to get some."""

IN_PAIRING = frozenset({DeviceStatus.PAIRING, DeviceStatus.PASSKEY_REQUIRED})
"""In these a pairing runs."""


@dataclass(frozen=True, slots=True)
class DeviceKey:
    """What names a device: its id within its tenant. One of another tenant is not found."""

    tenant_id: str
    device_id: str


@dataclass(frozen=True, slots=True)
class Device:
    """A device as the database knows it. `revision` rises with every change of what is observed.

    `unarchive_chats`: messages bring archived chats back; `lid_migrated`: the account calls people
    by their LIDs. None is unknown. `webhook_url` is read for lists alone.
    """

    id: str
    tenant_id: str
    user_id: str
    name: str
    desired: DesiredState
    status: DeviceStatus
    revision: int
    created_at: datetime
    updated_at: datetime
    reason: str | None = None
    jid: str | None = None
    lid: str | None = None
    push_name: str | None = None
    app_state: CollectionState | None = None
    last_seen_at: datetime | None = None
    banned_until: datetime | None = None
    unarchive_chats: bool | None = None
    lid_migrated: bool | None = None
    webhook_url: str | None = None

    @property
    def key(self) -> DeviceKey:
        """What names it."""
        return DeviceKey(self.tenant_id, self.id)

    @property
    def connected(self) -> bool:
        """Whether it is connected and logged in."""
        return self.status is DeviceStatus.CONNECTED

    @property
    def is_linked(self) -> bool:
        """Whether it holds the keys of an account."""
        return self.jid is not None and self.status not in WITHOUT_KEYS


@dataclass(frozen=True, slots=True)
class DeviceState:
    """How a device is. Without a device the status is `new` and `device_id` None."""

    status: DeviceStatus
    device_id: str | None = None
    reason: str | None = None
    jid: str | None = None
    phone_number: str | None = None
    is_logged_in: bool = False
    last_seen_at: datetime | None = None
    banned_until: datetime | None = None
    app_state: CollectionState | None = None
    unarchive_chats: bool | None = None

    @property
    def connected(self) -> bool:
        """Whether it is connected and logged in."""
        return self.status is DeviceStatus.CONNECTED


@dataclass(frozen=True, slots=True)
class QRCode:
    """A code for the phone to scan. `code` is a secret; `attempt` counts from 1."""

    device_id: str
    code: str = field(repr=False)
    generated_at: datetime
    expires_at: datetime
    attempt: int
    cached: bool


@dataclass(frozen=True, slots=True)
class PairCode:
    """A code to be typed into the phone with that number. `code` is a secret."""

    device_id: str
    code: str = field(repr=False)
    phone: str
    expires_at: datetime
    cached: bool


@dataclass(frozen=True, slots=True)
class PairingStatus:
    """How the pairing of a device stands. `exists` says whether a code is on show now."""

    exists: bool
    state: PairingState
    attempt: int
    method: PairingMethod | None = None
    generated_at: datetime | None = None
    expires_at: datetime | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Passkey:
    """WhatsApp's wish that the account's owner confirm the device with a passkey.

    `public_key` is WebAuthn's PublicKeyCredentialRequestOptions in JSON. `code` is what the phone
    shows, too; `compare`: the owner has to compare the two.
    """

    stage: PasskeyStage
    public_key: Mapping[str, Any] = field(repr=False)
    compare: bool
    expires_at: datetime
    code: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ConnectResult:
    """What connecting came to. `needs_qr`: there are no keys to connect with."""

    device_id: str
    status: DeviceStatus
    needs_qr: bool


@dataclass(frozen=True, slots=True)
class DisconnectResult:
    """The device is disconnected and keeps its keys."""

    device_id: str
    status: DeviceStatus


@dataclass(frozen=True, slots=True)
class LogoutResult:
    """The keys of the device are gone. `unlinked`: WhatsApp has confirmed it."""

    device_id: str
    unlinked: bool
