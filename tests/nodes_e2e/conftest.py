"""Real servers as nodes, on a real PostgreSQL, over NOTIFY and over a real Redis."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.contracts.postgres import Databases, PostgresServer, server_url
from tests.support.clusters import ServerCluster, at_next_node, running_nodes
from tests.support.irc_sockets import Connect, IrcSocket, irc_clients
from tests.support.redis import RedisServer
from tests.support.ssh_user import SshUser
from tests.support.users import ALL_KINDS, ClientUser, JsonUser, SocketUser, UserOf, users
from tests.support.web_sockets import WebUser

BUS_SECONDS = 0.1
"""Seconds in which a node tells the others who is there, on a busy machine."""

KINDS = {**ALL_KINDS, "ssh": SshUser, "web": lambda node, _: WebUser(node.web_port)}


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


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """Return the URL of a Redis."""
    redis = RedisServer()
    redis.start()
    yield f"redis://127.0.0.1:{redis.port}"
    redis.close()


@pytest.fixture
def cluster(
    request: pytest.FixtureRequest, tmp_path: Path, postgresql_url: str
) -> Iterator[ServerCluster]:
    """Run the nodes that the marker asks for; three, if there is none."""
    marker = request.node.get_closest_marker("nodes")
    options = {"count": 3, **(marker.kwargs if marker is not None else {})}
    if options.get("bus") == "redis":
        options["bus"] = request.getfixturevalue("redis_url")
    with running_nodes(tmp_path, postgresql_url, **options) as cluster:
        yield cluster
    assert cluster.tracebacks() == []


@pytest.fixture
def user(
    cluster: ServerCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[UserOf]:
    """Connect each user to the next node."""
    for kind in (SocketUser, JsonUser, ClientUser):
        monkeypatch.setattr(kind, "types", _slowly(kind.types))
    for kind in (SocketUser, SshUser, JsonUser, ClientUser):
        monkeypatch.setattr(kind, "logs_in", _slowly(kind.logs_in))
    kinds = {kind: at_next_node(connect) for kind, connect in KINDS.items()}
    with users(cluster, tmp_path, kinds) as connect:
        yield connect


@pytest.fixture
def irc(cluster: ServerCluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connect]:
    """Connect each IRC client to the next node."""
    monkeypatch.setattr(IrcSocket, "sends", _slowly(IrcSocket.sends))
    with irc_clients(lambda: cluster.next().irc_port) as connect:
        yield connect


def _slowly(act: Callable[..., None]) -> Callable[..., None]:
    """Act as slowly as people: who is online, away or banned elsewhere is known a moment later."""

    def slowly(self: object, *given: str, **more: object) -> None:
        time.sleep(BUS_SECONDS)
        act(self, *given, **more)

    return slowly
