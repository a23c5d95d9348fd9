"""The full-text index of messages: FTS5 in SQLite, a tsvector index in PostgreSQL.

PostgreSQL updates its index by itself. In SQLite, indexing a message would take as long as storing
it, or longer. Therefore the index lags behind the log, and is updated in large steps when the
server is idle.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, Dialect, text

from pyconchat.domain.events import Message, decode
from pyconchat.store.prepared import Prepared

# FTS5 has one integer for a message, the log has two. A row id has 63 bits: 27 for the
# conversation, 36 for the number.
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
_CHANGES = text("SELECT total_changes()")
_INDEXED = text("SELECT upto FROM indexed WHERE conversation = :conversation")
_REMOVE = text("INSERT INTO words (words, rowid, text) VALUES ('delete', :id, :words)")
# A negative count of pages begins to merge all of the index (FTS5's documentation, "merge").
_MERGE = text("INSERT INTO words (words, rank) VALUES ('merge', :pages)")
_FORGET = text("DELETE FROM indexed WHERE conversation = :conversation")
_FIND_SQLITE = text(
    "SELECT rowid FROM words WHERE words MATCH :query AND rowid BETWEEN :first AND :last"
    " ORDER BY rowid DESC LIMIT :limit"
)
# PostgreSQL takes "tea.txt" and "/usr/tea" as one word each, unlike FTS5. Without punctuation
# both find them by "tea". The index is on the same expression (migration 0001).
_MARKS = r"""'!"#$%&''()*+,-./;<=>?@[]^_`{|}~:\', repeat(' ', 32)"""
_FIND_POSTGRESQL = text(
    "SELECT seq FROM entries WHERE conversation = :conversation"
    f" AND to_tsvector('simple', translate(CAST(body AS jsonb) ->> 'text', {_MARKS}))"
    f" @@ plainto_tsquery('simple', translate(:query, {_MARKS}))"
    " AND CAST(body AS jsonb) ->> 'type' = 'message' ORDER BY seq DESC LIMIT :limit"
)


# The combining marks that FTS5 takes as part of a letter.
_ACCENTS = frozenset(
    (
        *(*range(0x300, 0x305), *range(0x306, 0x30D), 0x30F, 0x311, 0x31B),
        *(*range(0x323, 0x329), 0x32D, 0x32E, 0x330, 0x331),
    )
)
_NO_LETTERS = frozenset(map(chr, (*range(0x19B0, 0x19CA), 0x1CF2, 0x1CF3)))
"""Letters in Python's version of Unicode that were no letters in FTS5's older one."""


MERGED_PAGES = 200
"""Pages of the index that are rewritten in one transaction: a commit waits 20 ms for it at most."""


class _Lag(NamedTuple):
    """The index has a conversation's entries up to *seen*, but not yet those up to *head*."""

    seen: int
    head: int


class SearchIndex:
    """Finds messages by their words, ignoring upper and lower case.

    *behind* is the number of entries that are not indexed yet; *unclean* whether the index has
    words of messages that were removed from it. Only the writer's thread calls the methods, except
    `find`.
    """

    def __init__(self, dialect: Dialect) -> None:
        self.behind = 0
        self.unclean = False
        self._merging = False
        self._sqlite = dialect.name == "sqlite"
        self._add = Prepared(_ADD, dialect)
        self._next = Prepared(_NEXT, dialect)
        self._mark = Prepared(_MARK, dialect)
        self._remove = Prepared(_REMOVE, dialect)
        self._lags: dict[int, _Lag] = {}  # by conversation, where entries are not indexed yet

    def load(self, connection: Connection) -> None:
        """Load the lags that the last run of the server left."""
        if self._sqlite:
            for conversation, seen, head in connection.execute(_BEHIND):
                self._lags[conversation] = _Lag(seen, head)
                self.behind += head - seen
            self.unclean = True  # assume so: the last run may have ended before it was clean

    def stored(self, heads: Iterable[tuple[int, int, int]]) -> None:
        """Note new entries of conversations: id, head before, and head now."""
        if self._sqlite:
            for conversation, before, head in heads:
                seen = self._lags[conversation].seen if conversation in self._lags else before
                self._lags[conversation] = _Lag(seen, head)
                self.behind += head - before

    def index(self, connection: Connection, most: int, only: int | None) -> dict[int, int]:
        """Index the next entries, at most *most*, of all conversations or of *only* one.

        Returns the number up to which each is indexed, for `indexed`.
        """
        seen: dict[int, int] = {}
        for conversation, lag in self._lags.items():
            if conversation != only and only is not None:
                continue
            if most <= 0:
                break
            entries = self._next.rows(connection, [conversation, lag.seen, most])
            most -= len(entries)
            self._add.run(connection, _said(conversation, entries))
            seen[conversation] = entries[-1][0] if entries else lag.head
        marks: list[dict[str, object]] = [
            {"conversation": id, "upto": upto} for id, upto in seen.items()
        ]
        self._mark.run(connection, marks)
        return seen

    def indexed(self, seen: Mapping[int, int]) -> bool:
        """Note what `index` returned, after the commit. Return whether these have more entries."""
        more = False
        for conversation, upto in seen.items():
            lag = self._lags.pop(conversation)
            self.behind -= upto - lag.seen
            if upto < lag.head:
                self._lags[conversation] = _Lag(upto, lag.head)
                more = True
        return more

    def drop(self, conversation: int) -> None:
        """Stop indexing *conversation*, which is about to be removed."""
        lag = self._lags.pop(conversation, None)
        if lag is not None:
            self.behind -= lag.head - lag.seen

    def remove(
        self, connection: Connection, conversation: int, entries: Sequence[tuple[int, str]]
    ) -> None:
        """Remove those of *entries*, numbers and bodies, that are in the index."""
        if self._sqlite:
            upto = connection.scalar(_INDEXED, {"conversation": conversation}) or 0
            indexed = [(seq, body) for seq, body in entries if seq <= upto]
            self._remove.run(connection, _said(conversation, indexed))

    def replace(
        self, connection: Connection, conversation: int, seq: int, old: str, new: str
    ) -> None:
        """Index the body *new* of the entry *seq* in place of *old*."""
        if not self._sqlite:
            return
        upto = connection.scalar(_INDEXED, {"conversation": conversation}) or 0
        if seq <= upto:
            self._remove.run(connection, _said(conversation, [(seq, old)]))
            self._add.run(connection, _said(conversation, [(seq, new)]))
            self.unclean, self._merging = True, False

    def clean(self, connection: Connection) -> None:
        """Do a part of the work that removes the words of removed messages from the file.

        FTS5 only marks them as removed, until it merges its segments.
        """
        if self.unclean:
            before = connection.scalar(_CHANGES)
            pages = MERGED_PAGES if self._merging else -MERGED_PAGES
            connection.execute(_MERGE, {"pages": pages})
            self._merging = True
            self.unclean = connection.scalar(_CHANGES) - before > 1

    def forget(self, connection: Connection, conversation: int) -> None:
        """Delete the index position of *conversation*, whose entries were all removed."""
        if self._sqlite:
            connection.execute(_FORGET, {"conversation": conversation})

    def find(
        self, connection: Connection, conversation: int, words: Sequence[str], limit: int
    ) -> list[int]:
        """Return the numbers of the newest *limit* messages with all of *words*, newest first."""
        if not self._sqlite:
            found = connection.execute(
                _FIND_POSTGRESQL,
                {"conversation": conversation, "query": " ".join(words), "limit": limit},
            )
            return [seq for (seq,) in found]
        # Each token is a quoted string of FTS5's query language, so that none is an operator.
        tokens = dict.fromkeys(token for word in words for token in _tokens(word))
        if not tokens:
            return []
        query = " ".join(f'"{token}"' for token in tokens)
        first = conversation << SEQ_BITS
        found = connection.execute(
            _FIND_SQLITE,
            {"query": query, "first": first, "last": first | (1 << SEQ_BITS) - 1, "limit": limit},
        )
        return [id & (1 << SEQ_BITS) - 1 for (id,) in found]


def _said(conversation: int, entries: Iterable[tuple[int, str]]) -> list[dict[str, object]]:
    """Return the rows of the index for the messages among *entries*: numbers and bodies."""
    events = [(seq, decode(body)) for seq, body in entries]
    return [
        {"id": conversation << SEQ_BITS | seq, "words": event.text}
        for seq, event in events
        if type(event) is Message
    ]


def _tokens(word: str) -> list[str]:
    """Split *word* as FTS5 does (its documentation, "Unicode61 Tokenizer").

    The index has no positions of tokens, so FTS5 does not accept a string of several tokens.
    """
    return "".join(each if _in_token(each) else " " for each in word).split()


def _in_token(character: str) -> bool:
    """Return whether *character* is part of a token: a letter, a number, or an accent."""
    if character in _NO_LETTERS:
        return False
    category = unicodedata.category(character)
    return category[0] in "LN" or category == "Co" or ord(character) in _ACCENTS
