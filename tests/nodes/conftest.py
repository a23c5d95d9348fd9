"""Several nodes on one database: in one process with a bus in memory, or as real servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.internet.task import Clock

from tests.contracts.postgres import Databases, PostgresServer, server_url
from tests.nodes.cluster import Cluster
from tests.support.stores import copy_empty


@pytest.fixture
def cluster(tmp_path: Path, clock: Clock) -> Iterator[Cluster]:
    copy_empty(tmp_path)
    cluster = Cluster(f"sqlite:///{tmp_path / 'pyconchat.db'}", clock)
    yield cluster
    cluster.stop()


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
