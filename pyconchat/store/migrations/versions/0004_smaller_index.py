"""A smaller full-text index, without the positions of words in a message."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        return
    op.execute("DROP TABLE words")
    op.execute(
        "CREATE VIRTUAL TABLE words USING fts5(text, content='', columnsize=0, detail='none')"
    )
    op.execute(
        "INSERT INTO words (rowid, text)"
        " SELECT conversation << 36 | seq, json_extract(body, '$.text') FROM entries"
        " WHERE json_extract(body, '$.type') = 'message' ORDER BY conversation, seq"
    )
