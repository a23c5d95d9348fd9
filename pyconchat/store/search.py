"""The full-text index over messages: FTS5 in SQLite, a tsvector index in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, text

from pyconchat.events import Entry, Message

# FTS5 finds by one integer, the log by two. 27 bits of conversation and 36 of number fit in the
# 63 that a row id has.
SEQ_BITS = 36

_ADD = text("INSERT INTO words (rowid, text) VALUES (:id, :text)")
_FIND_SQLITE = text(
    "SELECT rowid FROM words WHERE words MATCH :query AND rowid BETWEEN :first AND :last"
    " ORDER BY rowid DESC LIMIT :limit"
)
# PostgreSQL takes "tea.txt" and "/usr/tea" for one word each, and FTS5 does not: without their
# marks both find them by "tea". The index is on the same expression (migration 0001).
_MARKS = r"""'!"#$%&''()*+,-./;<=>?@[]^_`{|}~:\', repeat(' ', 32)"""
_FIND_POSTGRESQL = text(
    "SELECT seq FROM entries WHERE conversation = :conversation"
    f" AND to_tsvector('simple', translate(CAST(body AS jsonb) ->> 'text', {_MARKS}))"
    f" @@ plainto_tsquery('simple', translate(:query, {_MARKS}))"
    " AND CAST(body AS jsonb) ->> 'type' = 'message' ORDER BY seq DESC LIMIT :limit"
)


class SearchIndex:
    """Finds messages by their words, whatever the case of the letters."""

    def __init__(self, sqlite: bool) -> None:
        self._sqlite = sqlite

    def add(self, connection: Connection, entries: Sequence[Entry]) -> None:
        """Index the messages among *entries*; PostgreSQL does so by itself."""
        if self._sqlite:
            rows = [
                {"id": entry.conversation << SEQ_BITS | entry.seq, "text": entry.event.text}
                for entry in entries
                if isinstance(entry.event, Message)
            ]
            connection.execute(_ADD, rows)

    def find(
        self, connection: Connection, conversation: int, words: Sequence[str], limit: int
    ) -> list[int]:
        """Return the numbers of the newest *limit* messages that have all of *words*."""
        if not self._sqlite:
            found = connection.execute(
                _FIND_POSTGRESQL,
                {"conversation": conversation, "query": " ".join(words), "limit": limit},
            )
            return [seq for (seq,) in found]
        # Each word as a string of FTS5's query language, so that nothing in it is an operator.
        query = " ".join('"' + word.replace('"', '""') + '"' for word in words)
        first = conversation << SEQ_BITS
        found = connection.execute(
            _FIND_SQLITE,
            {"query": query, "first": first, "last": first | (1 << SEQ_BITS) - 1, "limit": limit},
        )
        return [id & (1 << SEQ_BITS) - 1 for (id,) in found]
