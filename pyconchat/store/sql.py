"""SqlStore: the log and the state tables in SQLite or PostgreSQL.

Every method blocks. One thread writes, and reads in the order of the commits; up to `READERS`
threads call the other reading methods. Nothing here knows Twisted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select, text
from zope.interface import implementer

from pyconchat.chat.interfaces import INodeStore, IStore
from pyconchat.domain.amending import Target
from pyconchat.domain.decisions import SERVER, Decision, RequestKey
from pyconchat.domain.errors import NotSaved
from pyconchat.domain.events import AnyEvent, Damaged, Entry, Quote, decode
from pyconchat.domain.names import Key
from pyconchat.domain.search import Found, Query
from pyconchat.domain.stored import (
    ClosedGroup,
    CursorRecord,
    DirectRecord,
    Loaded,
    ServerState,
    StoredGroup,
    TokenRecord,
)
from pyconchat.store import amendments, pages, request_keys, schema, state
from pyconchat.store.batch import Stored
from pyconchat.store.commits import Commits
from pyconchat.store.copying import copy_rows
from pyconchat.store.engines import READ_SECONDS, create_file, engines_for, require_utf8
from pyconchat.store.lock import StoreLock
from pyconchat.store.nodes import NodeStore
from pyconchat.store.pages import Pages
from pyconchat.store.prepared import Prepared
from pyconchat.store.problems import problems
from pyconchat.store.purge import count_day, purge_some
from pyconchat.store.search import SearchIndex
from pyconchat.store.sharing import Sharing
from pyconchat.store.snapshot import take_snapshot
from pyconchat.store.transactions import (
    Writer,
    reading,
    snapshot,
    transaction,
)
from pyconchat.store.upgrade import require_newest, upgrade
from pyconchat.store.wal import WalFlusher

__all__ = ["SqlStore"]

SEARCH_SECONDS = 2.0
"""Maximum seconds that one search takes."""

STATE_SECONDS = 60.0
"""Maximum seconds in which groups, or all accounts, are read again."""

MAX_REPORTED = 1000
"""Maximum damaged entries that are reported in one run of the server."""


@implementer(IStore)
class SqlStore:
    """The store at *url*, an SQLAlchemy database URL.

    *report* is called once, in any thread, for each damaged entry: its conversation and number.
    With *shared*, several servers (nodes) use the database, each with a lease: see `INodeStore`.
    """

    def __init__(
        self,
        url: str,
        durability: str = "full",
        report: Callable[[int, int], None] = lambda conversation, seq: None,
        shared: bool = False,
    ) -> None:
        self._report = report
        self._shared = shared
        self._reported: set[tuple[int, int]] = set()
        self._engines = engines_for(url, durability)
        self._writing, self._reading, lookups = self._engines
        self._writer = Writer(self._writing, lookups)
        self._lock = StoreLock(self._writing)
        self._flusher = WalFlusher.of(self._writing, durability)
        dialect = self._writing.dialect
        sharing = Sharing()
        self.nodes: INodeStore = NodeStore(dialect, self._writer, sharing, self._entries)
        self._search = SearchIndex(dialect, shared)
        self._read_entries = Prepared(_READ_ENTRIES, dialect)
        self._pages = Pages(dialect)
        self._commits = Commits(
            dialect, self._writer, self._search, self._flusher, sharing if shared else None
        )

    def lock(self, alone: bool = False) -> None:
        """Lock the database until `close`, so that no second server uses it. Raises `BadStore`.

        A node shares the lock with other nodes, if it does not need the database *alone*.
        """
        create_file(self._writing)
        self._lock.acquire(self._shared and not alone)

    def open(self) -> None:
        self._writer.close()  # PostgreSQL's pool has only this connection
        create_file(self._writing)
        require_utf8(self._writing)
        upgrade(self._writing)
        with self._writer.transaction() as connection:
            self._search.load(connection)
            if self._lock.held:
                self._commits.forget(connection)

    def prepare(self) -> None:
        """Make the first commits as quick as the later ones. Raises `NotSaved`.

        Commits are refused from now on if SQLite's file is removed or replaced.
        """
        try:
            self._writer.require_this_file()
        except OSError as problem:
            raise NotSaved(f"{problem.filename}: {problem.strerror}") from None
        self._commits.removed = not self._writer.empty_wal()
        if self._flusher is not None:
            self._flusher.start()

    def open_as_is(self) -> None:
        """Connect to a database that a server has created. Raises `BadStore`."""
        require_newest(self._writing)

    def snapshot(self, path: Path) -> None:
        """Copy an SQLite database, as it is now, to the new file *path*.

        Raises `BadStore`, `OSError` or `NotSaved`.
        """
        try:
            take_snapshot(self._writing, path)
        except self._writing.dialect.loaded_dbapi.Error as error:
            raise NotSaved(str(error).strip()) from error

    def copy_to(self, target: SqlStore, progress: Callable[[str, int], None]) -> None:
        """Copy everything to *target*, which is open and new, in one transaction.

        *progress* is called with the name of each table and the number of its rows. Raises
        `BadStore` or `NotSaved`; then *target* is unchanged.
        """
        with snapshot(self._reading) as source, target._writer.transaction() as connection:
            copy_rows(source, connection, progress)

    def problems(self) -> list[str]:
        """Return the defects of the database file and of the entries, a line each."""
        with transaction(self._reading) as connection:
            return problems(connection, self._read_entries)

    def close(self) -> None:
        if self._flusher is not None:
            self._flusher.stop()
        self._writer.close()
        for engine in self._engines:
            if engine is not None:
                engine.dispose()
        self._lock.release()

    # Writing: the writer's thread.

    def commit(self, batch: Sequence[Decision]) -> list[Stored]:
        return self._commits.commit(batch)

    def settle(self) -> list[Stored] | None:
        return self._commits.settle()

    @property
    def behind(self) -> int:
        return self._search.behind

    @property
    def index_step(self) -> int:
        return self._search.step

    def index(self, most: int, only: int | None = None) -> bool:
        with self._writer.transaction() as connection:
            seen = self._search.index(connection, most, only)
        return self._search.indexed(seen)

    @property
    def unclean(self) -> bool:
        return self._search.unclean or self._commits.removed

    def clean(self) -> None:
        if self._search.unclean:
            with self._writer.transaction() as connection:
                self._search.clean(connection)
        elif self._commits.removed:
            self._commits.removed = not self._writer.empty_wal()

    def count_day(self, now: int) -> list[int]:
        with self._writer.transaction() as connection:
            return count_day(connection, now)

    def purge(self, group: int, most: int) -> bool:
        self._search.drop(group)
        with self._writer.transaction() as connection:
            return purge_some(connection, self._search, group, most)

    # Reading in the order of the commits: the writer's thread.

    def state(self, ids: Iterable[int]) -> tuple[dict[int, StoredGroup], ServerState | None]:
        ids = list(ids)
        with self._writer.snapshot(STATE_SECONDS) as connection:
            groups = state.read_groups(connection, ids)
            return groups, state.read_server(connection) if SERVER in ids else None

    def cursors(self, owner: Key) -> list[CursorRecord]:
        with self._writer.lookup() as connection:
            return state.read_cursors(connection, owner)

    def direct(self, parties: tuple[str, str]) -> tuple[int, int] | None:
        with self._writer.lookup() as connection:
            return state.read_direct(connection, parties)

    def request_seq(self, key: RequestKey) -> int | None:
        with self._writer.lookup() as connection:
            return request_keys.request_seq(connection, key)

    def token(self, digest: str) -> TokenRecord | None:
        with self._writer.lookup() as connection:
            return state.read_token(connection, digest)

    def mentions(self, owner: Key) -> list[tuple[int, int]]:
        with self._writer.lookup() as connection:
            return state.read_mentions(connection, owner)

    # Reading: any thread.

    def closed(self) -> list[ClosedGroup]:
        """Return the closed groups that can be restored, the oldest first. Raises `NotSaved`."""
        with transaction(self._reading) as connection:
            return state.read_closed(connection)

    def load(self, summaries: bool = False) -> Loaded:
        with snapshot(self._reading) as connection:
            return state.load(connection, summaries)

    def entries(
        self,
        conversation: int,
        after: int,
        upto: int,
        limit: int,
        wanted: Callable[[], bool] = lambda: True,
    ) -> list[Entry]:
        with reading(self._reading, READ_SECONDS, wanted) as connection:
            rows = self._read_entries.rows(connection, [conversation, after, upto, limit])
            return self._entries(connection, conversation, rows)

    def page(
        self,
        conversation: int,
        after: int,
        upto: int,
        limit: int,
        kinds: Sequence[type[AnyEvent]] = (),
        newest: bool = False,
        without: Sequence[type[AnyEvent]] = (),
    ) -> list[Entry]:
        with reading(self._reading, READ_SECONDS) as connection:
            rows = self._pages.page(
                connection, conversation, after, upto, limit, kinds, newest, without
            )
            return self._entries(connection, conversation, rows)

    def seq_at(self, conversation: int, at: int, head: int) -> int:
        with reading(self._reading, READ_SECONDS) as connection:
            return pages.seq_at(connection, self._read_entries, conversation, at, head)

    def directs(self, party: str) -> list[DirectRecord]:
        with reading(self._reading, READ_SECONDS) as connection:
            return pages.direct_records(connection, party)

    def target(self, conversation: int, seq: int | None, asker: Key) -> Target | None:
        with reading(self._reading, READ_SECONDS) as connection:
            return amendments.target(connection, conversation, seq, asker)

    def quotes(self, conversation: int, seqs: Sequence[int]) -> dict[int, Quote]:
        with reading(self._reading, READ_SECONDS) as connection:
            return amendments.quotes(connection, conversation, seqs)

    def numbered(
        self, places: Sequence[tuple[int, int]], wanted: Callable[[], bool] = lambda: True
    ) -> list[Entry]:
        seqs: dict[int, list[int]] = {}
        for id, seq in places:
            seqs.setdefault(id, []).append(seq)
        found: dict[tuple[int, int], Entry] = {}
        with reading(self._reading, READ_SECONDS, wanted) as connection:
            for id, some in seqs.items():
                for entry in self._numbered(connection, id, some):
                    found[id, entry.seq] = entry
        return [found[place] for place in places if place in found]

    def search(
        self,
        conversation: int,
        query: Query,
        before: int,
        limit: int,
        wanted: Callable[[], bool] = lambda: True,
    ) -> Found:
        with reading(self._reading, SEARCH_SECONDS, wanted) as connection:
            seqs, rest = self._search.find(connection, conversation, query, before, limit)
            read = self._numbered(connection, conversation, seqs)
        found = [entry for entry in read if query.finds(entry.event)]
        if len(found) > limit:
            return Found(found[-limit:], found[-limit].seq)
        return Found(found, rest)

    def _numbered(
        self, connection: Connection, conversation: int, seqs: Sequence[int]
    ) -> list[Entry]:
        """Return the entries *seqs* of one conversation, oldest first."""
        entries = schema.entries.c
        query = (
            select(entries.seq, entries.at, entries.body)
            .where(entries.conversation == conversation, entries.seq.in_(seqs))
            .order_by(entries.seq)
        )
        return self._entries(connection, conversation, connection.execute(query).all())

    def _entries(
        self, connection: Connection, conversation: int, rows: Iterable[Any]
    ) -> list[Entry]:
        entries = [Entry(conversation, seq, at, decode(body)) for seq, at, body in rows]
        entries = amendments.quoted(connection, conversation, entries)
        for entry in entries:
            if type(entry.event) is Damaged:
                place = conversation, entry.seq
                if place not in self._reported and len(self._reported) < MAX_REPORTED:
                    self._reported.add(place)
                    self._report(*place)
        return entries


_READ_ENTRIES = text(
    "SELECT seq, at, body FROM entries"
    " WHERE conversation = :conversation AND seq > :after AND seq <= :upto"
    " ORDER BY seq LIMIT :most"
)
