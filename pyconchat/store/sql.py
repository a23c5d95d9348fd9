"""SqlStore: the log and the state tables in SQLite or PostgreSQL.

Everything here blocks. One thread calls `commit` and `read_in_order`; the other reads may come
from a few threads at once. Nothing here knows Twisted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from sqlalchemy import (
    Connection,
    Engine,
    Row,
    Table,
    and_,
    bindparam,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import DBAPIError
from zope.interface import implementer

from pyconchat.decisions import (
    SERVER,
    Decision,
    MoveCursor,
    OpenDirect,
    Repeated,
    RequestKey,
)
from pyconchat.errors import Conflict, NotSaved
from pyconchat.events import Entry, GroupCreated, Message, Policy, decode, encode
from pyconchat.group import Ban, GroupState, JoinRequest, Member, SharedFile
from pyconchat.interfaces import IStore
from pyconchat.names import Key, Name
from pyconchat.records import (
    AccountRecord,
    CursorRecord,
    Loaded,
    ServerState,
    StoredGroup,
    TokenRecord,
)
from pyconchat.store import request_keys, schema
from pyconchat.store.effects import CLAIM_CODE, Effects
from pyconchat.store.engines import engines_for, make_file
from pyconchat.store.prepared import Prepared
from pyconchat.store.problems import problems
from pyconchat.store.search import SearchIndex
from pyconchat.store.snapshot import take_snapshot
from pyconchat.store.upgrade import require_newest, upgrade
from pyconchat.text import SafeText

__all__ = ["SqlStore"]

Stored: TypeAlias = "list[Entry] | Repeated | Conflict"


@implementer(IStore)
class SqlStore:
    """The store at *url*, an SQLAlchemy database URL."""

    def __init__(self, url: str, durability: str = "full") -> None:
        self._writing, self._reading = engines_for(url, durability)
        self._search = SearchIndex(self._writing.dialect)
        self._insert_entries = Prepared(_INSERT_ENTRIES, self._writing.dialect)
        self._move_heads = Prepared(_MOVE_HEADS, self._writing.dialect)
        self._new_keys = 0

    def open(self) -> None:
        make_file(self._writing)
        upgrade(self._writing)

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
        with _transaction(self._reading) as connection:
            return problems(connection)

    def close(self) -> None:
        for engine in (self._reading, self._writing):
            engine.dispose()

    # Writing: one thread.

    def commit(self, batch: Sequence[Decision]) -> list[Stored]:
        with _transaction(self._writing) as connection:
            work = _Batch(connection)
            stored = work.decide(batch)
            if work.rows:
                self._insert_entries.run(connection, work.rows)
                self._move_heads.run(connection, work.moved_heads())
            if work.words:
                self._search.add(connection, work.words)
            work.finish()
            self._new_keys += len(work.keys)
            if self._new_keys >= request_keys.SWEEP:
                self._new_keys = 0
                request_keys.forget_old(connection, batch[-1].at)
            return stored

    # Reading in the order of the commits: the same thread.

    def state(self, ids: Iterable[int]) -> tuple[dict[int, StoredGroup], ServerState]:
        with _transaction(self._writing) as connection:
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
        with _transaction(self._writing) as connection:
            return [
                CursorRecord(id, read, upto, head, None if a is None else (a, b), Name(group or ""))
                for id, read, upto, head, a, b, group in connection.execute(query)
            ]

    def direct(self, parties: tuple[str, str]) -> tuple[int, int] | None:
        conversations = schema.conversations.c
        query = select(conversations.id, conversations.head).where(
            conversations.party_a == parties[0], conversations.party_b == parties[1]
        )
        with _transaction(self._writing) as connection:
            row = connection.execute(query).first()
            return None if row is None else (row[0], row[1])

    def request_seq(self, key: RequestKey) -> int | None:
        with _transaction(self._writing) as connection:
            return request_keys.request_seq(connection, key)

    def token(self, digest: str) -> TokenRecord | None:
        tokens = schema.tokens.c
        query = select(tokens.owner, tokens.used_at).where(tokens.digest == digest)
        with _transaction(self._writing) as connection:
            row = connection.execute(query).first()
            return None if row is None else TokenRecord(Key(row.owner), row.used_at)

    # Reading: any thread.

    def load(self) -> Loaded:
        with _transaction(self._reading) as connection:
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
        entries = schema.entries.c
        query = (
            select(entries.seq, entries.at, entries.body)
            .where(entries.conversation == conversation)
            .where(entries.seq > after, entries.seq <= upto)
            .order_by(entries.seq)
            .limit(limit)
        )
        with _transaction(self._reading) as connection:
            return _entries(conversation, connection.execute(query).all())

    def search(self, conversation: int, words: Sequence[str], limit: int) -> list[Entry]:
        with _transaction(self._reading) as connection:
            found = self._search.find(connection, conversation, words, limit)
            entries = schema.entries.c
            query = (
                select(entries.seq, entries.at, entries.body)
                .where(entries.conversation == conversation, entries.seq.in_(found))
                .order_by(entries.seq)
            )
            return _entries(conversation, connection.execute(query).all())


@contextmanager
def _transaction(engine: Engine) -> Iterator[Connection]:
    """Begin a transaction; commit it at the end. Raises `NotSaved` for what the database says."""
    try:
        with engine.begin() as connection:
            yield connection
    except DBAPIError as error:
        raise NotSaved(str(error.orig).strip()) from error
    except engine.dialect.loaded_dbapi.Error as error:  # of what was `Prepared`
        raise NotSaved(str(error).strip()) from error


class _Batch:
    """One commit: numbers the events of a batch, and writes what they lead to.

    The entries themselves are *rows*, and those that can be searched for *words*: the caller
    writes these.
    """

    def __init__(self, connection: Connection) -> None:
        self.rows: list[dict[str, object]] = []
        self.words: list[Entry] = []
        self._connection = connection
        self._effects = Effects(connection)
        self._heads: dict[int, int] = {}
        self._before: dict[int, int] = {}  # as they were
        self._moves: list[MoveCursor] = []
        self._versions: dict[int, int] = {}
        self._stale: set[int] = set()
        self._done: dict[RequestKey, int] = {}  # requests that were stored, before and now
        self.keys: list[tuple[RequestKey, int, int]] = []

    def decide(self, batch: Sequence[Decision]) -> list[Stored]:
        """Give numbers to what *batch* says, and find what cannot be."""
        self._load_heads(batch)
        self._done = request_keys.stored_before(self._connection, batch)
        self._before = dict(self._heads)
        stored: list[Stored] = []
        for decision in batch:
            seq_before = self._done.get(decision.key) if decision.key is not None else None
            if seq_before is not None and not _changes_state(decision):
                stored.append(Repeated(seq_before))
                continue
            if seq_before is not None or self._is_stale(decision):
                # What was decided after it on the same groups stands on the same old state.
                self._stale |= {part.conversation for part in decision.parts}
                stored.append(Conflict())
                continue
            for write in decision.writes:
                if type(write) is MoveCursor:
                    self._moves.append(write)
                else:
                    self._effects.write(write, decision.at)
            numbered: list[Entry] = []
            for conversation, event, version in decision.parts:
                seq = self._heads[conversation] + 1
                self._heads[conversation] = seq
                entry = Entry(conversation, seq, decision.at, event)
                numbered.append(entry)
                self.rows.append(
                    {
                        "conversation": conversation,
                        "seq": seq,
                        "at": decision.at,
                        "body": encode(event),
                    }
                )
                if version is not None:
                    self._versions[conversation] += 1
                if type(event) is Message:
                    self.words.append(entry)
                else:
                    self._effects.of(entry)
            stored.append(numbered)
            if decision.key is not None:
                seq = numbered[0].seq if numbered else 0
                self._done[decision.key] = seq
                self.keys.append((decision.key, seq, decision.at))
        return stored

    def moved_heads(self) -> list[dict[str, object]]:
        """Return the heads that have moved, and the versions."""
        return [
            {"i": id, "h": head, "v": self._versions[id]}
            for id, head in self._heads.items()
            if head != self._before.get(id)
        ]

    def finish(self) -> None:
        """Write what may wait for the end."""
        if self._moves:
            self._effects.move_cursors(self._moves)
        if self.keys:
            request_keys.store_keys(self._connection, self.keys)

    def _load_heads(self, batch: Sequence[Decision]) -> None:
        """Lock and read the numbers of every conversation that the batch appends to."""
        new: set[int] = set()
        touched: set[int] = set()
        for decision in batch:
            for write in decision.writes:
                if type(write) is OpenDirect:
                    new.add(write.conversation)  # its row is inserted by the write
            for part in decision.parts:
                touched.add(part.conversation)
                if type(part.event) is GroupCreated:
                    new.add(part.conversation)
                    row = {"id": part.conversation, "head": 0, "version": 0}
                    self._connection.execute(insert(schema.conversations).values(row))
        self._heads = dict.fromkeys(new, 0)
        self._versions = dict.fromkeys(new, 0)
        if touched - new:
            for id, head, version in self._connection.execute(
                _LOCK_HEADS, {"ids": sorted(touched - new)}
            ):
                self._heads[id] = head
                self._versions[id] = version

    def _is_stale(self, decision: Decision) -> bool:
        """Tell whether a group has changed since *decision* was made on it."""
        ahead: dict[int, int] = {}
        for conversation, _, version in decision.parts:
            if version is not None:
                steps = ahead.get(conversation, 0)
                stale = conversation in self._stale
                if stale or self._versions[conversation] + steps != version:
                    return True
                ahead[conversation] = steps + 1
        return False


def _changes_state(decision: Decision) -> bool:
    return any(part.version is not None for part in decision.parts)


_INSERT_ENTRIES = insert(schema.entries)
_LOCK_HEADS = (
    select(schema.conversations.c.id, schema.conversations.c.head, schema.conversations.c.version)
    .where(schema.conversations.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(schema.conversations.c.id)  # always the same order: two nodes cannot deadlock
    .with_for_update()
)
_MOVE_HEADS = (
    update(schema.conversations)
    .where(schema.conversations.c.id == bindparam("i"))
    .values(head=bindparam("h"), version=bindparam("v"))
)


def _entries(conversation: int, rows: Sequence[Row[int, int, str]]) -> list[Entry]:
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
