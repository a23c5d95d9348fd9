"""The databases on which every contract test of the store runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, Connection, Engine, create_engine, make_url

from pyconchat.bus import delays
from pyconchat.store import SqlStore
from tests.contracts.postgres import Databases, PostgresServer, server_url
from tests.support.reactor import Turning, turning
from tests.support.stores import copy_empty, share_statements


@pytest.fixture(scope="session")
def postgres() -> Iterator[URL]:
    """The URL of a PostgreSQL server: the one in the environment, or one started here."""
    named = server_url()
    if named is not None:
        yield named
        return
    server = PostgresServer()
    yield server.url
    server.stop()


@pytest.fixture(scope="session")
def databases(postgres: URL) -> Iterator[Databases]:
    """Empty databases in PostgreSQL."""
    databases = Databases(postgres)
    yield databases
    databases.close()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """Return the URL of a SQLite database that does not exist yet."""
    return f"sqlite:///{tmp_path / 'pyconchat.db'}"


@pytest.fixture
def postgresql_url(databases: Databases) -> Iterator[str]:
    """Return the URL of an empty PostgreSQL database."""
    name = databases.create()
    yield databases.url(name)
    databases.drop(name)


@pytest.fixture
def engine(postgresql_url: str) -> Iterator[Engine]:
    """An engine for more connections to the PostgreSQL database."""
    engine = create_engine(make_url(postgresql_url).set(drivername="postgresql+psycopg"))
    yield engine
    engine.dispose()


@pytest.fixture
def other(engine: Engine) -> Iterator[Connection]:
    """A connection of another node."""
    with engine.connect() as connection:
        yield connection


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """Return the URL of an empty database: SQLite, then PostgreSQL."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture(scope="module")
def turns() -> Iterator[Turning]:
    """The process's reactor."""
    with turning() as turns:
        yield turns


@pytest.fixture
def short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a bus try to connect often, so that tests need not wait."""
    monkeypatch.setattr(delays, "FIRST", 0.02)
    monkeypatch.setattr(delays, "MOST", 0.04)


@pytest.fixture
def store(url: str, tmp_path: Path) -> Iterator[SqlStore]:
    copy_empty(tmp_path)  # a copy is faster than the migrations; PostgreSQL copies a template
    store = share_statements(SqlStore(url))
    store.open()
    yield store
    store.close()


# Several nodes on one database.


@pytest.fixture
def opened(url: str, tmp_path: Path) -> Iterator[Callable[[], SqlStore]]:
    """Return a function that opens one more store on the same database."""
    copy_empty(tmp_path)
    stores: list[SqlStore] = []

    def open_store() -> SqlStore:
        stores.append(share_statements(SqlStore(url, shared=True)))
        stores[-1].open()
        return stores[-1]

    yield open_store
    for store in stores:
        store.close()


@pytest.fixture
def one(opened: Callable[[], SqlStore]) -> SqlStore:
    """The store of the node "one"."""
    store = opened()
    store.nodes.begin("one")
    return store


@pytest.fixture
def two(one: SqlStore, opened: Callable[[], SqlStore]) -> SqlStore:
    """The store of the node "two" on the same database."""
    store = opened()
    store.nodes.begin("two")
    return store
