"""Request keys: by these the store knows which requests were carried out before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, bindparam, delete, insert, select, tuple_

from pyconchat.domain.decisions import Decision, RequestKey
from pyconchat.store import schema

__all__ = ["delete_expired", "request_seq", "store_keys", "stored_before"]

LIFETIME = 7 * 24 * 3600 * 1000
"""Milliseconds for which a key is kept. That is far longer than a client retries."""

SWEEP_EVERY = 1_000
"""The number of new keys after which expired keys are deleted."""

_keys = schema.keys.c
_FIND = select(_keys.owner, _keys.key, _keys.seq).where(
    tuple_(_keys.owner, _keys.key).in_(bindparam("keys", expanding=True))
)
_MAX_FIND = 400  # keys in one query: a statement has a limited number of parameters


def stored_before(connection: Connection, batch: Sequence[Decision]) -> dict[RequestKey, int]:
    """Return the keys of *batch* that were stored before, with their entries' numbers."""
    asked = list({decision.key for decision in batch if decision.key is not None})
    found: dict[RequestKey, int] = {}
    for first in range(0, len(asked), _MAX_FIND):
        some = [tuple(key) for key in asked[first : first + _MAX_FIND]]
        for owner, key, seq in connection.execute(_FIND, {"keys": some}):
            found[RequestKey(owner, key)] = seq
    return found


def request_seq(connection: Connection, key: RequestKey) -> int | None:
    """Return the number of the first entry of the request *key*; None if it was not stored."""
    query = select(_keys.seq).where(_keys.owner == key.owner, _keys.key == key.key)
    seq: int | None = connection.scalar(query)
    return seq


def store_keys(connection: Connection, rows: Iterable[tuple[RequestKey, int, int]]) -> None:
    """Store keys, each with the number and the time (milliseconds) of its first entry."""
    values = [{"owner": k.owner, "key": k.key, "seq": seq, "at": at} for k, seq, at in rows]
    connection.execute(insert(schema.keys), values)


def delete_expired(connection: Connection, now: int) -> None:
    """Delete the keys that have expired; *now* is in milliseconds since the epoch."""
    connection.execute(delete(schema.keys).where(_keys.at < now - LIFETIME))
