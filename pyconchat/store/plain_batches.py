"""Batches of plain messages in SQLite: stored by few statements, on the driver's own connection.

The heads of conversations are remembered from one batch to the next, and are not read again. They
are checked when they are moved. If a head is wrong, or a message cannot be stored in this way,
nothing is stored, and `pyconchat.store.commits` stores the batch with `Batch`, which handles every
case.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from pyconchat.domain.decisions import Decision
from pyconchat.domain.events import Entry, encode
from pyconchat.store.request_keys import KeyClock

if TYPE_CHECKING:
    from pyconchat.store.batch import Heads, Stored

__all__ = ["PlainBatches"]

MAX_REMEMBERED = 10_000
"""Maximum conversations whose heads are remembered: 2 MB."""

_INSERT = "INSERT INTO entries (conversation, seq, at, body) VALUES (?, ?, ?, ?)"
_MOVE = "UPDATE conversations SET head = ?, head_at = ? WHERE id = ? AND head = ? AND version = ?"
_KEEP = "INSERT INTO request_keys (owner, key, seq, at) VALUES (?, ?, ?, ?)"


class _Head:
    """The number of a conversation's newest entry, its time, and the version of the state."""

    __slots__ = ("at", "seq", "version")

    def __init__(self, seq: int, at: int, version: int) -> None:
        self.seq = seq
        self.at = at
        self.version = version


class PlainBatches:
    """Stores batches of plain messages; *heads* reads the heads that are not remembered."""

    def __init__(self, heads: Heads) -> None:
        self._heads = heads
        self._remembered: dict[int, _Head] = {}

    def forget(self, batch: Iterable[Decision]) -> None:
        """Forget the heads of the conversations in *batch*, which is stored in another way."""
        for decision in batch:
            for new in decision.entries:
                self._remembered.pop(new.conversation, None)

    def store(
        self, connection: Connection, batch: Sequence[Decision], clock: KeyClock
    ) -> list[Stored] | None:
        """Store *batch*, for which `only_plain` is true, in a transaction; return the results.

        Returns None, and stores nothing, if a message was decided on another state, or is for a
        conversation that does not exist, or a remembered head is wrong. Raises the driver's errors,
        an `IntegrityError` if a message repeats a request or its number is taken.

        *connection* must not be in a transaction; it may be in one if an exception is raised.
        """
        driver: Any = connection.connection.driver_connection
        heads, self._remembered = self._remembered, {}  # kept only if this batch is stored
        if len(heads) > MAX_REMEMBERED:
            heads.clear()
        driver.execute("BEGIN IMMEDIATE")
        stored = self._write(connection, heads, batch, clock)
        if stored is None:
            driver.execute("ROLLBACK")
            return None
        driver.execute("COMMIT")
        self._remembered = heads
        return stored

    def _write(
        self,
        connection: Connection,
        heads: dict[int, _Head],
        batch: Sequence[Decision],
        clock: KeyClock,
    ) -> list[Stored] | None:
        """As `store`, inside the transaction. Adds missing heads to *heads*, and moves them."""
        driver: Any = connection.connection.driver_connection
        unknown = {decision.entries[0].conversation for decision in batch} - heads.keys()
        if unknown:
            for id, seq, version, at in self._heads.lock(connection, unknown):
                heads[id] = _Head(seq, at, version)
        stored: list[Stored] = []
        rows, keys = [], []
        before: dict[int, int] = {}  # the heads before this batch
        for decision in batch:
            conversation, event, state = decision.entries[0]
            head = heads.get(conversation)
            if head is None or (state is not None and state != head.version):
                return None
            before.setdefault(conversation, head.seq)
            head.seq += 1
            head.at = max(head.at, decision.at)  # times never decrease
            rows.append((conversation, head.seq, head.at, encode(event)))
            stored.append([Entry(conversation, head.seq, head.at, event)])
            if decision.key is not None:
                keys.append((*decision.key, head.seq, clock.advance(decision.at)))
        driver.executemany(_INSERT, rows)
        moves = [
            (heads[id].seq, heads[id].at, id, seq, heads[id].version) for id, seq in before.items()
        ]
        if driver.executemany(_MOVE, moves).rowcount != len(moves):
            return None
        if keys:
            driver.executemany(_KEEP, keys)
        return stored
