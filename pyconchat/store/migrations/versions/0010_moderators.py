"""Moderators, quiet people, slow groups, and bans that end."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "moderators",
        sa.Column("conversation", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("key", sa.String(32), primary_key=True),
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "quieted",
        sa.Column("conversation", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("key", sa.String(32), primary_key=True),
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("by", sa.String(32), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger),
        sa.Column("since", sa.BigInteger, nullable=False),
    )
    op.add_column("groups", sa.Column("slow", sa.Integer, nullable=False, server_default="0"))
    op.add_column("bans", sa.Column("until", sa.BigInteger))
    op.add_column("server_bans", sa.Column("until", sa.BigInteger))
