"""Real servers as nodes, on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contracts.postgres import Databases, PostgresServer, server_url


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    """Databases in a PostgreSQL server: the one in the environment, or one started here."""
    named, server = server_url(), None
    if named is None:
        server = PostgresServer()
        named = server.url
    databases = Databases(named)
    yield databases
    databases.close()
    if server is not None:
        server.stop()


@pytest.fixture
def postgresql_url(databases: Databases) -> Iterator[str]:
    """Return the URL of an empty PostgreSQL database."""
    name = databases.create()
    yield databases.url(name)
    databases.drop(name)
