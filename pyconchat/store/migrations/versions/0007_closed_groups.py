"""The time at which each closed group was closed, and the days that it has been kept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("groups", sa.Column("closed_at", sa.BigInteger))
    op.add_column(
        "groups", sa.Column("days_closed", sa.Integer, nullable=False, server_default="0")
    )
    # The last entry of a closed group is the one that closed it. It is kept from now on, like a
    # group that is closed today.
    op.execute(
        "UPDATE groups SET closed_at = (SELECT at FROM entries JOIN conversations"
        " ON entries.conversation = conversations.id AND seq = head"
        " WHERE conversations.id = groups.conversation) WHERE closed"
    )
