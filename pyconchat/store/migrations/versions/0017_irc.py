"""Detached groups, the time of the newest entry, and private conversations by either party."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.create_table(
        "detached",
        sa.Column("owner", sa.String(32), primary_key=True),
        sa.Column("conversation", sa.Integer, primary_key=True, autoincrement=False),
    )
    op.add_column(
        "conversations", sa.Column("head_at", sa.BigInteger, nullable=False, server_default="0")
    )
    op.execute(
        "UPDATE conversations SET head_at = coalesce((SELECT at FROM entries"
        " WHERE entries.conversation = conversations.id AND entries.seq = conversations.head), 0)"
    )
    op.create_index("conversations_party_b", "conversations", ["party_b"])
