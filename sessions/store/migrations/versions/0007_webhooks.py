"""Webhooks, how far each has come, and what became of what was sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "webhooks",
        _device(primary_key=True),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("events", sa.Text),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("retry_attempts", sa.Integer, nullable=False),
        sa.Column("timeout", sa.Integer, nullable=False),
        sa.Column("secret", sa.LargeBinary),
        sa.Column("old_secret", sa.LargeBinary),
        sa.Column("old_secret_until", sa.BigInteger),
        sa.Column("headers", sa.Text, nullable=False),
        sa.Column("disabled_reason", sa.String(64)),
        sa.Column("disabled_at", sa.BigInteger),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "webhook_queues",
        _device(primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_at", sa.BigInteger),
        sa.Column("failing_since", sa.BigInteger),
        sa.Column("is_exhausted", sa.Boolean, nullable=False),
    )
    _create_deliveries()
    op.create_table(
        "pending_webhooks",
        sa.Column(
            "user_id", sa.String(36), sa.ForeignKey("users.id"), primary_key=True, nullable=False
        ),
        sa.Column("url", sa.Text, nullable=False),
    )


def downgrade() -> None:
    """Drop them."""
    for table in ("pending_webhooks", "deliveries", "webhook_queues", "webhooks"):
        op.drop_table(table)


def _device(*, primary_key: bool = False) -> sa.Column[str]:
    return sa.Column(
        "device_id",
        sa.String(36),
        sa.ForeignKey("devices.id"),
        primary_key=primary_key,
        nullable=False,
    )


def _create_deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("number", sa.Integer, primary_key=True),
        _device(),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("event", sa.String(64), nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("attempted_at", sa.BigInteger, nullable=False, index=True),
        sa.Column("duration_ms", sa.Integer, nullable=False),
        sa.Column("http_status", sa.Integer),
        sa.Column("failure", sa.String(32)),
        sa.UniqueConstraint("device_id", "id"),
    )
    op.create_index("deliveries_of_device", "deliveries", ["device_id", "number"])
