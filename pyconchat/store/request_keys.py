"""Which requests were carried out, by the keys that clients gave them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, bindparam, delete, insert, select, tuple_

from pyconchat.domain.decisions import Decision, RequestKey
from pyconchat.store import schema

__all__ = ["forget_old", "request_seq", "store_keys", "stored_before"]

REMEMBERED = 7 * 24 * 3600 * 1000
"""Milliseconds for which a key is remembered: far longer than a client tries again."""

SWEEP = 1_000
"""New keys after which the old ones are looked for."""

_keys = schema.keys.c
_FIND = select(_keys.owner, _keys.key, _keys.seq).where(
    tuple_(_keys.owner, _keys.key).in_(bindparam("keys", expanding=True))
)
_FIND_AT_ONCE = 400  # an SQL statement takes a bounded number of parameters


def stored_before(connection: Connection, batch: Sequence[Decision]) -> dict[RequestKey, int]:
    """Return which keys of *batch* were stored before, and with which number."""
    asked = list({decision.key for decision in batch if decision.key is not None})
    found: dict[RequestKey, int] = {}
    for first in range(0, len(asked), _FIND_AT_ONCE):
        some = [tuple(key) for key in asked[first : first + _FIND_AT_ONCE]]
        for owner, key, seq in connection.execute(_FIND, {"keys": some}):
            found[RequestKey(owner, key)] = seq
    return found


def request_seq(connection: Connection, key: RequestKey) -> int | None:
    """Return the number with which the request of *key* was stored, None if it was not."""
    query = select(_keys.seq).where(_keys.owner == key.owner, _keys.key == key.key)
    seq: int | None = connection.scalar(query)
    return seq


def store_keys(connection: Connection, rows: Iterable[tuple[RequestKey, int, int]]) -> None:
    """Store keys with the number and the time (milliseconds) of their first entries."""
    values = [{"owner": k.owner, "key": k.key, "seq": seq, "at": at} for k, seq, at in rows]
    connection.execute(insert(schema.keys), values)


def forget_old(connection: Connection, now: int) -> None:
    """Forget the keys that are older than clients try; *now* is in milliseconds."""
    connection.execute(delete(schema.keys).where(_keys.at < now - REMEMBERED))
