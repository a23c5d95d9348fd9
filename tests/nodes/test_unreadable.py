"""A node that cannot read the entries of others refuses commands that depend on them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pyconchat.domain.errors import NotSaved
from pyconchat.domain.names import fold
from tests.nodes.cluster import Cluster

Break = Callable[[], None]


@pytest.fixture
def unreadable(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Break:
    """Return a function after which the second node receives nothing, and can read no entries."""

    def fail(*_: object) -> None:
        raise NotSaved("the database is away")

    def begin() -> None:
        cluster.settle(1)
        cluster.cut()
        monkeypatch.setattr(cluster.nodes[1].own_store.nodes, "catch_up", fail)

    return begin


def test_who_was_banned_does_not_log_in(cluster: Cluster, unreadable: Break) -> None:
    code = cluster.nodes[0].chat.accounts.claim_code
    oleg = cluster.person(0, "oleg", "password").types(f"/claim {code}")
    unreadable()
    oleg.types("/ban gus spam")
    gus = cluster.nodes[1].connect().types("gus", "", "")
    cluster.settle(1)
    assert "Try again soon" in gus.sees()
    assert not cluster.nodes[1].chat.presence.online(fold("gus"))


def test_a_group_is_not_missing(
    cluster: Cluster, unreadable: Break, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request for it is refused for now; repeated, it finds the group."""
    bob = cluster.person(1, "bob", "password")
    unreadable()
    cluster.person(0, "alice", "password").types("/create tea open")
    bob.sees()
    bob.types("/join tea")
    cluster.settle(1)
    assert "Try again soon" in bob.sees()
    monkeypatch.undo()
    cluster.settle(2)
    bob.types("/join tea")
    cluster.settle(1)
    assert "You are in tea" in bob.sees()


def test_the_groups_of_who_logs_in(
    cluster: Cluster, unreadable: Break, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is shown a group from which another node has put them out."""
    alice, bob = cluster.group_of_two()
    bob.wire.loseConnection()
    unreadable()
    alice.types("/kick bob")
    bob = cluster.nodes[1].connect().types("bob", "password")
    cluster.settle(1)
    assert "Try again soon" in bob.sees()
    assert not cluster.nodes[1].chat.presence.online(fold("bob"))
    monkeypatch.undo()
    cluster.settle(2)
    assert cluster.program(1, "bob", "password").hello["groups"] == []
