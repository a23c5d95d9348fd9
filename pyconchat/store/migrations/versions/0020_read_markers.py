"""Read markers; who set each topic, and when."""

from __future__ import annotations

import json
from contextlib import suppress

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.create_table(
        "read_markers",
        sa.Column("owner", sa.String(32), primary_key=True),
        sa.Column("target", sa.String(33), primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.add_column("groups", sa.Column("topic_by", sa.String(32), nullable=False, server_default=""))
    op.add_column(
        "groups", sa.Column("topic_at", sa.BigInteger, nullable=False, server_default="0")
    )
    connection = op.get_bind()
    groups = connection.scalars(sa.text("SELECT conversation FROM groups")).all()
    for conversation in groups:
        by, at = _newest_change(connection, conversation)
        connection.execute(
            sa.text("UPDATE groups SET topic_by = :by, topic_at = :at WHERE conversation = :group"),
            {"by": by, "at": at, "group": conversation},
        )


def _newest_change(connection: sa.Connection, conversation: int) -> tuple[str, int]:
    """Return who changed the topic of a group last, and when; empty and 0 if nobody has."""
    rows = connection.execute(
        sa.text(
            "SELECT at, body FROM entries WHERE conversation = :group AND body LIKE :like"
            " ORDER BY seq DESC"
        ),
        {"group": conversation, "like": '%"topic"%'},  # messages may have that word, too
    )
    for at, body in rows:
        with suppress(ValueError):  # a damaged entry
            event = json.loads(body)
            if event["type"] == "topic":
                return event["by"], at
    return "", 0
