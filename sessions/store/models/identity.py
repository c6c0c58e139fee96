"""The tables of tenants, users, tokens and devices, and of what they asked for."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from sessions.store.models.base import Base


class TenantRow(Base):
    """A tenant. `name_key` is its name as it is compared."""

    __tablename__ = "tenants"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    name_key: Mapped[str] = mapped_column(String(600), unique=True)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class UserRow(Base):
    """A user of a tenant. `email_key` is the address as it is compared."""

    __tablename__ = "users"
    __table_args__ = (UniqueConstraint("tenant_id", "email_key"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    email: Mapped[str] = mapped_column(String(320))
    email_key: Mapped[str] = mapped_column(String(960))
    role: Mapped[str] = mapped_column(String(16))
    active: Mapped[bool]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class TokenRow(Base):
    """A token, as its SHA-256; `hint` is its last four characters.

    A user's first token has no name. `scopes` are separated by spaces; without them it may all.
    """

    __tablename__ = "tokens"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    hint: Mapped[str] = mapped_column(String(4))
    name: Mapped[str | None] = mapped_column(String(100))
    scopes: Mapped[str | None] = mapped_column(String(300))
    expires_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class DeviceRow(Base):
    """A device. `revision` rises with every change of what is observed (status to banned_until)."""

    __tablename__ = "devices"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"), index=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    desired: Mapped[str] = mapped_column(String(16), index=True)
    revision: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[str] = mapped_column(String(32))
    reason: Mapped[str | None] = mapped_column(String(200))
    jid: Mapped[str | None] = mapped_column(String(80))
    lid: Mapped[str | None] = mapped_column(String(80))
    push_name: Mapped[str | None] = mapped_column(String(200))
    app_state: Mapped[str | None] = mapped_column(String(32))
    last_seen_at: Mapped[datetime | None]
    banned_until: Mapped[datetime | None]
    unarchive_chats: Mapped[bool | None]
    lid_migrated: Mapped[bool | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class CollectionRow(Base):
    """The state of one app-state collection of a device."""

    __tablename__ = "collections"

    device_id: Mapped[str] = mapped_column(ForeignKey("devices.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    state: Mapped[str] = mapped_column(String(32))
    version: Mapped[int] = mapped_column(BigInteger)


class SpoolMarkRow(Base):
    """The newest spooled event of a tenant whose effects are in this database.

    No foreign key: a spool can outlive its tenant.
    """

    __tablename__ = "spool_marks"

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    spool_id: Mapped[int] = mapped_column(BigInteger)


class AuditRow(Base):
    """Who did what, when, with which outcome: ids only.

    No foreign keys: what is recorded outlives the user or device that it names.
    """

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    tenant_id: Mapped[str | None] = mapped_column(String(36), index=True)
    user_id: Mapped[str | None] = mapped_column(String(36))
    token_id: Mapped[str | None] = mapped_column(String(36))
    action: Mapped[str] = mapped_column(String(64))
    device_id: Mapped[str | None] = mapped_column(String(36))
    target_id: Mapped[str | None] = mapped_column(String(36))
    outcome: Mapped[str] = mapped_column(String(64))
    request_id: Mapped[str] = mapped_column(String(64))


class IdempotencyRow(Base):
    """A request with an idempotency key, and its answer once it has succeeded.

    No foreign keys: `user_id` is `master` for the platform's owner.
    """

    __tablename__ = "idempotency_keys"

    user_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    tenant_id: Mapped[str | None] = mapped_column(String(36))
    device_id: Mapped[str | None] = mapped_column(String(36))
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary(32))
    expires_at: Mapped[datetime] = mapped_column(index=True)
    status: Mapped[int | None]
    body: Mapped[bytes | None] = mapped_column(LargeBinary)


class PairCodeRow(Base):
    """A code to be typed into the phone with that number was asked for. The code is not kept.

    No foreign key: a request may come to its end after its tenant was erased.
    """

    __tablename__ = "pair_codes"

    number: Mapped[int] = mapped_column(primary_key=True)
    phone: Mapped[str] = mapped_column(String(15), index=True)
    tenant_id: Mapped[str] = mapped_column(String(36), index=True)
    made_at: Mapped[datetime]


class MetaRow(Base):
    """A fact about the whole database, such as the network its accounts belong to."""

    __tablename__ = "meta"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str] = mapped_column(String(256))
