"""NodeStore: leases of the servers (nodes) on one database, and the users online at each.

Leases expire by the database's clock, so that the clocks of the nodes do not matter.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Dialect, delete, func, insert, select, update
from sqlalchemy import literal_column as sql
from zope.interface import implementer

from pyconchat.chat.interfaces import INodeStore
from pyconchat.domain.decisions import SERVER
from pyconchat.domain.errors import LeaseLost
from pyconchat.domain.events import Entry
from pyconchat.domain.names import Key, Name, fold
from pyconchat.domain.stored import (
    AccountState,
    Caught,
    ChangedHead,
    DirectFiles,
    NodeRecord,
    Online,
    OnlineRecord,
    TicketRecord,
)
from pyconchat.store import catching_up, files, schema
from pyconchat.store.account_state import read_account
from pyconchat.store.engines import READ_SECONDS, BadStore
from pyconchat.store.online import OnlineRows
from pyconchat.store.sharing import Sharing, count_up, lock_name
from pyconchat.store.tickets import TicketRows
from pyconchat.store.transactions import Writer
from pyconchat.store.wrong_passwords import WrongPasswordRows

__all__ = ["LEASE", "NodeStore"]

LEASE = 10_000
"""Milliseconds after its last renewal at which a lease expires."""

# In milliseconds since the epoch. PostgreSQL looks up `now`, which is the beginning of the
# transaction, in an index, and `clock_timestamp` not.
_NOW = {
    "sqlite": "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
    "postgresql": "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)",
}

_nodes = schema.nodes.c
_online = schema.online.c
_changes = schema.account_changes.c
_counters = schema.counters.c
_conversations = schema.conversations.c

_NEWEST = select(
    select(_counters.value).where(_counters.name == "accounts").scalar_subquery(),
    select(_conversations.head).where(_conversations.id == SERVER).scalar_subquery(),
)


@implementer(INodeStore)
class NodeStore:
    """Stores the state of this server's node, whose id is `Sharing.node`, and reads the others'.

    *entries* builds a conversation's entries from rows of number, time and body.
    """

    def __init__(
        self,
        dialect: Dialect,
        writer: Writer,
        sharing: Sharing,
        entries: Callable[[Connection, int, Iterable[Any]], list[Entry]],
    ) -> None:
        self._writer = writer
        self._sharing = sharing
        self._entries = entries
        self._incarnation = 0
        self._here: dict[Key, OnlineRecord] = {}  # the users online at this node
        self._now: ColumnElement[int] = sql(_NOW[dialect.name])
        self._online = OnlineRows(dialect)
        begun: ColumnElement[int] = sql(_NOW[dialect.name].replace("clock_timestamp", "now"))
        self._tickets = TicketRows(begun)
        self._wrong = WrongPasswordRows(begun)

    def begin(self, name: str, bus: str = "") -> int:
        incarnation = secrets.randbits(63)
        with self._writer.transaction() as connection:
            id = count_up(connection, "nodes", 1)  # locked, so that only one node starts at a time
            earlier = select(_nodes.id, _nodes.lease > self._now).where(_nodes.name == name)
            for node, alive in connection.execute(earlier.with_for_update()).all():
                if alive:
                    raise BadStore(f"there is another node with the name {name}")
                self._remove(connection, [node])
            others = select(_nodes.name, _nodes.bus).where(
                _nodes.lease > self._now, _nodes.bus != bus
            )
            for other, its in connection.execute(others.order_by(_nodes.id)):
                raise BadStore(
                    f"the node {other} uses the bus {its}, and this one {bus}:"
                    " set the same bus.url at all nodes"
                )
            lease = self._now + LEASE
            row = insert(schema.nodes).values(
                id=id, name=name, incarnation=incarnation, lease=lease, bus=bus
            )
            connection.execute(row)
            self._online.fill(connection, id, {})
        self._sharing.node, self._incarnation, self._here = id, incarnation, {}
        return id

    def renew(self) -> list[NodeRecord]:
        with self._writer.transaction() as connection:
            renewing = update(schema.nodes).where(*self._own()).values(lease=self._now + LEASE)
            if not connection.execute(renewing).rowcount:
                raise _lost()
            if not self._online.is_filled(connection, self._sharing.node):
                self._online.fill(connection, self._sharing.node, self._here)
                self._count(connection, 1)  # other nodes may have read the empty table
            living = select(_nodes.id, _nodes.name, _nodes.online_count).where(
                _nodes.lease > self._now
            )
            return [NodeRecord(*row) for row in connection.execute(living.order_by(_nodes.id))]

    def expire(self) -> Online:
        own = self._sharing.node
        with self._writer.transaction() as connection:
            ended = (
                select(_nodes.id, _nodes.incarnation)
                .where(_nodes.lease <= self._now, _nodes.id != own)
                .with_for_update(skip_locked=True)
            )
            found = {row.id: row.incarnation for row in connection.execute(ended)}
            if not found:
                return Online({}, [])
            living = set(connection.scalars(select(_nodes.id).where(_nodes.lease > self._now)))
            ids = [id for id, was in found.items() if -was not in living - {own}]
            claiming = update(schema.nodes).where(_nodes.id.in_(ids))
            connection.execute(claiming.values(incarnation=-own))  # the node finds its lease lost
            return Online(
                dict.fromkeys(ids, 0), self._online.read(connection, _online.node.in_(ids))
            )

    def remove(self, ids: Collection[int]) -> None:
        claimed = select(_nodes.id).where(
            _nodes.id.in_(ids), _nodes.incarnation == -self._sharing.node
        )
        with self._writer.transaction() as connection:
            self._remove(connection, list(connection.scalars(claimed.with_for_update())))

    def end(self) -> None:
        with self._writer.transaction() as connection:
            if self._has_lease(connection):
                self._remove(connection, [self._sharing.node])
        self._sharing.node, self._here = 0, {}

    def set_online(self, changes: Sequence[OnlineRecord]) -> int:
        newest = {fold(each.name): each for each in changes}
        here = {key: each for key, each in newest.items() if each.sessions > 0}
        node = self._sharing.node
        with self._writer.transaction() as connection:
            count = self._count(connection, len(changes))
            self._online.put(connection, node, here)
            self._online.drop(connection, node, newest.keys() - here.keys())
        for key in newest:
            self._here.pop(key, None)
        self._here |= here
        return count

    def claim_guest(self, name: Name, party: str) -> int:
        key = fold(name)
        guest = OnlineRecord(self._sharing.node, name, party, 1)
        with self._writer.transaction() as connection:
            self._require_lease(connection)
            lock_name(connection, key)
            accounts = schema.accounts.c.key
            for column in (accounts, _online.key):
                if connection.scalar(select(column).where(column == key).limit(1)) is not None:
                    return 0
            self._online.put(connection, guest.node, {key: guest})
            count = self._count(connection, 1)
        self._here[key] = guest
        return count

    def online(self, nodes: Collection[int] | None = None) -> Online:
        living = select(_nodes.id, _nodes.online_count).where(
            _nodes.lease > self._now, _nodes.id != self._sharing.node
        )
        if nodes is not None:
            living = living.where(_nodes.id.in_(nodes))
        with self._writer.snapshot(READ_SECONDS) as connection:
            counts = {row.id: row.online_count for row in connection.execute(living)}
            return Online(counts, self._online.read(connection, _online.node.in_(counts)))

    def count_online(self, ids: Collection[int]) -> dict[int, int]:
        with self._writer.reading(READ_SECONDS) as connection:
            return self._online.count(connection, ids)

    def ids(self, count: int) -> int:
        conversations = schema.conversations.c
        with self._writer.transaction() as connection:
            last = count_up(connection, "conversations", count)
            # A server that does not share the database does not use the counter.
            highest = connection.scalar(select(func.max(conversations.id))) or SERVER
            if last - count < highest:
                last = count_up(connection, "conversations", highest + count - last)
            return last - count + 1

    def heads(self, ids: Collection[int]) -> dict[int, int]:
        with self._writer.lookup() as connection:
            return catching_up.read_heads(connection, ids)

    def changes(self, since: int | None) -> tuple[int, list[ChangedHead]]:
        with self._writer.snapshot(READ_SECONDS) as connection:
            return catching_up.read_changes(connection, since)

    def connected(self, key: Key, ids: Collection[int]) -> dict[int, int]:
        with self._writer.lookup() as connection:
            return catching_up.read_connected(connection, key, ids)

    def named(self, name: str) -> dict[int, int]:
        with self._writer.lookup() as connection:
            return catching_up.read_named(connection, name)

    def with_codes(self, makers: Collection[Name]) -> dict[int, int]:
        with self._writer.lookup() as connection:
            return catching_up.read_with_codes(connection, makers)

    def catch_up(
        self, published: Mapping[int, int], most: int, versions: Mapping[int, int] | None = None
    ) -> dict[int, Caught]:
        with self._writer.snapshot(READ_SECONDS) as connection:
            return catching_up.catch_up(connection, published, most, versions or {}, self._entries)

    def account(self, owner: Key) -> AccountState | None:
        with self._writer.snapshot(READ_SECONDS) as connection:
            return read_account(connection, owner)

    def changed_accounts(self, after: int) -> tuple[int, list[Key]]:
        changed = select(_changes.owner).where(_changes.revision > after)
        with self._writer.snapshot(READ_SECONDS) as connection:
            newest = select(_counters.value).where(_counters.name == "accounts")
            revision: int = connection.execute(newest).scalar_one()
            owners = connection.scalars(changed.order_by(_changes.revision, _changes.owner))
            return revision, [Key(owner) for owner in owners]

    def newest(self) -> tuple[int, int]:
        with self._writer.lookup() as connection:
            revision, head = connection.execute(_NEWEST).one()
            return revision, head

    def add_ticket(self, ticket: TicketRecord, seconds: float, most: int) -> None:
        with self._writer.transaction() as connection:
            self._tickets.add(connection, ticket, seconds, most)

    def ticket(self, digest: str) -> TicketRecord | None:
        with self._writer.lookup() as connection:
            return self._tickets.find(connection, digest)

    def end_ticket(self, digest: str) -> None:
        with self._writer.transaction() as connection:
            self._tickets.end(connection, digest)

    def private_files(self, conversation: int) -> DirectFiles | None:
        with self._writer.snapshot(READ_SECONDS) as connection:
            return files.read_private(connection, conversation)

    def known_files(self, ids: Sequence[str]) -> set[str]:
        with self._writer.reading(READ_SECONDS) as connection:
            return files.read_known(connection, ids)

    def shared_bytes(self, name: Name, since: int, quota: str) -> int:
        with self._writer.reading(READ_SECONDS) as connection:
            return files.read_bytes(connection, name, since, quota)

    def add_wrong_passwords(self, keys: Collection[str], seconds: float) -> None:
        with self._writer.transaction() as connection:
            self._wrong.add(connection, keys, seconds)

    def wrong_passwords(
        self, keys: Collection[str], seconds: float, most: int
    ) -> dict[str, list[float]]:
        with self._writer.lookup() as connection:
            return self._wrong.ages(connection, keys, seconds, most)

    def _count(self, connection: Connection, more: int) -> int:
        """Add *more* to the count of this node's online records; return it.

        Raises `LeaseLost` if the node has been removed. It is locked against that until the commit.
        """
        adding = update(schema.nodes).where(*self._own())
        adding = adding.values(online_count=_nodes.online_count + more)
        count = connection.scalar(adding.returning(_nodes.online_count))
        if count is None:
            raise _lost()
        return int(count)

    def _own(self) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
        return _nodes.id == self._sharing.node, _nodes.incarnation == self._incarnation

    def _has_lease(self, connection: Connection) -> bool:
        """Return whether this node still exists; lock it against removal until the commit."""
        own = select(_nodes.id).where(*self._own()).with_for_update(read=True, key_share=True)
        return connection.scalar(own) is not None

    def _require_lease(self, connection: Connection) -> None:
        if not self._has_lease(connection):
            raise _lost()

    def _remove(self, connection: Connection, ids: Sequence[int]) -> None:
        """Delete the nodes *ids*, and their rows of online users."""
        self._online.remove(connection, ids)
        connection.execute(delete(schema.nodes).where(_nodes.id.in_(ids)))


def _lost() -> LeaseLost:
    return LeaseLost("this node has lost its lease")
