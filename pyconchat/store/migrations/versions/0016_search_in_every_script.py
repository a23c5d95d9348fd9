"""A full-text index of tokens that the server makes, the same in SQLite and PostgreSQL.

It is empty: the running server builds it from the log, in steps (`chat.search_indexer`).
"""

from __future__ import annotations

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE words")
        # Contentless and without positions: the text is in the log. The tokens are in lower case,
        # with spaces between them; only a sender's name has punctuation.
        op.execute(
            "CREATE VIRTUAL TABLE words USING fts5(tokens, content='', columnsize=0,"
            " detail='none', tokenize=\"ascii tokenchars '=._-'\")"
        )
        op.execute("DELETE FROM indexed")
    else:
        op.execute("DROP INDEX entries_words")
        op.execute(
            "CREATE TABLE words (conversation INTEGER, seq BIGINT, tokens TSVECTOR NOT NULL,"
            " PRIMARY KEY (conversation, seq))"
        )
        # A short list of pending entries: it is merged in one commit, and each search reads it.
        op.execute(
            "CREATE INDEX words_tokens ON words USING gin (tokens)"
            " WITH (gin_pending_list_limit = 128)"
        )
        op.execute("CREATE TABLE indexed (conversation INTEGER PRIMARY KEY, upto BIGINT NOT NULL)")
