"""SqlStore: the log and the state tables in SQLite or PostgreSQL.

Everything here blocks. One thread calls `commit` and `read_in_order`; the other reads may come
from a few threads at once. Nothing here knows Twisted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    Table,
    and_,
    func,
    insert,
    select,
    text,
)
from zope.interface import implementer

from pyconchat.chat.interfaces import IStore
from pyconchat.domain.decisions import (
    SERVER,
    Decision,
    RequestKey,
)
from pyconchat.domain.errors import NotSaved
from pyconchat.domain.events import Entry, Policy, decode
from pyconchat.domain.group import Ban, GroupState, JoinRequest, Member, SharedFile
from pyconchat.domain.names import Key, Name
from pyconchat.domain.stored import (
    AccountRecord,
    CursorRecord,
    Loaded,
    ServerState,
    StoredGroup,
    TokenRecord,
)
from pyconchat.domain.text import SafeText
from pyconchat.store import request_keys, schema
from pyconchat.store.batch import Batch, Heads, Stored
from pyconchat.store.effects import CLAIM_CODE
from pyconchat.store.engines import engines_for, make_file
from pyconchat.store.prepared import Prepared
from pyconchat.store.problems import problems
from pyconchat.store.search import SearchIndex
from pyconchat.store.snapshot import take_snapshot
from pyconchat.store.transactions import Writer, transaction
from pyconchat.store.upgrade import require_newest, upgrade

__all__ = ["SqlStore"]


@implementer(IStore)
class SqlStore:
    """The store at *url*, an SQLAlchemy database URL."""

    def __init__(self, url: str, durability: str = "full") -> None:
        self._writing, self._reading = engines_for(url, durability)
        self._writer = Writer(self._writing)
        dialect = self._writing.dialect
        self._search = SearchIndex(dialect)
        self._heads = Heads(dialect)
        self._read_entries = Prepared(_READ_ENTRIES, dialect)
        self._insert_entries = Prepared(insert(schema.entries), dialect)
        self._new_keys = 0

    def open(self) -> None:
        make_file(self._writing)
        upgrade(self._writing)
        with self._writer.transaction() as connection:
            self._search.load(connection)

    def open_as_is(self) -> None:
        """Connect to a database that a server has made. Raises `BadStore`."""
        require_newest(self._writing)

    def snapshot(self, path: Path) -> None:
        """Copy an SQLite database as it is now to the new file *path*.

        Raises `BadStore`, `OSError` or `NotSaved`.
        """
        try:
            take_snapshot(self._writing, path)
        except self._writing.dialect.loaded_dbapi.Error as error:
            raise NotSaved(str(error).strip()) from error

    def problems(self) -> list[str]:
        """Return what is wrong with the database itself, and with the numbers of its entries."""
        with transaction(self._reading) as connection:
            return problems(connection)

    def close(self) -> None:
        self._writer.close()
        for engine in (self._reading, self._writing):
            engine.dispose()

    # Writing: one thread.

    def commit(self, batch: Sequence[Decision]) -> list[Stored]:
        with self._writer.transaction() as connection:
            work = Batch(connection, self._heads)
            stored = work.decide(batch)
            if work.rows:
                self._insert_entries.run(connection, work.rows)
                self._heads.move(connection, work.moved_heads())
            work.finish()
            self._new_keys += len(work.keys)
            if self._new_keys >= request_keys.SWEEP:
                self._new_keys = 0
                request_keys.forget_old(connection, batch[-1].at)
        self._search.stored(work.grown())
        return stored

    @property
    def behind(self) -> int:
        return self._search.behind

    def index(self, most: int, only: int | None = None) -> bool:
        with self._writer.transaction() as connection:
            seen = self._search.index(connection, most, only)
        return self._search.indexed(seen)

    # Reading in the order of the commits: the same thread.

    def state(self, ids: Iterable[int]) -> tuple[dict[int, StoredGroup], ServerState]:
        with self._writer.transaction() as connection:
            return _groups(connection, list(ids)), _server(connection)

    def cursors(self, owner: Key) -> list[CursorRecord]:
        cursors, conversations, groups = schema.cursors.c, schema.conversations.c, schema.groups.c
        query = (
            select(
                cursors.conversation,
                cursors.read,
                cursors.upto,
                conversations.head,
                conversations.party_a,
                conversations.party_b,
                groups.name,
            )
            .join_from(
                schema.cursors, schema.conversations, conversations.id == cursors.conversation
            )
            .outerjoin(schema.groups, groups.conversation == cursors.conversation)
            .where(cursors.owner == owner)
            # Private conversations that hold nothing new are found when they are needed.
            .where((conversations.party_a.is_(None)) | (cursors.read < conversations.head))
            .order_by(cursors.conversation, cursors.upto)
        )
        with self._writer.transaction() as connection:
            return [
                CursorRecord(id, read, upto, head, None if a is None else (a, b), Name(group or ""))
                for id, read, upto, head, a, b, group in connection.execute(query)
            ]

    def direct(self, parties: tuple[str, str]) -> tuple[int, int] | None:
        conversations = schema.conversations.c
        query = select(conversations.id, conversations.head).where(
            conversations.party_a == parties[0], conversations.party_b == parties[1]
        )
        with self._writer.transaction() as connection:
            row = connection.execute(query).first()
            return None if row is None else (row[0], row[1])

    def request_seq(self, key: RequestKey) -> int | None:
        with self._writer.transaction() as connection:
            return request_keys.request_seq(connection, key)

    def token(self, digest: str) -> TokenRecord | None:
        tokens = schema.tokens.c
        query = select(tokens.owner, tokens.used_at).where(tokens.digest == digest)
        with self._writer.transaction() as connection:
            row = connection.execute(query).first()
            return None if row is None else TokenRecord(Key(row.owner), row.used_at)

    # Reading: any thread.

    def load(self) -> Loaded:
        with transaction(self._reading) as connection:
            conversations = schema.conversations.c
            server = conversations.id == SERVER
            return Loaded(
                groups=_groups(connection, None),
                server=_server(connection),
                highest_conversation=connection.scalar(select(func.max(conversations.id))) or 0,
                highest_number=_highest_number(connection),
                server_head=connection.scalar(select(conversations.head).where(server)) or 0,
            )

    def entries(self, conversation: int, after: int, upto: int, limit: int) -> list[Entry]:
        with transaction(self._reading) as connection:
            rows = self._read_entries.rows(connection, [conversation, after, upto, limit])
        return _entries(conversation, rows)

    def search(self, conversation: int, words: Sequence[str], limit: int) -> list[Entry]:
        with transaction(self._reading) as connection:
            found = self._search.find(connection, conversation, words, limit)
            entries = schema.entries.c
            query = (
                select(entries.seq, entries.at, entries.body)
                .where(entries.conversation == conversation, entries.seq.in_(found))
                .order_by(entries.seq)
            )
            return _entries(conversation, connection.execute(query).all())


_READ_ENTRIES = text(
    "SELECT seq, at, body FROM entries"
    " WHERE conversation = :conversation AND seq > :after AND seq <= :upto"
    " ORDER BY seq LIMIT :most"
)


def _entries(conversation: int, rows: Iterable[Any]) -> list[Entry]:
    return [Entry(conversation, seq, at, decode(body)) for seq, at, body in rows]


def _groups(connection: Connection, ids: list[int] | None) -> dict[int, StoredGroup]:
    """Read the groups with *ids*, or all that are open."""
    groups, conversations = schema.groups.c, schema.conversations.c
    query = select(schema.groups, conversations.version, conversations.head).join_from(
        schema.groups, schema.conversations, conversations.id == groups.conversation
    )
    query = query.where(groups.closed.is_(False) if ids is None else groups.conversation.in_(ids))
    found: dict[int, StoredGroup] = {}
    for group in connection.execute(query).mappings():
        state = GroupState(
            number=group["number"],
            name=group["name"],
            policy=Policy(group["policy"]),
            admin=group["admin"],
            password_hash=group["password_hash"],
            topic=group["topic"],
            closed=group["closed"],
            last_file=group["last_file"],
        )
        found[group["conversation"]] = StoredGroup(state, group["version"], group["head"])

    def rows(table: Table, order: str) -> Iterable[Row[Any]]:
        query = select(table).join_from(
            table, schema.groups, and_(groups.conversation == table.c.conversation)
        )
        query = query.where(
            groups.closed.is_(False) if ids is None else groups.conversation.in_(ids)
        )
        return connection.execute(query.order_by(table.c.conversation, table.c[order]))

    for row in rows(schema.members, "since"):
        found[row.conversation].state.members.append(Member(Name(row.name), row.guest))
    for row in rows(schema.requests, "since"):
        request = JoinRequest(Name(row.name), row.at, SafeText(row.note), row.guest)
        found[row.conversation].state.requests.append(request)
    for row in rows(schema.invitations, "since"):
        found[row.conversation].state.invitations.append(Member(Name(row.name), row.guest))
    for row in rows(schema.bans, "since"):
        ban = Ban(Name(row.name), Name(row.by), row.at, SafeText(row.reason))
        found[row.conversation].state.bans.append(ban)
    for row in rows(schema.files, "number"):
        file = SharedFile(
            number=row.number,
            name=SafeText(row.name),
            by=Name(row.by),
            size=row.size,
            sha256=row.sha256,
            id=row.id,
            at=row.at,
            guest=row.guest,
        )
        found[row.conversation].state.files.append(file)
    return found


def _highest_number(connection: Connection) -> int:
    """Return the highest group number that was ever given automatically."""
    groups = schema.groups.c
    rows = connection.execute(select(groups.number, groups.name))
    return max((number for number, name in rows if not name.isdigit()), default=0)


def _server(connection: Connection) -> ServerState:
    settings = schema.settings.c
    code = select(settings.value).where(settings.name == CLAIM_CODE)
    return ServerState(
        accounts=_accounts(connection),
        ignores=_ignores(connection),
        bans=_server_bans(connection),
        claim_code=connection.scalar(code),
    )


def _accounts(connection: Connection) -> list[AccountRecord]:
    accounts = schema.accounts.c
    query = select(accounts.name, accounts.password_hash, accounts.operator)
    return [AccountRecord(*row) for row in connection.execute(query)]


def _ignores(connection: Connection) -> list[tuple[Key, Name]]:
    query = select(schema.ignores.c.owner, schema.ignores.c.name)
    return [(Key(owner), Name(name)) for owner, name in connection.execute(query)]


def _server_bans(connection: Connection) -> list[Ban]:
    bans = schema.server_bans.c
    query = select(bans.name, bans.by, bans.at, bans.reason).order_by(bans.at)
    return [Ban(*row) for row in connection.execute(query)]
