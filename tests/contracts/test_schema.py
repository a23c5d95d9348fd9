"""The database itself: its migrations, its versions, and who may read its files."""

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


@pytest.fixture
def engine(store: SqlStore, url: str) -> Iterator[Engine]:
    """A way to the database of *store* behind its back."""
    engine = engine_for(url)
    yield engine
    engine.dispose()


def engine_for(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    return create_engine(parsed)


def is_ours(name: str | None, kind: str, parents: object) -> bool:
    """Return whether a table or index is one that `schema` describes; the rest is for search."""
    return not (name or "").startswith(("words", "entries_words", "indexed"))


def test_the_migrations_leave_the_tables_of_the_schema(store: SqlStore, engine: Engine) -> None:
    """Alembic finds no difference between what it has made and what the code expects."""
    with engine.connect() as connection:
        options = {"include_name": is_ours, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, schema.metadata) == []


def test_the_newest_migration_is_the_version_that_the_code_expects(engine: Engine) -> None:
    """A database that is up to date is recognised without Alembic."""
    config = Config()
    folder = Path(pyconchat.store.__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [schema.VERSION]
    with engine.connect() as connection:
        found = connection.execute(text("SELECT version_num FROM alembic_version")).all()
    assert found == [(schema.VERSION,)]


def test_opening_again_is_harmless(store: SqlStore, url: str) -> None:
    """A store may be opened any number of times, also beside another."""
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
    """An old server says in one line that the database is too new, and leaves it alone."""
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


def test_a_database_that_is_not_there(postgresql_url: str) -> None:
    """A server that has no such database is told of in one line."""
    store = SqlStore(make_url(postgresql_url).set(database="nosuch").render_as_string(False))
    with pytest.raises(BadStore, match="nosuch") as refused:
        store.open()
    store.close()
    assert len(str(refused.value).splitlines()) == 1


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    """A file of something else is told of in one line, and stays as it is."""
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
def test_a_url_of_nothing_that_we_know(url: str) -> None:
    """What is not the URL of a database that can be used is told of in one line."""
    with pytest.raises(BadStore) as refused:
        SqlStore(url)
    assert len(str(refused.value).splitlines()) == 1


@pytest.fixture
def _open_umask() -> Iterator[None]:
    """A process whose new files anybody may read and write."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("_open_umask")
def test_nobody_else_may_read_the_files(tmp_path: Path) -> None:
    """SQLite's files, and the folder that is made for them, are ours alone, whatever the umask."""
    folder = tmp_path / "state"
    store = SqlStore(f"sqlite:///{folder / 'pyconchat.db'}")
    store.open()
    create(store, 2)
    commit(store, say(2, "secret"))
    files = {path.name: S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    store.close()
    assert files == dict.fromkeys(["pyconchat.db", "pyconchat.db-wal", "pyconchat.db-shm"], 0o600)
    assert S_IMODE(folder.stat().st_mode) == 0o700
