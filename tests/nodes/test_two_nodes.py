"""Two nodes: what people do at one is seen at the other, in the same order."""

from __future__ import annotations

from collections import Counter

import pytest

from pyconchat.domain.names import Name
from tests.nodes.cluster import Cluster
from tests.support.faulty_bus import NO_FAULTS


def test_messages_and_members(cluster: Cluster) -> None:
    alice, bob = cluster.group_of_two()
    assert "bob has joined" in alice.sees()
    bob.sees()
    alice.types("hello from a")
    cluster.settle()
    assert "alice: hello from a" in bob.sees()
    bob.types("hello from b")
    cluster.settle()
    assert "bob: hello from b" in alice.sees()


def test_a_kick_elsewhere_ends_the_membership_at_once(cluster: Cluster) -> None:
    alice, bob = cluster.group_of_two()
    bob.sees()
    cluster.cut()
    alice.types("/kick bob", "he is gone")
    bob.types("I am still here")  # his node has not heard of it
    cluster.settle(0.1)
    seen = bob.sees()
    assert "he is gone" not in seen
    assert "kicked" in seen
    assert "I am still here" not in alice.sees()


def test_one_approves_what_the_other_asked(cluster: Cluster) -> None:
    alice = cluster.person(0, "alice", "password").types("/create tea")
    cluster.settle()
    bob = cluster.person(1, "bob", "password").types("/join tea please")
    cluster.settle()
    assert "bob" in alice.sees()
    alice.types("/approve bob", "welcome")
    cluster.settle()
    assert "welcome" in bob.sees()


def test_private_messages(cluster: Cluster) -> None:
    alice = cluster.person(0, "alice", "password")
    bob = cluster.person(1, "bob")
    cluster.settle()
    alice.types("/msg bob psst")
    cluster.settle()
    assert "psst" in bob.sees()
    bob.types("/msg alice yes?")
    cluster.settle()
    assert "yes?" in alice.sees()


def test_a_guest_has_a_name_alone(cluster: Cluster) -> None:
    cluster.cut()
    cluster.person(0, "gus")
    other = cluster.nodes[1].connect().types("gus", "")
    cluster.settle()
    assert "in use" in other.sees()


def test_a_registered_name_has_its_password_at_both(cluster: Cluster) -> None:
    cluster.cut()
    alice = cluster.person(0, "alice", "password")
    cluster.person(1, "alice", "password")
    alice.types("/password", "password", "another1", "another1")
    cluster.settle()
    refused = cluster.nodes[1].connect().types("alice", "password")
    cluster.settle()
    assert "not the password" in refused.sees()


def test_a_group_is_created_once(cluster: Cluster) -> None:
    cluster.cut()
    alice = cluster.person(0, "alice", "password")
    bob = cluster.person(1, "bob", "password")
    alice.types("/create tea open")
    bob.types("/create tea open")
    bob.types("/create chess open")
    cluster.settle()
    seen = bob.sees()
    assert "There is a group tea already" in seen
    assert "chess" in seen
    assert "tea" in alice.sees()


def test_an_operator_whose_account_was_not_heard_of(cluster: Cluster) -> None:
    """The account and the power are read together; the server's log goes on."""
    code = cluster.nodes[0].chat.accounts.claim_code
    cluster.cut()
    alice = cluster.person(0, "alice", "password")
    cluster.network.faults = NO_FAULTS
    alice.types(f"/claim {code}", "/announce hello to all")
    gus = cluster.person(1, "gus")
    cluster.settle()
    alice.types("/announce once more")
    cluster.settle()
    assert "once more" in gus.sees()
    other = cluster.nodes[1].chat.accounts
    assert other.claim_code is None
    assert other.find(Name("alice")).actor.operator


def test_groups_that_the_bus_has_lost_are_found(cluster: Cluster) -> None:
    """In whatever order the nodes use their ids, and however long they have them."""
    alice = cluster.person(0, "alice", "password")
    bob = cluster.person(1, "bob", "password")
    cluster.cut()
    for nth in range(8):
        for person, node in ((bob, 1), (alice, 0)):
            person.types(f"/create tea{nth}{node} open")
            cluster.settle(31)
            for each in cluster.nodes:
                assert each.chat.groups.get(f"tea{nth}{node}") is not None, each.name


def test_private_messages_are_not_repeated_when_nodes_compare(cluster: Cluster) -> None:
    bob = cluster.person(1, "bob", "password")
    gus = cluster.person(0, "gus")
    cluster.settle()
    gus.types("/msg bob psst")
    cluster.settle()
    assert "psst" in bob.sees()
    gus.wire.loseConnection()
    cluster.settle(35)
    assert "psst" not in bob.sees()


def test_a_guest_sees_nothing_of_an_earlier_one_with_the_name(cluster: Cluster) -> None:
    bob = cluster.person(1, "bob", "password")
    gus = cluster.person(0, "gus")
    cluster.settle()
    cluster.cut()
    gus.types("/msg bob psst")
    cluster.settle()
    gus.wire.loseConnection()
    cluster.settle(1)
    other = cluster.person(1, "gus")
    cluster.settle(35)
    assert "psst" in bob.sees()
    assert "psst" not in other.sees()


def test_what_one_device_mutes_or_ignores_holds_at_the_other_node(cluster: Cluster) -> None:
    alice = cluster.person(0, "alice", "password").types("/create tea open", "/desk")
    cluster.settle()
    tablet = cluster.person(1, "alice", "password").types("/desk")
    bob = cluster.person(1, "bob", "password").types("/join tea")
    alice.types("/mute tea")
    cluster.settle()
    tablet.sees()
    bob.types("while it is muted")
    cluster.settle()
    assert "while it is muted" not in tablet.sees()
    alice.types("/mute tea off", "/ignore bob")
    cluster.settle()
    tablet.sees()
    bob.types("while he is ignored")
    cluster.settle()
    assert "while he is ignored" not in tablet.sees()


def test_quit_everywhere_ends_the_sessions_at_the_other_node(cluster: Cluster) -> None:
    """Also if the node has not heard of it; the next logins last."""
    people = [cluster.person(node, "alice", "password") for node in (0, 0, 1)]
    cluster.settle()
    cluster.cut()
    people[0].types("/quit everywhere")
    cluster.settle(35)
    for each in people[1:]:
        assert "You have quit everywhere, on another device." in each.sees()
    again = [cluster.person(node, "alice", "password") for node in (1, 0)]
    cluster.settle(35)
    for each in again:
        assert "Online: " in each.types("/who").sees()


def test_an_away_text_of_another_node_is_safe_for_a_terminal(cluster: Cluster) -> None:
    """Whoever can write to the bus cannot write to terminals."""
    alice = cluster.person(0, "alice", "password")
    cluster.person(1, "bob", "password")
    cluster.settle()
    nodes = cluster.nodes[0].chat.nodes
    assert nodes is not None
    record = (
        b'{"node":2,"name":"bob","party":"bob","sessions":1,"away":"\\u001b[2Jgone","away_at":1}'
    )
    nodes.noticed(b'{"type":"online","records":[%b]}' % record)
    alice.types("/whois bob")
    seen = alice.sees()
    assert "gone" in seen
    assert "\x1b" not in seen


def test_a_login_reads_only_what_is_new(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """If no account has changed, and nobody was banned, one question is enough."""
    cluster.person(1, "bob", "password").types("/create tea open").wire.loseConnection()
    cluster.program(1, "bob", "password").does("/quit")
    cluster.settle(1)
    store, calls = cluster.nodes[1].own_store, Counter[str]()

    def count(where: object, name: str) -> None:
        call = getattr(where, name)

        def counted(*arguments: object) -> object:
            calls[name] += 1
            return call(*arguments)

        monkeypatch.setattr(where, name, counted)

    for name in ("newest", "changed_accounts", "account", "catch_up", "connected"):
        count(store.nodes, name)
    count(store, "cursors")
    cluster.nodes[1].connect().types("bob", "password")
    assert calls == {"newest": 2, "connected": 1, "cursors": 1}
