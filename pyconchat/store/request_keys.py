"""Request keys: the store recognizes repeated requests by them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, TextClause, delete, func, insert, select, text, tuple_

from pyconchat.domain.decisions import Decision, RequestKey
from pyconchat.store import schema
from pyconchat.store.rows import parts

__all__ = ["KeyClock", "delete_expired", "request_seq", "store_keys", "stored_before"]

LIFETIME = 7 * 24 * 3600 * 1000
"""Milliseconds for which a key is kept. That is far longer than a client retries."""

SWEEP_EVERY = 1_000
"""The number of new keys after which expired keys are deleted."""

MAX_DELETED = 500
"""Maximum keys that are deleted in one commit: a few milliseconds."""

MAX_GAP = 3600 * 1000
"""Maximum milliseconds by which a `KeyClock` advances from one key to the next."""

_keys = schema.keys.c


def stored_before(connection: Connection, batch: Sequence[Decision]) -> dict[RequestKey, int]:
    """Return the keys of *batch* that were stored before, with their entries' numbers."""
    asked = {decision.key for decision in batch if decision.key is not None}
    found: dict[RequestKey, int] = {}
    for some in parts(asked):
        values = {f"owner{nth}": key.owner for nth, key in enumerate(some)}
        values |= {f"key{nth}": key.key for nth, key in enumerate(some)}
        for owner, key, seq in connection.execute(_find(len(some)), values):
            found[RequestKey(owner, key)] = seq
    return found


def _find(count: int) -> TextClause:
    """Return the query for *count* keys.

    It is a join because SQLite reads the whole table for ``IN (VALUES ...)`` with several rows.
    """
    asked = ", ".join(f"(:owner{nth}, :key{nth})" for nth in range(count))
    return text(
        f"SELECT keys.owner, keys.key, keys.seq FROM (VALUES {asked}) AS asked"
        " JOIN request_keys AS keys ON keys.owner = asked.column1 AND keys.key = asked.column2"
    )


def request_seq(connection: Connection, key: RequestKey) -> int | None:
    """Return the number of the first entry of the request *key*; None if it was not stored."""
    query = select(_keys.seq).where(_keys.owner == key.owner, _keys.key == key.key)
    seq: int | None = connection.scalar(query)
    return seq


class KeyClock:
    """The time by which keys expire, in milliseconds.

    It follows the order of the keys: it never goes back, and it passes at most MAX_GAP between two
    keys. So a wrong time of day deletes no key that a client may still repeat, and keeps none for
    ever.
    """

    def __init__(self, connection: Connection) -> None:
        self.now: int = connection.scalar(select(func.max(_keys.at))) or 0
        self._previous: int | None = None

    def advance(self, at: int) -> int:
        """Return the time of a key that was stored at *at*, in milliseconds since the epoch."""
        if not self.now:
            self.now = at
        elif self._previous is not None:
            self.now += min(max(at - self._previous, 0), MAX_GAP)
        self._previous = at
        return self.now


def store_keys(
    connection: Connection, rows: Sequence[tuple[RequestKey, int, int]], clock: KeyClock
) -> None:
    """Store keys, each with the number and the time (milliseconds) of its first entry."""
    values = [
        {"owner": key.owner, "key": key.key, "seq": seq, "at": clock.advance(at)}
        for key, seq, at in rows
    ]
    connection.execute(insert(schema.keys), values)


def delete_expired(connection: Connection, now: int) -> bool:
    """Delete keys that have expired by the `KeyClock`'s *now*; return whether there are more."""
    expired = (
        select(_keys.owner, _keys.key)
        .where(_keys.at < now - LIFETIME)
        .order_by(_keys.at)
        .limit(MAX_DELETED)
    )
    chosen = tuple_(_keys.owner, _keys.key).in_(expired)
    return connection.execute(delete(schema.keys).where(chosen)).rowcount == MAX_DELETED
