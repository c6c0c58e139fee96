"""Names, scopes and expiry of tokens; the audit log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and the table."""
    op.add_column("tokens", sa.Column("name", sa.String(100)))
    op.add_column("tokens", sa.Column("scopes", sa.String(300)))
    op.add_column("tokens", sa.Column("expires_at", sa.BigInteger))
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False, index=True),
        sa.Column("tenant_id", sa.String(36), index=True),
        sa.Column("user_id", sa.String(36)),
        sa.Column("token_id", sa.String(36)),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("device_id", sa.String(36)),
        sa.Column("target_id", sa.String(36)),
        sa.Column("outcome", sa.String(64), nullable=False),
        sa.Column("request_id", sa.String(64), nullable=False),
    )


def downgrade() -> None:
    """Remove them."""
    op.drop_table("audit")
    for column in ("expires_at", "scopes", "name"):
        op.drop_column("tokens", column)
