"""Presence: the guests and accounts that are online at other nodes, as far as that is known."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from pyconchat.chat.leases import RENEW_SECONDS
from pyconchat.chat.nodes import GONE_SECONDS
from pyconchat.chat.online_elsewhere import PresenceNotice
from pyconchat.domain.errors import Refused
from pyconchat.domain.names import Name, fold
from pyconchat.domain.refusals import name_in_use
from pyconchat.domain.replies import EndWhy
from pyconchat.domain.stored import Online, OnlineRecord
from pyconchat.sessions.session import Session
from pyconchat.testing import FakePeer, services_of
from tests.nodes.cluster import Cluster
from tests.support.faulty_bus import NO_FAULTS


def test_a_notice_that_is_older_than_what_was_read(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It arrives during the reading; the newer one after it is not needed any more."""
    chat = cluster.nodes[1].chat
    assert chat.nodes is not None
    elsewhere = chat.nodes.leases.elsewhere
    cluster.cut()
    gus = cluster.person(0, "gus")
    cluster.settle()
    party = cluster.nodes[0].chat.accounts.find("gus").party
    coming = OnlineRecord(1, Name("gus"), party, 1)
    gus.wire.loseConnection()
    cluster.settle()
    count = cluster.nodes[1].own_store.nodes.online().counts[1]
    answer: Deferred[Online] = Deferred()
    with monkeypatch.context() as patched:
        patched.setattr(chat.threads, "write", lambda *_: answer)
        elsewhere.read()
    elsewhere.heard(PresenceNotice([coming], count - 1))
    answer.callback(Online({1: count}, []))
    elsewhere.heard(PresenceNotice([replace(coming, sessions=0)], count))
    assert chat.accounts.get("gus") is None


def test_the_next_guest_with_a_name_at_another_node(tmp_path: Path, clock: Clock) -> None:
    """What the bus has lost of the one before does not make the name look used."""
    cluster = Cluster(tmp_path, clock, 3)
    chat = cluster.nodes[0].chat
    first = cluster.person(1, "gus")
    cluster.settle()
    cluster.cut()
    first.wire.loseConnection()
    cluster.settle(GONE_SECONDS)
    cluster.network.faults = NO_FAULTS
    second = cluster.person(2, "gus")
    cluster.settle(4 * RENEW_SECONDS)
    [session] = cluster.nodes[2].chat.presence.sessions(fold("gus"))
    assert chat.accounts.find("gus").party == session.account.party
    second.wire.loseConnection()
    cluster.settle(4 * RENEW_SECONDS)
    assert chat.accounts.get("gus") is None
    cluster.stop()


def test_two_guests_choose_one_name_at_once(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one who does not get it leaves nothing behind."""
    other = cluster.nodes[1]
    with monkeypatch.context() as patched:  # as if that one had just disconnected, at the first try
        patched.setattr(other.own_store.nodes, "claim_guest", lambda *_: 0)
        loser = other.connect().types("gus", "", "")
    cluster.person(0, "gus")
    cluster.settle(1)
    assert "gus" in loser.sees()
    [session] = cluster.nodes[0].chat.presence.sessions(fold("gus"))
    assert other.chat.accounts.find("gus").party == session.account.party
    session.end(EndWhy.STOPPING, "Bye.")
    cluster.settle(1)
    assert other.chat.accounts.get("gus") is None
    cluster.person(1, "gus")


def test_a_guest_whose_name_is_reserved_here(cluster: Cluster) -> None:
    """What is told of others in the same notice is not lost."""
    chat = cluster.nodes[1].chat
    assert chat.nodes is not None
    notice = [OnlineRecord(1, Name(name), f"{name}~1", 1) for name in ("gus", "gil")]
    elsewhere = chat.nodes.leases.elsewhere

    def register() -> None:
        with chat.registration.reserved(Name("gus"), "", False):
            elsewhere.heard(PresenceNotice(notice, 2))
            raise name_in_use(Name("gus"))

    with pytest.raises(Refused):
        register()
    assert chat.accounts.find("gus").party == "gus~1"
    assert chat.accounts.get("gil") is not None
    assert chat.presence.online(fold("gus"))


def away(cluster: Cluster, node: int, name: str) -> str | None:
    """Return the away text of *name* as the node with that number knows it."""
    absence = cluster.nodes[node].chat.accounts.find(Name(name)).absence
    return None if absence is None else absence.text


def test_that_somebody_is_away_is_read_after_a_loss(cluster: Cluster) -> None:
    """And that they are back."""
    bob = cluster.person(1, "bob", "password")
    cluster.settle()
    cluster.cut()
    bob.types("/away at lunch")
    cluster.settle(4 * RENEW_SECONDS)
    assert away(cluster, 0, "bob") == "at lunch"
    bob.types("/away")
    cluster.settle(4 * RENEW_SECONDS)
    assert away(cluster, 0, "bob") is None


def test_who_is_away_is_known_at_the_start(cluster: Cluster) -> None:
    cluster.person(1, "bob", "password").types("/away at lunch")
    cluster.settle()
    cluster.add("c")
    assert away(cluster, 2, "bob") == "at lunch"


def test_who_is_away_at_one_of_two_nodes(tmp_path: Path, clock: Clock) -> None:
    """Somebody is away while all sessions are."""
    cluster = Cluster(tmp_path, clock, 3)
    first, second = (cluster.person(node, "bob", "password") for node in (1, 2))
    cluster.settle()
    first.types("/away at lunch")
    cluster.settle()
    assert away(cluster, 0, "bob") is None
    second.wire.loseConnection()
    cluster.settle()
    assert away(cluster, 0, "bob") == "at lunch"
    assert away(cluster, 2, "bob") == "at lunch"
    first.types("/away")
    cluster.settle()
    assert away(cluster, 2, "bob") is None
    cluster.stop()


def test_a_command_at_another_node(cluster: Cluster) -> None:
    """An account is online neither here nor there by an unattended session.

    That it goes elsewhere is announced here, and its absence elsewhere stays.
    """
    alice, bob = cluster.group_of_two()
    chat = cluster.nodes[0].chat
    peer = FakePeer()
    peer.unattended = True
    session = Session(services_of(chat), chat.accounts.find(Name("bob")), peer)
    bob.types("/away at lunch")
    cluster.settle()
    session.start()
    cluster.settle()
    alice.sees()
    assert away(cluster, 0, "bob") == away(cluster, 1, "bob") == "at lunch"
    bob.types("/quit")
    cluster.settle(1)
    assert "bob has gone offline" in alice.sees()
    assert not any(each.chat.presence.online(fold("bob")) for each in cluster.nodes)
    session.close()
    cluster.settle(1)
    assert "bob" not in alice.sees()
