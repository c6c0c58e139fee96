"""Chats, pairs of LIDs and numbers, and the event log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_TABLES = (
    "events",
    "lid_pairs",
    "removed_chats",
    "past_positions",
    "chats",
    "mirrored_collections",
    "mirrors",
)


def upgrade() -> None:
    """Make the tables."""
    op.add_column("devices", sa.Column("unarchive_chats", sa.Boolean))
    op.add_column("devices", sa.Column("lid_migrated", sa.Boolean))
    _create_mirrors()
    _create_chats()
    _create_positions()
    op.create_table(
        "lid_pairs",
        _device(primary_key=True),
        sa.Column("lid", sa.String(80), primary_key=True),
        sa.Column("pn", sa.String(80), nullable=False),
        sa.UniqueConstraint("device_id", "pn"),
    )
    op.create_table(
        "events",
        _device(primary_key=True),
        sa.Column("sequence", sa.BigInteger, primary_key=True),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False, index=True),
        sa.Column("data", sa.Text, nullable=False),
    )


def downgrade() -> None:
    """Drop them."""
    for table in _TABLES:
        op.drop_table(table)
    op.drop_column("devices", "lid_migrated")
    op.drop_column("devices", "unarchive_chats")


def _device(*, primary_key: bool = False) -> sa.Column[str]:
    return sa.Column(
        "device_id",
        sa.String(36),
        sa.ForeignKey("devices.id"),
        primary_key=primary_key,
        nullable=False,
    )


def _create_mirrors() -> None:
    op.create_table(
        "mirrors",
        _device(primary_key=True),
        sa.Column("account", sa.String(80)),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("has_history", sa.Boolean, nullable=False),
    )
    op.create_table(
        "mirrored_collections",
        _device(primary_key=True),
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("is_stale", sa.Boolean, nullable=False),
    )


def _create_chats() -> None:
    op.create_table(
        "chats",
        sa.Column("id", sa.Integer, primary_key=True),
        _device(),
        sa.Column("jid", sa.String(80), nullable=False),
        sa.Column("lid", sa.String(80)),
        sa.Column("address", sa.String(80)),
        sa.Column("is_chat", sa.Boolean, nullable=False),
        sa.Column("is_member", sa.Boolean, nullable=False),
        sa.Column("contact_name", sa.String(200)),
        sa.Column("contact_name_at", sa.BigInteger),
        sa.Column("business_name", sa.String(200)),
        sa.Column("subject", sa.String(200)),
        sa.Column("push_name", sa.String(200)),
        sa.Column("participant_count", sa.Integer),
        sa.Column("archived", sa.Boolean),
        sa.Column("archived_at", sa.BigInteger),
        sa.Column("unarchived_at", sa.BigInteger),
        sa.Column("pinned", sa.Boolean),
        sa.Column("pinned_at", sa.BigInteger),
        sa.Column("muted_until", sa.BigInteger),
        sa.Column("muted_until_at", sa.BigInteger),
        sa.Column("read", sa.Boolean),
        sa.Column("read_at", sa.BigInteger),
        sa.Column("last_message_at", sa.BigInteger),
        sa.Column("placed_revision", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("listed", sa.Boolean, nullable=False),
        sa.Column("order_pinned", sa.Integer, nullable=False),
        sa.Column("order_at", sa.BigInteger, nullable=False),
        sa.Column("sort_name", sa.String(40), nullable=False),
        sa.Column("search", sa.String(1000), nullable=False),
        sa.UniqueConstraint("device_id", "jid"),
        sa.UniqueConstraint("device_id", "lid"),
    )
    order = ["device_id", "order_pinned", "order_at", "sort_name", "id"]
    op.create_index("chats_in_order", "chats", order)


def _create_positions() -> None:
    op.create_table(
        "past_positions",
        sa.Column("chat_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("until_revision", sa.BigInteger, primary_key=True),
        _device(),
        sa.Column("from_revision", sa.BigInteger, nullable=False),
        sa.Column("moved_at", sa.BigInteger, nullable=False, index=True),
        sa.Column("order_pinned", sa.Integer, nullable=False),
        sa.Column("order_at", sa.BigInteger, nullable=False),
        sa.Column("sort_name", sa.String(40), nullable=False),
    )
    op.create_index("past_positions_of_device", "past_positions", ["device_id", "until_revision"])
    op.create_table(
        "removed_chats",
        _device(primary_key=True),
        sa.Column("jid", sa.String(80), primary_key=True),
        sa.Column("removed_at", sa.BigInteger, nullable=False),
    )
