"""Upgrades: the database of an older version is copied and upgraded, or stays unchanged."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

import pyconchat.store
from pyconchat.domain.events import AnyEvent, GroupCreated, Message, Policy, TopicChanged, encode
from pyconchat.domain.names import Name, fold
from pyconchat.domain.text import SafeText
from pyconchat.store import BadStore, SqlStore, schema
from tests.contracts.building import ALICE, AT, BOB, NO_LIMIT, commit, say, search, texts

TEA = 2
"""The conversation of the only group."""

VERSIONS = Path(pyconchat.store.__file__).parent / "migrations" / "versions"
OLDER = sorted(path.name[:4] for path in VERSIONS.glob("[0-9]*.py"))[:-1]

Dump = dict[str, tuple[str, list[tuple[object, ...]]]]


EACH = pytest.mark.parametrize("version", OLDER)


@pytest.fixture
def version() -> str:
    """Return the version before the newest. `EACH` parametrizes it with all older ones."""
    return OLDER[-1]


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function that makes a database of a *version*, with accounts, a group and a log."""

    @cache
    def make(version: str) -> Path:
        database = tmp_path_factory.mktemp("older") / "pyconchat.db"
        migrate(database, version)
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("PRAGMA journal_mode = WAL")
            fill(connection)
        database.chmod(0o600)
        return database

    return make


@pytest.fixture
def database(version: str, databases: Callable[[str], Path], tmp_path: Path) -> Path:
    """A copy of the database of `version`, in a folder of its own."""
    folder = tmp_path / "state"
    folder.mkdir(0o700)
    return Path(shutil.copy2(databases(version), folder))


def migrate(database: Path, version: str) -> None:
    """Create the schema of *version*, as a server of that version did."""
    config = Config()
    folder = Path(pyconchat.store.__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder))
    config.set_main_option("path_separator", "os")
    engine = create_engine(f"sqlite:///{database}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, version)
    engine.dispose()


_COLUMN = "SELECT 1 FROM pragma_table_info(?) WHERE name = ?"


def fill(connection: sqlite3.Connection) -> None:
    """Add accounts, a group and its log, in columns that every version has."""

    def insert(table: str, **values: object) -> None:
        names = ", ".join(f'"{name}"' for name in values)
        marks = ", ".join("?" * len(values))
        connection.execute(
            f'INSERT INTO "{table}" ({names}) VALUES ({marks})', tuple(values.values())
        )

    log: list[AnyEvent] = [
        GroupCreated(1, Name("tea"), ALICE.name, Policy.OPEN),
        TopicChanged(SafeText("green"), BOB.name),
        *(Message(ALICE.name, SafeText(f"the kettle {number} sings")) for number in range(3, 201)),
    ]
    for actor in (ALICE, BOB):
        insert(
            "accounts",
            key=actor.name.lower(),
            name=actor.name,
            password_hash=f"hash of {actor.name}",
            operator=actor is ALICE,
            created_at=AT,
        )
    insert("conversations", id=TEA, head=len(log), version=1)
    insert(
        "groups",
        conversation=TEA,
        number=1,
        name="tea",
        policy="open",
        admin="alice",
        password_hash="",
        topic="green",
        closed=False,
    )
    if connection.execute(_COLUMN, ("groups", "topic_by")).fetchone():
        connection.execute("UPDATE groups SET topic_by = ?, topic_at = ?", (BOB.name, AT + 2))
    insert("members", conversation=TEA, key="alice", name="alice", guest=False, since=1)
    insert("cursors", owner="alice", conversation=TEA, upto=NO_LIMIT, read=150)
    # A database with tokens is left as one whose indexing has not begun.
    has_text = connection.execute(_COLUMN, ("words", "text")).fetchone()
    if has_text and connection.execute(_COLUMN, ("indexed", "upto")).fetchone():
        insert("indexed", conversation=TEA, upto=len(log))
    for seq, event in enumerate(log, 1):
        insert("entries", conversation=TEA, seq=seq, at=AT + seq, body=encode(event))
        if has_text and isinstance(event, Message):
            insert("words", rowid=TEA << 36 | seq, text=event.text)


def dump(database: Path) -> Dump:
    """Return the contents of *database*, including its write-ahead log."""
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        found: Dump = {}
        tables = "SELECT name, sql FROM sqlite_master ORDER BY name"
        for name, sql in connection.execute(tables).fetchall():
            if sql is None or not sql.startswith("CREATE TABLE"):
                rows = []  # an index: its table's rows are dumped already
            else:
                rows = sorted(connection.execute(f'SELECT * FROM "{name}"').fetchall(), key=repr)
            found[name] = (sql, rows)
        return found


def copy_of(database: Path) -> Path:
    """Return the path of the copy that an upgrade makes."""
    return database.with_name(f"pyconchat.db.before-{schema.VERSION}")


def fails(database: Path) -> str:
    """Check that *database* cannot be opened; return the error, which is one line."""
    store = SqlStore(f"sqlite:///{database}")
    with pytest.raises(BadStore) as refused:
        store.open()
    store.close()
    (line,) = str(refused.value).splitlines()
    return line


@contextmanager
def open_store(database: Path) -> Iterator[SqlStore]:
    store = SqlStore(f"sqlite:///{database}")
    store.open()
    yield store
    store.close()


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    yield
    os.umask(before)


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Simulate a full disk: no file can grow beyond *size* bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@EACH
def test_an_older_database_keeps_its_data(database: Path) -> None:
    """Accounts, groups, the log and cursors are loaded, and new messages are stored and found."""
    with open_store(database) as store:
        loaded = store.load()
        assert [(each.name, each.operator) for each in loaded.server.accounts] == [
            ("alice", True),
            ("Bob", False),
        ]
        (group,) = loaded.groups.values()
        assert (group.state.name, group.state.topic, group.head) == ("tea", "green", 200)
        assert (group.state.topic_by, group.state.topic_at) == (BOB.name, AT + 2)
        assert [member.name for member in group.state.members] == ["alice"]
        assert [cursor.read for cursor in store.cursors(fold(ALICE.name))] == [150]
        assert [entry.seq for entry in store.entries(TEA, 0, NO_LIMIT, 1000)] == list(range(1, 201))
        ((entry,),) = commit(store, say(TEA, "the pot is empty"))
        assert entry.seq == 201
        assert texts(search(store, TEA, "pot")) == ["the pot is empty"]
        assert store.problems() == []


@EACH
def test_messages_from_before_the_upgrade_are_found(database: Path) -> None:
    """The server builds the full-text index from the log, in steps."""
    with open_store(database) as store:
        found = search(store, TEA, "kettle", "77")
    assert texts(found) == ["the kettle 77 sings"]


def test_the_copy_of_the_old_database(database: Path) -> None:
    """It has all data and mode 0600, whatever the umask. Its name has the new version."""
    before = dump(database)
    with umask(0), open_store(database):
        pass
    copy = copy_of(database)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert dump(copy) == before != dump(database)
    assert {path.name for path in database.parent.iterdir()} == {database.name, copy.name}


def test_a_database_that_needs_no_copy(database: Path) -> None:
    """A new database, and one with the newest schema, are not copied."""
    with open_store(database):
        pass
    copy_of(database).unlink()
    with open_store(database):
        pass
    assert not copy_of(database).exists()
    with open_store(database.with_name("new.db")):
        pass
    assert not list(database.parent.glob("*.before-*"))


def test_the_write_ahead_log_is_copied_too(database: Path) -> None:
    """A server that was killed leaves its last commits only there."""
    with closing(sqlite3.connect(database)) as killed, closing(sqlite3.connect(database)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM entries").fetchone()
        last = encode(Message(ALICE.name, SafeText("last words")))
        with killed:
            killed.execute("INSERT INTO entries VALUES (?, 201, ?, ?)", (TEA, AT, last))
            killed.execute("UPDATE conversations SET head = 201 WHERE id = ?", (TEA,))
        folder = database.with_name("killed")
        folder.mkdir()
        for path in database.parent.glob("pyconchat.db*"):
            (folder / path.name).write_bytes(path.read_bytes())
    (database := folder / "pyconchat.db").chmod(0o600)
    assert database.with_name("pyconchat.db-wal").stat().st_size > 0
    with open_store(database) as store:
        assert texts(store.entries(TEA, 200, NO_LIMIT, 10)) == ["last words"]
    assert "last words" in str(dump(copy_of(database))["entries"])


@pytest.mark.parametrize("version", [each for each in OLDER if each < "0028"])
def test_an_upgrade_that_fails_in_the_middle(database: Path, version: str) -> None:
    """The error is one line. The database is unchanged, and the old version can still use it.

    Migration 0028 fails; the later ones change nothing in SQLite.
    """
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE INDEX conversations_changed ON accounts (name)")
    before = dump(database)
    for _ in range(2):  # a second attempt fails in the same way
        line = fails(database)
        assert line.startswith("the database could not be upgraded and is unchanged: ")
        assert "index conversations_changed" in line
        assert dump(database) == before
    with closing(sqlite3.connect(database)) as connection, connection:
        stored = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        connection.execute("DROP INDEX conversations_changed")
    assert stored == (version,)
    assert stat.S_IMODE(database.stat().st_mode) == 0o600
    assert [path.name for path in database.parent.iterdir()] == [database.name]
    with open_store(database) as store:
        assert store.problems() == []


def test_no_space_for_the_copy(database: Path) -> None:
    """The error is one line. The database is unchanged, and no partial copy is left."""
    before, bytes_before = dump(database), database.read_bytes()
    with files_of_at_most(64 * 1024):
        line = fails(database)
    assert line.startswith("cannot copy the database before its upgrade: ")
    assert dump(database) == before
    assert database.read_bytes() == bytes_before
    assert not copy_of(database).exists()
    with open_store(database) as store:
        assert store.problems() == []


def test_a_partial_copy_of_an_interrupted_attempt(database: Path) -> None:
    """It is replaced."""
    before = dump(database)
    copy_of(database).write_bytes(b"half a copy")
    with open_store(database):
        pass
    assert dump(copy_of(database)) == before


def test_a_folder_with_the_name_of_the_copy(database: Path) -> None:
    """The error is one line, and the database is unchanged."""
    before = dump(database)
    copy_of(database).mkdir()
    line = fails(database)
    assert line.startswith("cannot copy the database before its upgrade: ")
    assert dump(database) == before
