"""The full-text index of messages, which lags behind the log.

Indexing a message takes as long as storing it, or longer. Therefore the index is updated in large
steps when the server is idle. Searches read it in steps, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, Dialect, text

from pyconchat.domain.events import decode
from pyconchat.domain.search import Query, tokens
from pyconchat.store.prepared import Prepared
from pyconchat.store.sharing import try_lock_index, wait_for_index
from pyconchat.store.word_tables import Fts5Words, TsvectorWords, WordTable

__all__ = ["MAX_CHECKED", "SearchIndex"]

MAX_CHECKED = 500
"""Maximum candidates of a phrase that are read in one step of a search: some milliseconds."""

_BEHIND = text(
    "SELECT id, coalesce(upto, 0), head FROM conversations LEFT JOIN indexed ON conversation = id"
    " WHERE head > coalesce(upto, 0)"
)
_POSITION = text(
    "SELECT coalesce(upto, 0), head FROM conversations LEFT JOIN indexed ON conversation = id"
    " WHERE id = :conversation"
)
_NEXT = text(
    "SELECT seq, body FROM entries WHERE conversation = :conversation AND seq > :upto"
    " ORDER BY seq LIMIT :most"
)
_MARK = text(
    "INSERT INTO indexed (conversation, upto) VALUES (:conversation, :upto)"
    " ON CONFLICT (conversation) DO UPDATE SET upto = excluded.upto"
)
_INDEXED = text("SELECT upto FROM indexed WHERE conversation = :conversation")
_FORGET = text("DELETE FROM indexed WHERE conversation = :conversation")


class _Lag(NamedTuple):
    """The index has a conversation's entries up to *seen*, but not yet those up to *head*."""

    seen: int
    head: int


_NO_LAG = _Lag(0, 0)


class SearchIndex:
    """Follows the log, and finds the candidates of a query.

    *behind* is the number of entries that are not indexed yet; *unclean* whether the index has
    words of messages that were removed from it. Only the writer's thread calls the methods, except
    `find`. If the index is *shared*, other nodes also add their entries, and any before a search.
    """

    def __init__(self, dialect: Dialect, shared: bool = False) -> None:
        self.behind = 0
        self.unclean = False
        self._merging = False
        sqlite = dialect.name == "sqlite"
        self._words: WordTable = Fts5Words(dialect) if sqlite else TsvectorWords(dialect)
        self._shared = shared
        self._position = Prepared(_POSITION, dialect)
        self._next = Prepared(_NEXT, dialect)
        self._mark = Prepared(_MARK, dialect)
        self._lags: dict[int, _Lag] = {}  # conversations with unindexed entries

    @property
    def step(self) -> int:
        """Return how many entries are indexed in one transaction: a commit waits for it."""
        return self._words.step

    def load(self, connection: Connection) -> None:
        """Load the lags that the last run of the server left."""
        self._lags.clear()
        self.behind = 0
        for conversation, seen, head in connection.execute(_BEHIND):
            self._lags[conversation] = _Lag(seen, head)
            self.behind += head - seen
        self.unclean = True  # assumed: the last run may have ended before the index was clean

    def stored(self, heads: Iterable[tuple[int, int, int]]) -> None:
        """Record new entries of conversations: id, head before, and head now."""
        for conversation, before, head in heads:
            lag = self._lags.get(conversation)
            self._note(conversation, _Lag(before if lag is None else lag.seen, head))

    def index(self, connection: Connection, most: int, only: int | None) -> dict[int, _Lag]:
        """Index the next entries, at most *most*, of all conversations or of *only* one.

        Returns their new lags, for `indexed`. While another node is indexing, this indexes nothing,
        or waits for it if *only* is given.
        """
        if only is not None:
            self._wait(connection)  # the search should find everything
        elif self._shared and not try_lock_index(connection):
            return {}
        lags: dict[int, _Lag] = {}
        marks: list[dict[str, object]] = []
        for conversation in self._lags if only is None else [only]:
            if most <= 0:
                break
            lag = lags[conversation] = self._lag(connection, conversation)
            if lag.seen >= lag.head:
                most -= 1  # reading the position costs about as much as an entry
                continue
            entries = self._next.rows(connection, [conversation, lag.seen, most])
            most -= len(entries)
            self._words.add(connection, conversation, _with_tokens(entries))
            seen = entries[-1][0] if entries else lag.head
            lags[conversation] = _Lag(seen, max(seen, lag.head))
            marks.append({"conversation": conversation, "upto": seen})
        self._mark.run(connection, marks)
        return lags

    def _lag(self, connection: Connection, conversation: int) -> _Lag:
        """Return the lag of *conversation*."""
        if not self._shared:
            return self._lags.get(conversation, _NO_LAG)
        rows = self._position.rows(connection, [conversation])
        return _Lag(*rows[0]) if rows else _NO_LAG

    def indexed(self, lags: Mapping[int, _Lag]) -> bool:
        """Record the result of `index` after the commit. Return whether there are more entries."""
        for conversation, lag in lags.items():
            self._note(conversation, lag)
        return any(lag.seen < lag.head for lag in lags.values())

    def _note(self, conversation: int, lag: _Lag) -> None:
        """Note that *conversation* has *lag*."""
        self.drop(conversation)
        if lag.seen < lag.head:
            self._lags[conversation] = lag
            self.behind += lag.head - lag.seen

    def drop(self, conversation: int) -> None:
        """Stop indexing *conversation*, which is about to be removed."""
        lag = self._lags.pop(conversation, None)
        if lag is not None:
            self.behind -= lag.head - lag.seen

    def remove(
        self, connection: Connection, conversation: int, entries: Sequence[tuple[int, str]]
    ) -> None:
        """Remove *entries* (numbers and bodies) from the index, as far as it has them."""
        self._wait(connection)
        upto = self._upto(connection, conversation)
        indexed = [(seq, body) for seq, body in entries if seq <= upto]
        self._words.remove(connection, conversation, _with_tokens(indexed))

    def replace(
        self, connection: Connection, conversation: int, seq: int, old: str, new: str
    ) -> None:
        """Index the body *new* of the entry *seq* in place of *old*."""
        self._wait(connection)
        if seq <= self._upto(connection, conversation):
            self._words.remove(connection, conversation, _with_tokens([(seq, old)]))
            self._words.add(connection, conversation, _with_tokens([(seq, new)]))
            self.unclean, self._merging = True, False

    def clean(self, connection: Connection) -> None:
        """Do a part of the work that removes the words of removed messages from the file."""
        if self.unclean:
            self.unclean = self._words.merge(connection, self._merging)
            self._merging = True

    def forget(self, connection: Connection, conversation: int) -> None:
        """Delete the index position of *conversation*, whose entries were all removed."""
        connection.execute(_FORGET, {"conversation": conversation})

    def find(
        self, connection: Connection, conversation: int, query: Query, before: int, limit: int
    ) -> tuple[list[int], int]:
        """Return the numbers of the newest messages before *before* that *query* may find.

        There are about *limit*, the newest first, or more if many may be no results. The second
        number is where the search continues (before it), 0 if these are all.
        """
        most = limit if query.is_exact else max(limit, MAX_CHECKED)
        return self._words.find(connection, conversation, query.tokens(), before, most)

    def _wait(self, connection: Connection) -> None:
        """Wait until no other node is indexing; none can then until the commit."""
        if self._shared:
            wait_for_index(connection)

    def _upto(self, connection: Connection, conversation: int) -> int:
        """Return the number up to which *conversation* is indexed."""
        return connection.scalar(_INDEXED, {"conversation": conversation}) or 0


def _with_tokens(entries: Iterable[tuple[int, str]]) -> list[tuple[int, str]]:
    """Return numbers and tokens of the *entries* (numbers and bodies) that can be searched for."""
    rows = [(seq, tokens(decode(body))) for seq, body in entries]
    return [row for row in rows if row[1]]
