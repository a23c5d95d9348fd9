"""The settings, muted groups, mentions and read markers of accounts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.create_table(
        "account_settings",
        sa.Column("owner", sa.String(32), primary_key=True),
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("on", sa.Boolean, nullable=False),
    )
    op.create_table(
        "mentions",
        sa.Column("owner", sa.String(32), primary_key=True),
        sa.Column("conversation", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_index("mentions_at", "mentions", ["owner", "at"])
    op.create_table(
        "mutes",
        sa.Column("owner", sa.String(32), primary_key=True),
        sa.Column("conversation", sa.Integer, primary_key=True, autoincrement=False),
    )
    # Received entries count as shown.
    op.add_column("cursors", sa.Column("shown", sa.BigInteger, nullable=False, server_default="0"))
    op.execute("UPDATE cursors SET shown = read")
