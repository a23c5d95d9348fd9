"""Batches of messages in PostgreSQL: each is stored by one call of the function `store_messages`.

The call is a transaction of its own, so a batch takes one round trip, unless there are mentions or
answers. The function is in the
migration 0021. It does what `pyconchat.store.batch` does for other decisions.
"""

from __future__ import annotations

import secrets
import struct
from collections.abc import Sequence
from itertools import count
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, bindparam, select, text

from pyconchat.domain.decisions import Decision, Repeated, RequestKey
from pyconchat.domain.errors import Conflict
from pyconchat.domain.events import Entry, Talk, about, encode
from pyconchat.store import schema
from pyconchat.store.arrays import bigints, integers, read_bigints, texts
from pyconchat.store.engines import PREPARED
from pyconchat.store.request_keys import KeyClock

if TYPE_CHECKING:
    from pyconchat.store.batch import Stored

__all__ = ["MessageBatches", "only_messages", "only_plain"]

_NAMES = count()  # for prepared statements, of which an earlier one may still exist
_CALL = b"SELECT * FROM store_messages($1, $2, $3, $4, $5, $6, $7, $8, $9)"
_BINARY = 1
_NO_VERSION = -1
_BIGINT = struct.Struct("!q")


def only_messages(batch: Sequence[Decision]) -> bool:
    """Return whether the function can store *batch*: each decision is one message or action."""
    for decision in batch:
        if decision.writes or len(decision.entries) != 1:
            return False
        if not isinstance(decision.entries[0].event, Talk):
            return False
    return bool(batch)


def only_plain(batch: Sequence[Decision]) -> bool:
    """Return whether the messages have no mentions and answers, which are stored separately."""
    for decision in batch:
        event = decision.entries[0].event
        if about(event) or (isinstance(event, Talk) and event.mentions):
            return False
    return True


class MessageBatches:
    """Calls the function, for one writer. The table `writers` has the results of its last call."""

    def __init__(self) -> None:
        self._writer = secrets.randbits(63)
        self._number = 0  # number of the last call

    def store(
        self, connection: Connection, batch: Sequence[Decision], clock: KeyClock
    ) -> list[Stored]:
        """Store *batch*, for which `only_messages` is true; return the results.

        If *connection* is not in a transaction, the call is one. Raises psycopg's errors.
        """
        self._number += 1
        asked = _without_repeats(batch)
        row = self._call(connection, _arguments(asked, clock))
        results, times = (read_bigints(row.get_value(0, column)) for column in (0, 1))
        return _with_repeats(batch, asked, _stored(asked, results, times))

    def result(self, connection: Connection, batch: Sequence[Decision]) -> list[Stored] | None:
        """Return the results of *batch*, the last one given to `store`; None: nothing was stored.

        If this server has the `StoreLock`, the call has ended.
        """
        own = text("SELECT results FROM writers WHERE id = :id AND batch = :batch FOR UPDATE")
        results = connection.scalar(own, {"id": self._writer, "batch": self._number})
        if results is None:
            return None
        asked = _without_repeats(batch)
        entries = schema.entries.c
        query = select(entries.at).where(
            entries.conversation == bindparam("conversation"), entries.seq == bindparam("seq")
        )
        times = []
        for each, seq in zip(asked, results, strict=True):
            place = {"conversation": each.entries[0].conversation, "seq": seq}
            times.append(connection.scalar(query, place) or 0)
        return _with_repeats(batch, asked, _stored(asked, results, times))

    def _call(self, connection: Connection, arguments: Sequence[bytes]) -> Any:
        """Call the function with *arguments*; return libpq's result, which has one row."""
        from psycopg.errors import error_from_result
        from psycopg.pq import ExecStatus

        pooled = connection.connection
        libpq: Any = pooled.driver_connection.pgconn  # type: ignore[union-attr]
        name = pooled.info.get(PREPARED)
        if name is None:
            name = b"store_messages_%d" % next(_NAMES)
            prepared = libpq.prepare(name, _CALL)
            if prepared.status != ExecStatus.COMMAND_OK:
                raise error_from_result(prepared)
            pooled.info[PREPARED] = name
        numbers = _BIGINT.pack(self._writer), _BIGINT.pack(self._number)
        row = libpq.exec_prepared(name, [*numbers, *arguments], [_BINARY] * 9, _BINARY)
        if row.status != ExecStatus.TUPLES_OK:
            raise error_from_result(row)
        return row


def _without_repeats(batch: Sequence[Decision]) -> Sequence[Decision]:
    """Return *batch* without the decisions that repeat a request of an earlier one."""
    asked: list[Decision] = []
    keys: set[RequestKey] = set()
    for decision in batch:
        if decision.key is None or decision.key not in keys:
            asked.append(decision)
            if decision.key is not None:
                keys.add(decision.key)
    return asked


def _with_repeats(
    batch: Sequence[Decision], asked: Sequence[Decision], stored: list[Stored]
) -> list[Stored]:
    """Return the results of *batch*, of which *stored* are those of `_without_repeats`."""
    if len(asked) == len(batch):
        return stored
    results: list[Stored] = []
    of_keys: dict[RequestKey, Stored] = {}
    rest = iter(stored)
    for decision in batch:
        first = None if decision.key is None else of_keys.get(decision.key)
        if first is None:
            result = next(rest)
            if decision.key is not None:
                of_keys[decision.key] = result
        else:
            result = Repeated(first[0].seq) if isinstance(first, list) else first
        results.append(result)
    return results


def _stored(
    asked: Sequence[Decision], results: Sequence[int], times: Sequence[int]
) -> list[Stored]:
    """Decode the function's *results* and the *times* of the new entries."""
    return [
        [Entry(decision.entries[0].conversation, result, at, decision.entries[0].event)]
        if result > 0
        else Conflict()
        if result == 0
        else Repeated(-1 - result)
        for decision, result, at in zip(asked, results, times, strict=True)
    ]


def _arguments(batch: Sequence[Decision], clock: KeyClock) -> list[bytes]:
    """Return the function's arguments for *batch*: an array for each."""
    news = [decision.entries[0] for decision in batch]
    keys = [decision.key for decision in batch]
    if not any(keys):
        keys = []  # for the rest, the function has NULLs
    versions = [_NO_VERSION if new.version is None else new.version for new in news]
    return [
        integers([new.conversation for new in news]),
        bigints([decision.at for decision in batch]),
        texts([encode(new.event).encode() for new in news]),
        bigints(versions if any(new.version is not None for new in news) else []),
        texts([key and key.owner.encode() for key in keys]),
        texts([key and key.key.encode() for key in keys]),
        bigints([clock.advance(each.at) if each.key is not None else 0 for each in batch]),
    ]
