"""The tables with the tokens of messages: FTS5 in SQLite, a tsvector in PostgreSQL.

`domain.search` makes the tokens. The databases only find the messages that have certain ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from sqlalchemy import Connection, Dialect, text

from pyconchat.store.prepared import Prepared

__all__ = ["Fts5Words", "TsvectorWords", "WordTable"]

Tokens = tuple[str, bool]
"""A token, and whether it is the beginning of one."""

# FTS5 has one integer for a message, the log has two. A row id has 63 bits: 27 for the
# conversation, 36 for the number.
SEQ_BITS = 36
_SEQ = (1 << SEQ_BITS) - 1

MERGED_PAGES = 200
"""Pages of the index that are rewritten in one transaction: a commit waits 20 ms for it at most."""

NEWEST = 1000
"""Rows of a conversation that PostgreSQL searches without its index, newest first.

Its index is unordered: for a common word, it would first collect all messages.
"""

MIN_SHARE = 0.02
"""Share of them with which the next rows are searched in the same way."""

_ADD_FTS5 = text("INSERT INTO words (rowid, tokens) VALUES (:id, :tokens)")
_REMOVE_FTS5 = text("INSERT INTO words (words, rowid, tokens) VALUES ('delete', :id, :tokens)")
_FIND_FTS5 = text(
    "SELECT rowid FROM words WHERE words MATCH :query AND rowid >= :first AND rowid < :before"
    " ORDER BY rowid DESC LIMIT :most"
)
# A negative count of pages begins to merge all of the index (FTS5's documentation, "merge").
_MERGE = text("INSERT INTO words (words, rank) VALUES ('merge', :pages)")
_CHANGES = text("SELECT total_changes()")

# Each entry has its conversation as a token, because a word may be common in other ones.
_ADD_TSVECTOR = text(
    "INSERT INTO words (conversation, seq, tokens)"
    " SELECT :conversation, seq, array_to_tsvector(string_to_array(said, ' '))"
    " FROM unnest(CAST(:seqs AS bigint[]), CAST(:tokens AS text[])) AS new (seq, said)"
)
_REMOVE_TSVECTOR = text("DELETE FROM words WHERE conversation = :conversation AND seq = :seq")
_NEWEST_TSVECTOR = text(
    "WITH newest AS MATERIALIZED ("
    " SELECT seq, tokens @@ CAST(:query AS tsquery) AS matches FROM words"
    " WHERE conversation = :conversation AND seq < :before ORDER BY seq DESC LIMIT :newest)"
    " SELECT min(seq), count(*), array_agg(seq ORDER BY seq DESC) FILTER (WHERE matches)"
    " FROM newest"
)
_FIND_TSVECTOR = text(
    "WITH found AS MATERIALIZED (SELECT seq FROM words"
    " WHERE tokens @@ CAST(:query AS tsquery) AND conversation = :conversation AND seq < :before)"
    " SELECT seq FROM found ORDER BY seq DESC LIMIT :most"
)


class WordTable(Protocol):
    """The tokens of messages, by conversation and number. Entries are numbers and tokens.

    *step* is how many entries are added in one transaction: a commit waits for it.
    """

    step: int

    def add(
        self, connection: Connection, conversation: int, entries: Iterable[tuple[int, str]]
    ) -> None:
        """Add *entries*, which are not in the table."""

    def remove(
        self, connection: Connection, conversation: int, entries: Iterable[tuple[int, str]]
    ) -> None:
        """Remove *entries*, with the tokens with which they were added."""

    def find(
        self,
        connection: Connection,
        conversation: int,
        tokens: Sequence[Tokens],
        before: int,
        most: int,
    ) -> tuple[list[int], int]:
        """Return the newest *most* entries before *before* with all of *tokens*, or fewer.

        They are the newest first. The second number is where the search continues (before it),
        0 if these are all.
        """

    def merge(self, connection: Connection, goes_on: bool) -> bool:
        """Overwrite a part of the removed text; *goes_on* is false for the first part.

        Returns whether there is more.
        """


class Fts5Words:
    """The table in SQLite. FTS5 only marks entries as removed, until it merges its segments."""

    step = 500

    def __init__(self, dialect: Dialect) -> None:
        self._add = Prepared(_ADD_FTS5, dialect)
        self._remove = Prepared(_REMOVE_FTS5, dialect)

    def add(
        self, connection: Connection, conversation: int, entries: Iterable[tuple[int, str]]
    ) -> None:
        self._add.run(connection, _rows(conversation, entries))

    def remove(
        self, connection: Connection, conversation: int, entries: Iterable[tuple[int, str]]
    ) -> None:
        self._remove.run(connection, _rows(conversation, entries))

    def find(
        self,
        connection: Connection,
        conversation: int,
        tokens: Sequence[Tokens],
        before: int,
        most: int,
    ) -> tuple[list[int], int]:
        # Each token is a quoted string of FTS5's query language, so that none is an operator.
        query = " ".join(f'"{token}"{"*" if prefix else ""}' for token, prefix in tokens)
        first = conversation << SEQ_BITS
        bounds = {"first": first, "before": first | min(before, _SEQ), "most": most}
        rows = connection.execute(_FIND_FTS5, {"query": query, **bounds})
        return _page([id & _SEQ for (id,) in rows], most)

    def merge(self, connection: Connection, goes_on: bool) -> bool:
        before = connection.scalar(_CHANGES)
        connection.execute(_MERGE, {"pages": MERGED_PAGES if goes_on else -MERGED_PAGES})
        return bool(connection.scalar(_CHANGES) - before > 1)


class TsvectorWords:
    """The table in PostgreSQL, whose VACUUM overwrites removed text."""

    step = 100

    def __init__(self, dialect: Dialect) -> None:
        self._remove = Prepared(_REMOVE_TSVECTOR, dialect)

    def add(
        self, connection: Connection, conversation: int, entries: Iterable[tuple[int, str]]
    ) -> None:
        here, added = _token_of(conversation), list(entries)
        if not added:
            return
        values = {
            "conversation": conversation,
            "seqs": [seq for seq, _ in added],
            "tokens": [f"{here} {tokens}" for _, tokens in added],
        }
        connection.execute(_ADD_TSVECTOR, values)

    def remove(
        self, connection: Connection, conversation: int, entries: Iterable[tuple[int, str]]
    ) -> None:
        rows: list[dict[str, object]] = [
            {"conversation": conversation, "seq": seq} for seq, _ in entries
        ]
        self._remove.run(connection, rows)

    def find(
        self,
        connection: Connection,
        conversation: int,
        tokens: Sequence[Tokens],
        before: int,
        most: int,
    ) -> tuple[list[int], int]:
        wanted = [(_token_of(conversation), False), *tokens]
        query = " & ".join(f"{_quoted(token)}{':*' if prefix else ''}" for token, prefix in wanted)
        values = {"conversation": conversation, "query": query, "before": before}
        oldest, count, newest = connection.execute(
            _NEWEST_TSVECTOR, {**values, "newest": NEWEST}
        ).one()
        found: list[int] = newest or []
        if len(found) >= most:
            return _page(found[:most], most)
        if count < NEWEST:
            return found, 0
        if len(found) >= NEWEST * MIN_SHARE:
            return found, oldest
        rows = connection.execute(_FIND_TSVECTOR, {**values, "most": most})
        return _page([seq for (seq,) in rows], most)

    def merge(self, connection: Connection, goes_on: bool) -> bool:
        return False


def _page(found: list[int], most: int) -> tuple[list[int], int]:
    """Return *found*, and where the next page begins, if it is full."""
    return found, found[-1] if len(found) == most else 0


def _rows(conversation: int, entries: Iterable[tuple[int, str]]) -> list[dict[str, object]]:
    return [{"id": conversation << SEQ_BITS | seq, "tokens": tokens} for seq, tokens in entries]


def _token_of(conversation: int) -> str:
    """Return the token of all entries of *conversation*; no message has it in its text."""
    return f"#{conversation}"


def _quoted(token: str) -> str:
    """Return *token* as a string of PostgreSQL's tsquery."""
    doubled = token.replace("\\", "\\\\").replace("'", "''")
    return f"'{doubled}'"
