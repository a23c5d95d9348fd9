"""Add tables for several servers (nodes): leases, online users, changed accounts, counters."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    op.create_table(
        "nodes",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("incarnation", sa.BigInteger, nullable=False),
        sa.Column("lease", sa.BigInteger, nullable=False),
    )
    op.create_index("nodes_name", "nodes", ["name"], unique=True)
    # After a crash of PostgreSQL the table is empty; the nodes then fill it again.
    unlogged = ["UNLOGGED"] if op.get_bind().dialect.name == "postgresql" else []
    op.create_table(
        "online",
        sa.Column("key", sa.String(32), primary_key=True),
        sa.Column("node", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("party", sa.String(80), nullable=False),
        sa.Column("sessions", sa.Integer, nullable=False),
        prefixes=unlogged,
    )
    counters = op.create_table(
        "counters",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("value", sa.BigInteger, nullable=False),
    )
    names = ("accounts", "conversations", "nodes")
    op.bulk_insert(counters, [{"name": name, "value": 0} for name in names])
    op.create_table(
        "account_changes",
        sa.Column("owner", sa.String(32), primary_key=True),
        sa.Column("revision", sa.BigInteger, nullable=False),
    )
    op.create_index("account_changes_revision", "account_changes", ["revision"])
