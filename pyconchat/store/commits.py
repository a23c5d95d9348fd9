"""Commits: stores batches of decisions, each in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from time import monotonic, sleep
from typing import TypeAlias

from sqlalchemy import Connection, Dialect, insert, select, text

from pyconchat.domain.decisions import Decision
from pyconchat.domain.errors import NotSaved, Unknown
from pyconchat.domain.events import Talk, about
from pyconchat.store import amendments, mentions, request_keys, schema
from pyconchat.store.batch import Batch, Heads, Stored
from pyconchat.store.message_batches import MessageBatches, only_messages, only_plain
from pyconchat.store.plain_batches import PlainBatches
from pyconchat.store.prepared import Prepared
from pyconchat.store.search import SearchIndex
from pyconchat.store.sharing import Sharing
from pyconchat.store.transactions import (
    CallLost,
    CommitLost,
    Contended,
    Unstorable,
    Writer,
    savepoint,
)
from pyconchat.store.wal import WalFlusher

__all__ = ["Commits"]

SETTLE_SECONDS = 3.0
"""Seconds in which `commit` tries to find out its outcome, if the answer was lost."""

SETTLE_PAUSE = 0.1
"""Seconds between two of these attempts."""

REPEAT_PAUSES = (0.02, 0.1, 0.5)
"""Seconds before each repetition of a batch that PostgreSQL has ended in favour of another."""

Grown: TypeAlias = Iterator[tuple[int, int, int]]
"""Each conversation with new entries: its id, the head before, and the head now."""

Write: TypeAlias = Callable[[Connection, Sequence[Decision], list[Stored]], list[Grown]]


class Commits:
    """The commits of *writer*; *search* and *flusher* are notified of the new entries.

    With *sharing*, other nodes use the same database.
    `removed` is set when text has been removed, of which SQLite's WAL still has copies.
    """

    def __init__(
        self,
        dialect: Dialect,
        writer: Writer,
        search: SearchIndex,
        flusher: WalFlusher | None,
        sharing: Sharing | None,
    ) -> None:
        self._writer = writer
        self._search = search
        self._flusher = flusher
        self._sharing = sharing
        self._heads = Heads(dialect)
        self._insert_entries = Prepared(insert(schema.entries), dialect)
        sqlite = dialect.name == "sqlite"
        # It caches heads, so it cannot be used if other nodes move them.
        self._plain = PlainBatches(self._heads) if sqlite and sharing is None else None
        self._messages = None if sqlite else MessageBatches()
        self._new_keys = 0
        self._key_clock: request_keys.KeyClock | None = None
        self._doubt: Callable[[], list[Stored] | None] | None = None  # reads the stored results
        self.removed = True  # an earlier run of the server may have removed text

    def forget(self, connection: Connection) -> None:
        """Delete the stored results of earlier servers, which can no longer ask for them.

        Keep them while there are other nodes, which may ask.
        """
        if self._messages is None:
            return
        nodes = select(schema.nodes.c.id).limit(1)
        if self._sharing is None or connection.scalar(nodes) is None:
            connection.execute(text("DELETE FROM writers"))

    def commit(self, batch: Sequence[Decision]) -> list[Stored]:
        """As `IStore.commit`. Repeats the batch if another transaction was in its way."""
        pauses = iter(REPEAT_PAUSES)
        while True:
            try:
                return self._store(batch)
            except Contended:
                pause = next(pauses, None)
                if pause is None:
                    raise
                sleep(pause)
            except (CallLost, CommitLost):
                return self._settled(SETTLE_SECONDS)

    def settle(self) -> list[Stored] | None:
        """As `IStore.settle`."""
        assert self._doubt is not None, "a commit is in doubt"
        stored = self._doubt()
        self._doubt = None
        if stored is not None:
            self._search.stored(_grown(stored))
        return stored

    def _settled(self, seconds: float) -> list[Stored]:
        """As `settle`, but tries for *seconds*. Raises `NotSaved`, and `Unknown` if that fails."""
        until = monotonic() + seconds
        while True:
            try:
                stored = self.settle()
                break
            except NotSaved as error:
                if monotonic() > until:
                    raise Unknown(f"it may have been saved: {error}") from error
                sleep(SETTLE_PAUSE)
        if stored is None:
            raise NotSaved("the connection was lost")
        return stored

    def _store(self, batch: Sequence[Decision]) -> list[Stored]:
        """Store *batch*. Sets `_doubt` if it raises `CallLost` or `CommitLost`."""
        try:
            if self._messages is not None and only_messages(batch):
                if only_plain(batch):
                    return self._call(self._messages, batch)
                return self._commit(batch, partial(self._write_messages, self._messages))
            if self._plain is not None and only_messages(batch) and only_plain(batch):
                stored = self._store_plain(self._plain, batch)
                if stored is not None:
                    return stored
            return self._commit(batch, self._write_all)
        except NotSaved as problem:
            if not isinstance(problem, Unstorable):
                raise
        except Exception:  # a decision cannot be encoded; `_write_parts` finds it
            pass
        return self._commit(batch, self._write_parts)

    # One call of a function in PostgreSQL.

    def _call(self, messages: MessageBatches, batch: Sequence[Decision]) -> list[Stored]:
        """Store *batch*, which has only messages."""

        def result() -> list[Stored] | None:
            with self._writer.transaction() as connection:
                return messages.result(connection, batch)

        clock = self._read_key_clock()
        try:
            with self._writer.call() as connection:
                stored = messages.store(connection, batch, clock)
        except CallLost:
            self._doubt = result
            raise
        self._called(batch, stored, clock)
        return stored

    # A few statements on SQLite's connection.

    def _store_plain(self, plain: PlainBatches, batch: Sequence[Decision]) -> list[Stored] | None:
        """Store *batch*, which has only plain messages; return None if *plain* cannot."""
        clock = self._read_key_clock()
        with self._writer.call() as connection:
            stored = plain.store(connection, batch, clock)
        if stored is not None:
            if self._flusher is not None:
                self._flusher.stored()
            self._called(batch, stored, clock)
        return stored

    def _read_key_clock(self) -> request_keys.KeyClock:
        """Return the clock of the request keys, which is read once."""
        if self._key_clock is None:
            with self._writer.transaction() as connection:
                self._key_clock = request_keys.KeyClock(connection)
        return self._key_clock

    def _called(
        self, batch: Sequence[Decision], stored: Sequence[Stored], clock: request_keys.KeyClock
    ) -> None:
        """Process the results of *batch* after its commit; delete expired keys if it is time."""
        self._search.stored(_grown(stored))
        if self._keys_are_due(sum(decision.key is not None for decision in batch)):
            with suppress(NotSaved), self._writer.transaction() as connection:
                self._sweep(connection, clock)

    # A transaction of many statements.

    def _commit(self, batch: Sequence[Decision], write: Write) -> list[Stored]:
        """Store *batch* in one transaction by *write*, which appends the results to a list."""
        if self._plain is not None:
            self._plain.forget(batch)
        stored: list[Stored] = []
        try:
            with self._writer.commit() as connection:
                parts = write(connection, batch, stored)
        except CommitLost as lost:
            doubt = lost  # `lost` is deleted at the end of the block
            self._doubt = lambda: stored if self._writer.committed(doubt) else None
            raise
        if self._flusher is not None:
            self._flusher.stored()
        for grown in parts:
            self._search.stored(grown)
        return stored

    def _write_messages(
        self,
        messages: MessageBatches,
        connection: Connection,
        batch: Sequence[Decision],
        stored: list[Stored],
    ) -> list[Grown]:
        """Write *batch*, which has only messages, and append its results to *stored*."""
        if self._key_clock is None:
            self._key_clock = request_keys.KeyClock(connection)
        results = messages.store(connection, batch, self._key_clock)
        entries = [entry for each in results if isinstance(each, list) for entry in each]
        for entry in entries:
            if isinstance(entry.event, Talk) and entry.event.mentions:
                names = entry.event.mentions
                mentions.add(connection, entry, entry.seq, entry.event.sender, names)
        answers = [entry for entry in entries if about(entry.event)]
        if answers:
            results = amendments.with_quotes(connection, results, answers)
        if self._keys_are_due(sum(decision.key is not None for decision in batch)):
            self._sweep(connection, self._key_clock)
        stored += results
        return [_grown(results)]

    def _write_all(
        self, connection: Connection, batch: Sequence[Decision], stored: list[Stored]
    ) -> list[Grown]:
        return [self._write(connection, batch, stored).grown()]

    def _write_parts(
        self, connection: Connection, batch: Sequence[Decision], stored: list[Stored]
    ) -> list[Grown]:
        """Write *batch* in halves, in order, without the decisions that cannot be stored."""
        part: list[Stored] = []
        try:
            with savepoint(connection):
                work = self._write(connection, batch, part)
        except Exception as error:
            if isinstance(error, NotSaved) and not isinstance(error, Unstorable):
                raise
            if len(batch) == 1:
                problem = error if isinstance(error, NotSaved) else NotSaved(repr(error))
                stored.append(problem)
                return []
        else:
            stored += part
            return [work.grown()]
        half = len(batch) // 2
        parts = self._write_parts(connection, batch[:half], stored)
        return parts + self._write_parts(connection, batch[half:], stored)

    def _write(
        self, connection: Connection, batch: Sequence[Decision], stored: list[Stored]
    ) -> Batch:
        """Write *batch*, and append its results to *stored*."""
        work = Batch(connection, self._heads, self._sharing)
        results = work.decide(batch)
        if work.rows:
            self._insert_entries.run(connection, work.rows)
            self._heads.move(connection, work.moved_heads())
        if work.amending:
            self.removed |= amendments.amend(connection, self._search, work.amending)
            results = amendments.with_quotes(connection, results, work.amending)
        stored += results
        if self._key_clock is None:
            self._key_clock = request_keys.KeyClock(connection)
        work.finish(self._key_clock)
        if self._keys_are_due(len(work.keys)):
            self._sweep(connection, self._key_clock)
        return work

    def _keys_are_due(self, new: int) -> bool:
        """Count *new* keys; return whether it is time to delete expired ones."""
        self._new_keys += new
        return self._new_keys >= request_keys.SWEEP_EVERY

    def _sweep(self, connection: Connection, clock: request_keys.KeyClock) -> None:
        """Delete expired request keys; the next commit continues if there are more."""
        if not request_keys.delete_expired(connection, clock.now):
            self._new_keys = 0


def _grown(stored: Sequence[Stored]) -> Grown:
    """Yield the conversations with new entries in *stored*: id, head before, and head now."""
    before: dict[int, int] = {}
    heads: dict[int, int] = {}
    for entries in stored:
        if isinstance(entries, list):
            for entry in entries:
                before.setdefault(entry.conversation, entry.seq - 1)
                heads[entry.conversation] = entry.seq
    for id, head in heads.items():
        yield id, before[id], head
