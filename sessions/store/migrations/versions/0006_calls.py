"""Calls, and what devices do with them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "calls",
        _device(),
        sa.Column("call_id", sa.String(128), primary_key=True),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("reason", sa.String(64)),
        sa.Column("media", sa.String(8)),
        sa.Column("caller", sa.String(80), nullable=False),
        sa.Column("number", sa.String(80)),
        sa.Column("lid", sa.String(80)),
        sa.Column("group_jid", sa.String(80)),
        sa.Column("stanza_from", sa.String(80), nullable=False),
        sa.Column("creator", sa.String(80), nullable=False),
        sa.Column("noted_at", sa.BigInteger, nullable=False),
        sa.Column("offered_at", sa.BigInteger),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("replied_at", sa.BigInteger),
        sa.Column("open_until", sa.BigInteger, index=True),
        sa.Column("due_at", sa.BigInteger, index=True),
        sa.Column("reject_due", sa.Boolean, nullable=False),
        sa.Column("reply_due", sa.Boolean, nullable=False),
        sa.Column("auto_rejected", sa.Boolean, nullable=False),
        sa.Column("reject_acknowledged", sa.Boolean),
        sa.Column("logged", sa.String(200), nullable=False),
    )
    op.create_index("calls_in_order", "calls", ["device_id", "noted_at", "call_id"])
    op.create_table(
        "call_settings",
        _device(),
        sa.Column("auto_reject", sa.String(16), nullable=False),
        sa.Column("allow", sa.Text, nullable=False),
        sa.Column("reply_enabled", sa.Boolean, nullable=False),
        sa.Column("reply_text", sa.Text),
        sa.Column("cooldown_seconds", sa.Integer, nullable=False),
        sa.Column("also_when_not_rejected", sa.Boolean, nullable=False),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("call_settings")
    op.drop_table("calls")


def _device() -> sa.Column[str]:
    return sa.Column("device_id", sa.String(36), sa.ForeignKey("devices.id"), primary_key=True)
