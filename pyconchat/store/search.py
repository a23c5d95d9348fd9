"""The full-text index over messages: FTS5 in SQLite, a tsvector index in PostgreSQL."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from sqlalchemy import Connection, Dialect, text

from pyconchat.events import Entry, Message
from pyconchat.store.prepared import Prepared

# FTS5 finds by one integer, the log by two. 27 bits of conversation and 36 of number fit in the
# 63 that a row id has.
SEQ_BITS = 36

_ADD = text("INSERT INTO words (rowid, text) VALUES (:id, :words)")
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


# The combining marks that FTS5 takes for part of a letter.
_ACCENTS = frozenset(
    (
        *(*range(0x300, 0x305), *range(0x306, 0x30D), 0x30F, 0x311, 0x31B),
        *(*range(0x323, 0x329), 0x32D, 0x32E, 0x330, 0x331),
    )
)
_OTHERWISE = frozenset(map(chr, (*range(0x19B0, 0x19CA), 0x1CF2, 0x1CF3)))
"""Letters of newer versions of Unicode than FTS5's, for which they were no letters."""


class SearchIndex:
    """Finds messages by their words, whatever the case of the letters."""

    def __init__(self, dialect: Dialect) -> None:
        self._sqlite = dialect.name == "sqlite"
        self._add = Prepared(_ADD, dialect)

    def add(self, connection: Connection, entries: Sequence[Entry]) -> None:
        """Index the messages among *entries*; PostgreSQL does so by itself."""
        if self._sqlite:
            rows = [
                {"id": entry.conversation << SEQ_BITS | entry.seq, "words": entry.event.text}
                for entry in entries
                if isinstance(entry.event, Message)
            ]
            self._add.run(connection, rows)

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
        # Each token as a string of FTS5's query language, so that nothing in it is an operator.
        tokens = [token for word in words for token in _tokens(word)]
        if not tokens:
            return []
        query = " ".join(f'"{token}"' for token in tokens)
        first = conversation << SEQ_BITS
        found = connection.execute(
            _FIND_SQLITE,
            {"query": query, "first": first, "last": first | (1 << SEQ_BITS) - 1, "limit": limit},
        )
        return [id & (1 << SEQ_BITS) - 1 for (id,) in found]


def _tokens(word: str) -> list[str]:
    """Split *word* as FTS5 does (its documentation, "Unicode61 Tokenizer").

    The index does not know which tokens follow each other, so FTS5 takes no string of several.
    """
    return "".join(each if _in_token(each) else " " for each in word).split()


def _in_token(character: str) -> bool:
    """Tell whether *character* is part of a token: letters, numbers, and the accents on them."""
    if character in _OTHERWISE:
        return False
    category = unicodedata.category(character)
    return category[0] in "LN" or category == "Co" or ord(character) in _ACCENTS
