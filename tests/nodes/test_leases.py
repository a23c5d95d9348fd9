"""Leases: what a node that was killed leaves behind is ended by another one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from pyconchat.chat.leases import MAX_AGE_SECONDS, RENEW_SECONDS
from pyconchat.domain.decisions import OPEN_END
from pyconchat.domain.errors import NotSaved
from pyconchat.domain.names import fold
from pyconchat.domain.replies import EndWhy
from pyconchat.domain.stored import Online
from pyconchat.store import BadStore
from tests.nodes.cluster import Cluster
from tests.support.groups import find_group


def test_the_guests_of_a_killed_node_are_gone(cluster: Cluster) -> None:
    alice, _ = cluster.group_of_two()
    cluster.person(1, "gus").types("/join tea")
    cluster.settle()
    assert "gus has joined" in alice.sees()
    cluster.crash(1)
    cluster.settle(2 * RENEW_SECONDS)
    seen = alice.sees()
    assert "gus" in seen
    chat = cluster.nodes[0].chat
    assert sorted(find_group(chat, "tea").group.members) == ["alice", "bob"]
    assert chat.accounts.get("gus") is None
    assert not chat.presence.online(chat.accounts.find("bob").key)  # type: ignore[arg-type]
    cluster.person(0, "gus")


@pytest.mark.parametrize("fails", [False, True])
def test_the_private_conversations_of_a_guest_of_a_killed_node(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    """They end, also if they cannot be read at first. What was missed is still delivered."""
    here = cluster.nodes[0]
    alice = cluster.person(0, "alice", "password")
    cluster.person(0, "carol", "password").wire.loseConnection()
    gus = cluster.person(1, "gus").types("/msg alice one")
    cluster.settle()
    gus.types("/msg carol", "two")
    cluster.settle(1)
    alice.sees()

    def ends() -> list[tuple[str, int]]:
        query = (
            "SELECT owner, upto FROM cursors JOIN conversations ON id = conversation"
            " WHERE party_a IS NOT NULL ORDER BY owner"
        )
        with closing(sqlite3.connect(cluster.database)) as database:
            return database.execute(query).fetchall()

    assert ends() == [("alice", OPEN_END), ("carol", OPEN_END)]

    def fail(*_: object) -> None:
        monkeypatch.undo()
        raise NotSaved("the database is away")

    if fails:
        monkeypatch.setattr(here.own_store, "directs", fail)
    cluster.crash(1)
    cluster.settle(3 * RENEW_SECONDS)
    assert ends() == [("carol", 1)]
    carol = cluster.program(0, "carol", "password")
    cluster.settle(2)
    carol.receives()
    assert [each["text"] for each in carol.entries if each["type"] == "message"] == ["two"]
    carol.connection.wire.loseConnection()
    cluster.settle(2)
    assert ends() == []


@pytest.mark.parametrize("lost", ["expire", "remove"])
def test_guests_of_a_killed_node_although_an_answer_of_the_store_is_lost(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    alice, _ = cluster.group_of_two()
    cluster.person(1, "gus").types("/join tea")
    cluster.settle()
    store = cluster.nodes[0].own_store.nodes
    call = getattr(store, lost)

    def lose(*arguments: object) -> None:
        monkeypatch.undo()
        call(*arguments)
        raise NotSaved("the connection was lost")

    monkeypatch.setattr(store, lost, lose)
    cluster.crash(1)
    cluster.settle(3 * RENEW_SECONDS)
    assert alice.sees().count("gus has left") == 1
    chat = cluster.nodes[0].chat
    assert sorted(find_group(chat, "tea").group.members) == ["alice", "bob"]
    cluster.person(0, "gus")


def test_the_groups_of_a_guest_of_a_killed_node_that_cannot_be_read(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next renewal ends the memberships of the guest."""
    cluster.group_of_two()
    cluster.person(1, "gus").types("/join tea")
    cluster.settle()
    node = cluster.nodes[0]
    assert node.chat.nodes is not None

    def fail(*_: object) -> Deferred[None]:
        monkeypatch.undo()
        raise NotSaved("the database is away")

    monkeypatch.setattr(node.chat.nodes.leases, "know_conversations", fail)
    cluster.crash(1)
    cluster.settle(3 * RENEW_SECONDS)
    assert sorted(find_group(node.chat, "tea").group.members) == ["alice", "bob"]


def test_who_is_online_elsewhere_is_known_at_the_start(cluster: Cluster) -> None:
    cluster.person(0, "gus")
    cluster.settle()
    cluster.cut()
    third = cluster.add("c")
    account = third.chat.accounts.get("gus")
    assert account is not None
    assert third.chat.presence.online(account.key)


def test_presence_that_the_bus_has_lost_is_read(cluster: Cluster) -> None:
    cluster.cut()
    gus = cluster.person(0, "gus")
    cluster.settle(15)
    other = cluster.nodes[1].chat
    assert other.accounts.get("gus") is not None
    gus.wire.loseConnection()
    cluster.settle(15)
    assert other.accounts.get("gus") is None


def test_a_lost_lease_is_taken_anew(cluster: Cluster) -> None:
    """Others have ended the guests of this node: their sessions end, and nobody else's."""
    gus = cluster.person(0, "gus")
    alice = cluster.person(0, "alice", "password")
    cluster.settle()
    node = cluster.nodes[0]
    cluster.end_lease("a")
    assert cluster.nodes[1].own_store.nodes.expire()
    cluster.settle(3 * RENEW_SECONDS)
    assert "lost its database" in gus.sees()
    alice.types("/create tea")
    assert "tea" in alice.sees()
    assert node.chat.nodes is not None
    assert node.chat.nodes.leases.held
    cluster.settle(15)
    other = cluster.nodes[1].chat
    assert other.presence.online(node.chat.accounts.find("alice").key)  # type: ignore[arg-type]


def test_two_living_nodes_have_different_names(cluster: Cluster) -> None:
    with pytest.raises(BadStore, match="another node with the name a"):
        cluster.add("a")


def test_a_failure_does_not_end_the_renewals(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = cluster.nodes[0].own_store.nodes
    renew = store.renew
    calls = []

    def fail_once() -> object:
        calls.append(None)
        if len(calls) == 1:
            raise ZeroDivisionError
        return renew()

    monkeypatch.setattr(store, "renew", fail_once)
    cluster.settle(3 * RENEW_SECONDS)
    assert len(calls) >= 2


def test_who_is_online_is_read_only_after_a_loss(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = cluster.nodes[1].own_store.nodes
    online, read = store.online, []

    def count(nodes: list[int] | None = None) -> Online:
        read.append(nodes)
        return online(nodes)

    monkeypatch.setattr(store, "online", count)
    cluster.settle(1)
    read.clear()
    for nth in range(8):
        gus = cluster.person(0, f"gus{nth}")
        cluster.settle(RENEW_SECONDS)
        gus.wire.loseConnection()
    cluster.settle(20)
    assert read == []
    cluster.cut()
    cluster.person(0, "gus")
    cluster.settle(3 * RENEW_SECONDS)
    assert read == [[1]]
    assert cluster.nodes[1].chat.accounts.get("gus") is not None
    cluster.settle(20)
    assert read == [[1]]


def test_the_users_of_a_dead_node_whose_end_was_not_heard(tmp_path: Path, clock: Clock) -> None:
    cluster = Cluster(tmp_path, clock, 3)
    cluster.person(2, "gus")
    cluster.settle(1)
    cluster.cut()
    cluster.crash(2)
    cluster.settle(4 * RENEW_SECONDS)
    for node in cluster.nodes:
        assert node.chat.accounts.get("gus") is None, node.name
    cluster.stop()


def test_a_lease_that_cannot_be_renewed(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """The node does not count on it when it may have expired, and no longer when it was renewed."""
    node = cluster.nodes[0]
    assert node.chat.nodes is not None

    def fail() -> object:
        raise NotSaved("the database is down")

    with monkeypatch.context() as patched:
        patched.setattr(node.own_store.nodes, "renew", fail)
        cluster.settle(MAX_AGE_SECONDS - RENEW_SECONDS - 1)
        assert node.chat.nodes.leases.held
        cluster.settle(RENEW_SECONDS + 1)
        assert not node.chat.nodes.leases.held
        assert node.chat.nodes.figures()["lease_held"] == 0
    cluster.settle(2 * RENEW_SECONDS)
    assert node.chat.nodes.leases.held


def test_whether_there_are_other_nodes(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the database nobody can go on at another node."""
    answers: list[bool] = []
    nodes = cluster.nodes[0].chat.nodes
    assert nodes is not None

    def ask() -> bool:
        Deferred.fromCoroutine(nodes.leases.is_alone()).addCallback(answers.append)
        return answers.pop()

    assert not ask()
    cluster.nodes.pop().end()
    cluster.settle()
    assert ask()

    def fail() -> object:
        raise NotSaved("the database is down")

    monkeypatch.setattr(cluster.nodes[0].own_store.nodes, "renew", fail)
    assert ask()


def test_the_guests_of_a_node_that_stops_are_gone(cluster: Cluster) -> None:
    """At once, and not only at the start of another node; others are told."""
    alice, bob = cluster.group_of_two()
    gus = cluster.person(1, "gus").types("/join tea")
    cluster.settle()
    alice.sees()
    bob.sees()
    stopping = cluster.nodes[1].chat
    stopping.registry.stopping = True
    assert stopping.nodes is not None
    assert stopping.nodes.figures()["draining"] == 1
    [session] = stopping.presence.sessions(fold("gus"))
    session.end_when_idle(EndWhy.STOPPING, "Connect again.")
    cluster.settle(1)
    assert gus.wire.closed
    # The notice that the guest is offline may come later: nobody shares a group with them then.
    assert alice.sees().endswith("* gus has left the chat (disconnected).\n")
    assert bob.sees() == "* gus has left the chat (disconnected).\n"
    chat = cluster.nodes[0].chat
    assert sorted(find_group(chat, "tea").group.members) == ["alice", "bob"]
    assert chat.accounts.get("gus") is None
    cluster.person(0, "gus")


def test_who_was_online_at_a_node_that_stops(cluster: Cluster) -> None:
    """The others know at once that nobody is, also what was not told before the stop."""
    gus = cluster.person(1, "gus")
    cluster.settle()
    node = cluster.nodes.pop()
    node.stop()
    gus.wire.loseConnection()
    assert node.chat.nodes is not None
    stopped = node.chat.nodes.stop()
    cluster.settle()
    assert stopped.called
    node.own_store.close()
    assert cluster.nodes[0].chat.accounts.get("gus") is None


def test_a_lease_is_renewed_while_what_a_killed_node_has_left_is_ended(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That takes long if it had many users. A failure with one does not keep the others."""
    cluster.group_of_two()
    for name in ("gil", "gus"):
        cluster.person(1, name).types("/join tea")
    cluster.settle()
    node = cluster.nodes[0]
    assert node.chat.nodes is not None
    leases = node.chat.nodes.leases
    slow: Deferred[None] = Deferred()
    asked: list[str] = []

    def know(key: str) -> Deferred[None]:
        asked.append(key)
        return slow if len(asked) == 1 else succeed(None)

    monkeypatch.setattr(leases, "know_conversations", know)
    cluster.crash(1)
    cluster.settle(MAX_AGE_SECONDS + RENEW_SECONDS)
    assert leases.held
    assert len(asked) == 1
    slow.errback(ZeroDivisionError())
    cluster.settle(RENEW_SECONDS)
    assert len(asked) == 2
    left = {"alice", "bob", asked[0]}
    assert set(find_group(node.chat, "tea").group.members) == left
