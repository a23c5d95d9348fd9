"""The database: its migrations, its version, and the modes of its files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from stat import S_IMODE

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, make_url, text

import pyconchat.store
from pyconchat.store import BadStore, SqlStore, schema
from tests.contracts.building import NO_LIMIT, commit, create, say
from tests.contracts.postgres import Databases


@pytest.fixture
def engine(store: SqlStore, url: str) -> Iterator[Engine]:
    """An engine for direct access to the database of *store*."""
    engine = engine_for(url)
    yield engine
    engine.dispose()


def engine_for(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    return create_engine(parsed)


def is_ours(name: str | None, kind: str, parents: object) -> bool:
    """Return whether a table or index is in `schema`; not the search index, nor `writers`."""
    return not (name or "").startswith(("words", "entries_words", "indexed", "writers"))


def test_the_migrations_create_the_tables_of_the_schema(store: SqlStore, engine: Engine) -> None:
    """Alembic finds no difference between the database and the code."""
    with engine.connect() as connection:
        options = {"include_name": is_ours, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, schema.metadata) == []


def test_the_newest_migration_is_the_version_in_the_code(engine: Engine) -> None:
    """`schema.VERSION`, the newest migration and a new database have the same version."""
    config = Config()
    folder = Path(pyconchat.store.__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [schema.VERSION]
    with engine.connect() as connection:
        found = connection.execute(text("SELECT version_num FROM alembic_version")).all()
    assert found == [(schema.VERSION,)]


def test_opening_a_store_again(store: SqlStore, url: str) -> None:
    """A store may be opened several times, also by two nodes. Nothing changes."""
    create(store, 2)
    commit(store, say(2, "hello"))
    before, log = store.load(), store.entries(2, 0, NO_LIMIT, 10)
    store.open()
    other = SqlStore(url)
    other.open()
    other.open()
    assert store.load() == other.load() == before
    assert other.entries(2, 0, NO_LIMIT, 10) == log
    other.close()


def test_a_database_of_a_newer_version_is_refused(
    store: SqlStore, url: str, engine: Engine
) -> None:
    """The error is one line, and the database does not change."""
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    newer = SqlStore(url)
    with pytest.raises(BadStore) as refused:
        newer.open()
    newer.close()
    assert "newer version" in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1
    with engine.begin() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "9999"


def test_a_database_that_does_not_exist(postgresql_url: str) -> None:
    """The error is one line with the name of the database."""
    store = SqlStore(make_url(postgresql_url).set(database="nosuch").render_as_string(False))
    with pytest.raises(BadStore, match="nosuch") as refused:
        store.open()
    store.close()
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_that_cannot_store_every_character(databases: Databases, encoding: str) -> None:
    """A PostgreSQL database whose encoding is not UTF8 is refused, in one line that says so."""
    name = databases.create("template0", f"ENCODING '{encoding}' LOCALE 'C'")
    store = SqlStore(databases.url(name))
    with pytest.raises(BadStore, match=f"has the encoding {encoding}; PyconChat needs UTF8") as no:
        store.open()
    store.close()
    databases.drop(name)
    assert len(str(no.value).splitlines()) == 1


def test_a_file_that_is_not_a_database(tmp_path: Path) -> None:
    """The error is one line, and the file does not change."""
    path = tmp_path / "notes.txt"
    path.write_text("Do not forget the milk. " * 1000)
    store = SqlStore(f"sqlite:///{path}")
    with pytest.raises(BadStore) as refused:
        store.open()
    store.close()
    assert len(str(refused.value).splitlines()) == 1
    assert path.read_text() == "Do not forget the milk. " * 1000


@pytest.mark.parametrize(
    "url",
    [
        *("nonsense", "", "mysql://localhost/chat", "sqlite://", "sqlite:///:memory:"),
        *("/var/lib/chat.db", "postgresql://host:port/name"),
    ],
)
def test_an_invalid_url(url: str) -> None:
    """The error is one line."""
    with pytest.raises(BadStore) as refused:
        SqlStore(url)
    assert len(str(refused.value).splitlines()) == 1


@pytest.fixture
def _open_umask() -> Iterator[None]:
    """Set the umask to 0: everybody can read and write new files."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("_open_umask")
def test_other_users_cannot_read_the_files(tmp_path: Path) -> None:
    """SQLite's files have mode 0600 and their folder 0700, whatever the umask."""
    folder = tmp_path / "state"
    store = SqlStore(f"sqlite:///{folder / 'pyconchat.db'}")
    store.open()
    create(store, 2)
    commit(store, say(2, "secret"))
    files = {path.name: S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    store.close()
    assert files == dict.fromkeys(["pyconchat.db", "pyconchat.db-wal", "pyconchat.db-shm"], 0o600)
    assert S_IMODE(folder.stat().st_mode) == 0o700
