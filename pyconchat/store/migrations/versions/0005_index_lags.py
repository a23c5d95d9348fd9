"""The number up to which each conversation is in the full-text index, which lags behind."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        return
    op.execute("CREATE TABLE indexed (conversation INTEGER PRIMARY KEY, upto BIGINT NOT NULL)")
    op.execute("INSERT INTO indexed (conversation, upto) SELECT id, head FROM conversations")
