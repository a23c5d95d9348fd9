"""The full-text index over messages: FTS5 in SQLite, a tsvector index in PostgreSQL.

PostgreSQL keeps its index by itself. In SQLite a message would take as long to index as to store,
or longer; so the index follows the log, in larger pieces, when there is time.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, Dialect, text

from pyconchat.domain.events import Message, decode
from pyconchat.store.prepared import Prepared

# FTS5 finds by one integer, the log by two. 27 bits of conversation and 36 of number fit in the
# 63 that a row id has.
SEQ_BITS = 36

_ADD = text("INSERT INTO words (rowid, text) VALUES (:id, :words)")
_BEHIND = text(
    "SELECT id, coalesce(upto, 0), head FROM conversations LEFT JOIN indexed ON conversation = id"
    " WHERE head > coalesce(upto, 0)"
)
_NEXT = text(
    "SELECT seq, body FROM entries WHERE conversation = :conversation AND seq > :upto"
    " ORDER BY seq LIMIT :most"
)
_MARK = text("INSERT OR REPLACE INTO indexed (conversation, upto) VALUES (:conversation, :upto)")
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


class _Lag(NamedTuple):
    """A conversation of which the index has seen the entries up to *seen*, not those to *head*."""

    seen: int
    head: int


class SearchIndex:
    """Finds messages by their words, whatever the case of the letters.

    *behind* is how many entries it has not seen yet. All but `find` is for the thread that writes.
    """

    def __init__(self, dialect: Dialect) -> None:
        self.behind = 0
        self._sqlite = dialect.name == "sqlite"
        self._add = Prepared(_ADD, dialect)
        self._next = Prepared(_NEXT, dialect)
        self._mark = Prepared(_MARK, dialect)
        self._lags: dict[int, _Lag] = {}  # in the conversations in which there is more

    def load(self, connection: Connection) -> None:
        """Find what the last run has left over."""
        if self._sqlite:
            for conversation, seen, head in connection.execute(_BEHIND):
                self._lags[conversation] = _Lag(seen, head)
                self.behind += head - seen

    def stored(self, heads: Iterable[tuple[int, int, int]]) -> None:
        """Note that conversations went on: id, head before, and head now."""
        if self._sqlite:
            for conversation, before, head in heads:
                seen = self._lags[conversation].seen if conversation in self._lags else before
                self._lags[conversation] = _Lag(seen, head)
                self.behind += head - before

    def index(self, connection: Connection, most: int, only: int | None) -> dict[int, int]:
        """Index the next entries, *most* of them, perhaps of one conversation *only*.

        Returns how far that is, to be given to `indexed`.
        """
        seen: dict[int, int] = {}
        for conversation, lag in self._lags.items():
            if conversation != only and only is not None:
                continue
            if most <= 0:
                break
            entries = self._next.rows(connection, [conversation, lag.seen, most])
            most -= len(entries)
            events = [(seq, decode(body)) for seq, body in entries]
            said: list[dict[str, object]] = [
                {"id": conversation << SEQ_BITS | seq, "words": event.text}
                for seq, event in events
                if type(event) is Message
            ]
            self._add.run(connection, said)
            seen[conversation] = entries[-1][0] if entries else lag.head
        marks: list[dict[str, object]] = [
            {"conversation": id, "upto": upto} for id, upto in seen.items()
        ]
        self._mark.run(connection, marks)
        return seen

    def indexed(self, seen: Mapping[int, int]) -> bool:
        """Note what `index` has returned, now that it is stored; return whether there is more."""
        more = False
        for conversation, upto in seen.items():
            lag = self._lags.pop(conversation)
            self.behind -= upto - lag.seen
            if upto < lag.head:
                self._lags[conversation] = _Lag(upto, lag.head)
                more = True
        return more

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
    """Return whether *character* is part of a token: letters, numbers, and the accents on them."""
    if character in _OTHERWISE:
        return False
    category = unicodedata.category(character)
    return category[0] in "LN" or category == "Co" or ord(character) in _ACCENTS
