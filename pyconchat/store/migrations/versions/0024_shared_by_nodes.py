"""Add data that servers (nodes) share: tickets, wrong passwords, the end of all sessions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    # A crash of PostgreSQL empties both tables: people then get another ticket.
    unlogged = ["UNLOGGED"] if op.get_bind().dialect.name == "postgresql" else []
    op.create_table(
        "tickets",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("party", sa.String(80), nullable=False),
        sa.Column("place", sa.String(81), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("quota", sa.String(64), nullable=False),
        sa.Column("ends", sa.BigInteger, nullable=False),
        prefixes=unlogged,
    )
    op.create_index("tickets_party", "tickets", ["party"])
    op.create_index("tickets_ends", "tickets", ["ends"])
    op.create_table(
        "wrong_passwords",
        sa.Column("key", sa.String(100), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        prefixes=unlogged,
    )
    op.create_index("wrong_passwords_key", "wrong_passwords", ["key", "at"])
    op.create_index("wrong_passwords_at", "wrong_passwords", ["at"])
    op.add_column(
        "accounts", sa.Column("ended_at", sa.BigInteger, nullable=False, server_default="0")
    )
    op.create_index("files_id", "files", ["id"])
    op.create_index("files_by", "files", ["by"])
    op.create_index("files_quota", "files", ["quota"])
