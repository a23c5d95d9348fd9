"""One commit: gives numbers to the entries of a batch of decisions, and finds conflicts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from typing import TypeAlias

from sqlalchemy import Connection, Dialect, bindparam, select, update

from pyconchat.domain.decisions import Decision, MoveCursor, OpenDirect, Repeated, RequestKey
from pyconchat.domain.errors import Conflict, NotSaved
from pyconchat.domain.events import (
    Entry,
    GroupCreated,
    GroupRestored,
    Message,
    about,
    changes_version,
    encode,
)
from pyconchat.store import request_keys, schema
from pyconchat.store.cursors import Cursors
from pyconchat.store.effects import Effects
from pyconchat.store.prepared import Prepared
from pyconchat.store.sharing import CURRENT_STEP, Sharing
from pyconchat.store.writes import Writes

__all__ = ["Batch", "Heads", "Stored"]

MAX_PREPARED = 100
"""Maximum prepared statements for locking: one for each number of conversations in a batch."""

Stored: TypeAlias = "list[Entry] | Repeated | Conflict | NotSaved"


class Batch:
    """One commit: gives numbers to the events of a batch, and writes their effects.

    The entries themselves are *rows*, which the caller writes. With *sharing*, other nodes use the
    same database.
    """

    def __init__(self, connection: Connection, heads: Heads, sharing: Sharing | None) -> None:
        self.rows: list[dict[str, object]] = []
        self._connection = connection
        self._cursors = Cursors(connection)
        self._sharing = sharing
        self._writes = Writes(connection, self._cursors, sharing)
        self._effects = Effects(connection, self._cursors, self._writes)
        self._stored_heads = heads
        self._heads: dict[int, int] = {}
        self._before: dict[int, int] = {}  # the heads before this commit
        self._moves: list[MoveCursor] = []
        self._versions: dict[int, int] = {}
        self._times: dict[int, int] = {}  # of the newest entries
        self._stale: set[int] = set()
        self._missing: set[int] = set()  # groups whose creation was refused
        self._done: dict[RequestKey, int] = {}  # requests stored before or by this commit
        self.keys: list[tuple[RequestKey, int, int]] = []
        self.amending: list[Entry] = []  # the entries that are about earlier ones

    def decide(self, batch: Sequence[Decision]) -> list[Stored]:
        """Give numbers to the events of *batch*, and write their effects.

        Returns one result for each decision: its entries, or why it is not stored.
        """
        self._load_heads(batch)
        self._done = request_keys.stored_before(self._connection, batch)
        self._before = dict(self._heads)
        stored: list[Stored] = []
        for decision in batch:
            seq_before = self._done.get(decision.key) if decision.key is not None else None
            if seq_before is not None and not _changes_state(decision):
                stored.append(Repeated(seq_before))
                continue
            if seq_before is not None or self._conflicts(decision):
                # Later decisions on the same groups were made on the same old state.
                self._stale |= {new.conversation for new in decision.entries}
                self._missing |= {
                    new.conversation for new in decision.entries if type(new.event) is GroupCreated
                }
                stored.append(Conflict())
                continue
            for write in decision.writes:
                if type(write) is MoveCursor:
                    self._moves.append(write)
                else:
                    self._writes.make(write, decision.at)
            numbered: list[Entry] = []
            for conversation, event, version in decision.entries:
                seq = self._heads[conversation] + 1
                self._heads[conversation] = seq
                at = self._times[conversation]
                if at < decision.at:  # otherwise the clock was set back: times never decrease
                    at = self._times[conversation] = decision.at
                entry = Entry(conversation, seq, at, event)
                numbered.append(entry)
                self.rows.append(
                    {
                        "conversation": conversation,
                        "seq": seq,
                        "at": at,
                        "body": encode(event),
                    }
                )
                if version is not None and changes_version(event):
                    self._versions[conversation] += 1
                if type(event) is not Message or event.mentions:
                    self._effects.of(entry)
                    if about(event):
                        self.amending.append(entry)
                elif event.reply_to:
                    self.amending.append(entry)
            stored.append(numbered)
            if decision.key is not None:
                seq = numbered[0].seq if numbered else 0
                self._done[decision.key] = seq
                self.keys.append((decision.key, seq, decision.at))
        return stored

    def grown(self) -> Iterator[tuple[int, int, int]]:
        """Yield each conversation with new entries: id, head before, and head now."""
        for id, head in self._heads.items():
            if head != self._before[id]:
                yield id, self._before[id], head

    def moved_heads(self) -> list[dict[str, object]]:
        """Return the heads that have moved, with times and versions, for `Heads.move`."""
        return [
            {"i": id, "h": head, "t": self._times[id], "v": self._versions[id]}
            for id, _, head in self.grown()
        ]

    def finish(self, clock: request_keys.KeyClock) -> None:
        """Write cursors, request keys and changed accounts: once for the whole batch."""
        if self._moves:
            self._cursors.move(self._moves)
        if self.keys:
            request_keys.store_keys(self._connection, self.keys, clock)
        if self._sharing is not None and self._writes.changed:
            self._sharing.note_changes(self._connection, self._writes.changed)

    def _load_heads(self, batch: Sequence[Decision]) -> None:
        """Lock and read the head and version of each conversation that the batch appends to."""
        created: set[int] = set()
        touched: set[int] = set()
        for decision in batch:
            for write in decision.writes:
                if type(write) is OpenDirect:
                    created.add(write.conversation)  # its row is inserted by the write
            for new in decision.entries:
                touched.add(new.conversation)
                if type(new.event) is GroupCreated:
                    created.add(new.conversation)  # its row is inserted with its entry
        self._heads = dict.fromkeys(created, 0)
        self._versions = dict.fromkeys(created, 0)
        self._times = dict.fromkeys(created, 0)
        if touched:  # also new groups: their ids may be taken
            rows = self._stored_heads.lock(self._connection, touched)
            for id, head, version, at in rows:
                self._heads[id] = head
                self._versions[id] = version
                self._times[id] = at

    def _conflicts(self, decision: Decision) -> bool:
        """Return whether a group has changed since *decision* was made, or a name is taken.

        Also if a number that it needs is taken, or its account or group does not exist.
        """
        if decision.writes and any(map(self._writes.clashes, decision.writes)):
            return True
        if self._missing and any(new.conversation in self._missing for new in decision.entries):
            return True
        ahead: dict[int, int] = {}
        for conversation, event, version in decision.entries:
            if version is not None:
                steps = ahead.get(conversation, 0)
                stale = conversation in self._stale or (
                    self._versions[conversation] + steps != version
                )
                if stale and type(event) is not GroupCreated:  # the database refuses a taken id
                    return True
                if isinstance(event, GroupCreated | GroupRestored) and self._effects.is_taken(
                    event
                ):
                    return True
                ahead[conversation] = steps + changes_version(event)
            elif self._sharing is not None and self._effects.lacks_claim_code(event):
                return True
        return False


class Heads:
    """The stored heads (newest numbers) of conversations, their times, and versions of states."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._lock: dict[int, Prepared] = {}  # by the number of conversations
        move = (
            update(schema.conversations)
            .where(schema.conversations.c.id == bindparam("i"))
            .values(head=bindparam("h"), head_at=bindparam("t"), version=bindparam("v"))
        )
        if dialect.name == "postgresql":
            move = move.values(changed=CURRENT_STEP)
        self._move = Prepared(move, dialect)

    def lock(self, connection: Connection, ids: Set[int]) -> list[tuple[int, int, int, int]]:
        """Return id, head, version and head's time of each of *ids*, locked until the commit."""
        count = len(ids)
        if count not in self._lock:
            if len(self._lock) >= MAX_PREPARED:
                self._lock.clear()
            self._lock[count] = self._locking(count)
        # Always in the same order, so that two nodes cannot deadlock.
        return self._lock[count].rows(connection, sorted(ids))

    def move(self, connection: Connection, heads: Iterable[dict[str, object]]) -> None:
        """Store *heads*, as `Batch.moved_heads` returns them."""
        self._move.run(connection, heads)

    def _locking(self, count: int) -> Prepared:
        conversations = schema.conversations.c
        query = (
            select(
                conversations.id, conversations.head, conversations.version, conversations.head_at
            )
            .where(conversations.id.in_([bindparam(f"id{nth}") for nth in range(count)]))
            .order_by(conversations.id)
            .with_for_update()
        )
        return Prepared(query, self._dialect)


def _changes_state(decision: Decision) -> bool:
    return any(new.version is not None and changes_version(new.event) for new in decision.entries)
