"""Pages of a conversation's log by kind, places in it by time, and the conversations of a party."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Dialect, TextClause, or_, select, text

from pyconchat.domain.events import AnyEvent
from pyconchat.domain.stored import DirectRecord
from pyconchat.store import schema
from pyconchat.store.prepared import Prepared

__all__ = ["Pages", "direct_records", "seq_at"]


def _kinds(kinds: Sequence[type[AnyEvent]]) -> str:
    """Return the SQL condition for entries of *kinds*: an event's JSON begins with its type."""
    tags = (kind.__struct_config__.tag for kind in kinds)
    return " OR ".join(f'body LIKE \'{{"type":"{tag}"%\'' for tag in tags)


class Pages:
    """Reads pages in *dialect*. There are few sets of kinds: each statement is compiled once."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._statements: dict[_Which, Prepared] = {}

    def page(
        self,
        connection: Connection,
        conversation: int,
        after: int,
        upto: int,
        limit: int,
        kinds: Sequence[type[AnyEvent]],
        newest: bool,
        without: Sequence[type[AnyEvent]] = (),
    ) -> list[Any]:
        """Return the first *limit* rows after *after* up to *upto*, or the *newest*; oldest first.

        With *kinds*, only entries of these count; those *without* do not.
        """
        which = (tuple(kinds), tuple(without), newest)
        statement = self._statements.get(which)
        if statement is None:
            statement = self._statements[which] = Prepared(_page(*which), self._dialect)
        rows = statement.rows(connection, [conversation, after, upto, limit])
        return rows[::-1] if newest else rows


_Which = tuple[tuple[type[AnyEvent], ...], tuple[type[AnyEvent], ...], bool]
"""The kinds of a page, those it is without, and whether it is the newest."""


def _page(
    kinds: Sequence[type[AnyEvent]], without: Sequence[type[AnyEvent]], newest: bool
) -> TextClause:
    condition = f" AND ({_kinds(kinds)})" if kinds else ""
    condition += f" AND NOT ({_kinds(without)})" if without else ""
    return text(
        "SELECT seq, at, body FROM entries"
        " WHERE conversation = :conversation AND seq > :after AND seq <= :upto"
        f"{condition} ORDER BY seq{' DESC' if newest else ''} LIMIT :most"
    )


def seq_at(connection: Connection, read: Prepared, conversation: int, at: int, head: int) -> int:
    """Return the number of the last entry before *at*, up to *head*; 0 if there is none.

    Times never decrease in a conversation, so that twenty rows are read of a million.
    """
    low, high = 0, head  # the last entry before *at* is at least `low`, at most `high`
    while low < high:
        middle = (low + high + 1) // 2
        rows = read.rows(connection, [conversation, middle - 1, head, 1])
        if rows and rows[0][1] < at:
            low = max(middle, rows[0][0])
        else:
            high = middle - 1
    return low


def direct_records(connection: Connection, party: str) -> list[DirectRecord]:
    """Return the private conversations of *party*, those with the newest entries first."""
    conversations = schema.conversations.c
    query = (
        select(
            conversations.id,
            conversations.head,
            conversations.head_at,
            conversations.party_a,
            conversations.party_b,
        )
        .where(or_(conversations.party_a == party, conversations.party_b == party))
        .order_by(conversations.head_at.desc())
    )
    return [
        DirectRecord(id, head, at, (one, other))
        for id, head, at, one, other in connection.execute(query)
    ]
