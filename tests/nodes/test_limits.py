"""Limits that count over all nodes: wrong passwords, and the messages of an account."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.internet.task import Clock

from pyconchat.config import Config, LimitsConfig
from pyconchat.domain.errors import NotSaved
from pyconchat.domain.names import Name
from tests.nodes.cluster import Cluster
from tests.support.programs import UNLIMITED

HERE, THERE = "192.0.2.1", "192.0.2.2"
LIMITS = {"login_attempts_per_minute": 3, "login_delay_seconds": 5.0}


@pytest.fixture
def cluster(tmp_path: Path, clock: Clock) -> Iterator[Cluster]:
    limits = {**UNLIMITED, **LIMITS, "message_burst": 10, "messages_per_second": 4}
    cluster = Cluster(tmp_path, clock, config=Config(limits=LimitsConfig(**limits)))
    yield cluster
    cluster.stop()


def tries(cluster: Cluster, node: int, password: str = "wrong one", host: str = HERE) -> str:
    """Give a password for alice at the node with that number, and return the answer."""
    connection = cluster.nodes[node].connect(host=host).types("alice", password)
    cluster.settle(0.1)
    return connection.sees()


# Wrong passwords.


def test_the_limit_of_an_address(cluster: Cluster) -> None:
    """It cannot try more passwords at another node."""
    cluster.person(0, "alice", "password")
    for node in (0, 1, 0):
        assert "not the password" in tries(cluster, node)
    for node in (1, 0):
        assert "too many wrong passwords" in tries(cluster, node, "password")


def test_the_delay_of_an_account(cluster: Cluster) -> None:
    """After too many wrong passwords from many addresses, the next one waits at any node."""
    cluster.person(0, "alice", "password")
    for nth in range(3):
        assert "not the password" in tries(cluster, 0, host=f"192.0.2.{10 + nth}")
    late = cluster.nodes[1].connect(host=THERE).types("alice", "password")
    cluster.settle(4)
    assert "Hello alice" not in late.sees()
    cluster.settle(2)
    assert "Hello alice" in late.sees()


def test_each_node_counts_for_itself_while_the_database_fails(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It forgets nothing that it knew."""
    cluster.person(0, "alice", "password")
    assert "not the password" in tries(cluster, 1)
    assert "not the password" in tries(cluster, 0)

    def fail(*_: object) -> None:
        raise NotSaved("the database is away")

    with monkeypatch.context() as away:
        for name in ("wrong_passwords", "add_wrong_passwords"):
            away.setattr(cluster.nodes[0].own_store.nodes, name, fail)
        assert "not the password" in tries(cluster, 0)
        assert "too many wrong passwords" in tries(cluster, 0)
    assert "too many wrong passwords" in tries(cluster, 0)


# The message rate.


def accepted(cluster: Cluster, node: int) -> int:
    """Return how many messages of alice the node takes at once."""
    server = cluster.nodes[node]
    account = server.chat.accounts.find(Name("alice"))
    bucket = server.factory.services.rates.of(account)
    count = 0
    while bucket.take(cluster.clock.seconds()) == 0:
        count += 1
    return count


def test_the_message_rate_is_divided(cluster: Cluster) -> None:
    """By the nodes where the account is, until it is there no more."""
    cluster.person(0, "alice", "password")
    assert accepted(cluster, 0) == 10
    cluster.settle(1)
    assert accepted(cluster, 0) == 4
    cluster.person(1, "alice", "password")
    cluster.settle(10)
    assert [accepted(cluster, node) for node in (0, 1)] == [5, 5]
    cluster.settle(1)
    assert [accepted(cluster, node) for node in (0, 1)] == [2, 2]
    cluster.crash(1)
    cluster.settle(10)
    assert accepted(cluster, 0) == 10


def test_a_second_node_gives_no_second_burst(cluster: Cluster) -> None:
    """Who has used up a burst gets half of one at the other node."""
    cluster.person(0, "alice", "password")
    assert accepted(cluster, 0) == 10
    tablet = cluster.person(1, "alice", "password")
    cluster.settle(0.2)
    assert accepted(cluster, 0) == 0
    assert accepted(cluster, 1) <= 5
    tablet.wire.loseConnection()
    cluster.settle(1)
    assert 2 <= accepted(cluster, 0) <= 4
