"""A node hears of the groups with which its own people are connected, and of no other."""

from __future__ import annotations

from pathlib import Path

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from pyconchat.chat import behind, comparing, incoming
from pyconchat.chat.chat import Chat
from pyconchat.chat.following import IDLE_SECONDS, REFRESH_SECONDS
from pyconchat.chat.leases import RENEW_SECONDS
from pyconchat.domain.errors import NotSaved, Refused
from pyconchat.domain.group_state import GroupState
from pyconchat.domain.names import Name, fold
from pyconchat.domain.replies import EndWhy
from pyconchat.domain.text import SafeText
from pyconchat.files import FileSharing
from pyconchat.files.places import GroupFiles
from tests.contracts.test_rights import files_in
from tests.nodes.cluster import Cluster
from tests.support.groups import find_group

LONG = 2 * IDLE_SECONDS
PEOPLE = (("alice", "password"), ("bob", "password"))


def follows(cluster: Cluster, node: int, name: str) -> bool:
    """Return whether the node with that number follows the group *name*."""
    chat = cluster.nodes[node].chat
    assert chat.nodes is not None
    return find_group(chat, name).id in chat.nodes.following


def state(cluster: Cluster, node: int, name: str) -> GroupState:
    """Return the state that the node with that number has in memory."""
    return find_group(cluster.nodes[node].chat, name).group.state


def test_a_group_of_one_node_is_not_heard_at_the_other(cluster: Cluster) -> None:
    alice = cluster.person(0, "alice", "password").types("/create tea open")
    cluster.person(1, "bob", "password").types("/create chess open")
    cluster.settle(1)
    bus = cluster.network.bus_of("b")
    heard = bus.heard
    for nth in range(20):
        alice.types(f"message {nth}")
    alice.types("/topic cups")
    cluster.settle(1)
    assert bus.heard == heard
    assert not follows(cluster, 1, "tea")
    assert follows(cluster, 0, "tea")
    assert state(cluster, 1, "tea").topic == ""
    cluster.settle(REFRESH_SECONDS + 1)
    assert state(cluster, 1, "tea").topic == "cups"
    here, there = (find_group(node.chat, "tea") for node in cluster.nodes)
    assert here.published == there.published


def test_a_group_is_followed_for_a_while_after_the_last_of_its_people(cluster: Cluster) -> None:
    _, bob = cluster.group_of_two()
    assert follows(cluster, 1, "tea")
    bob.wire.loseConnection()
    cluster.settle(IDLE_SECONDS - 5)
    assert follows(cluster, 1, "tea")
    cluster.settle(10)
    assert not follows(cluster, 1, "tea")
    cluster.person(1, "bob", "password")
    assert follows(cluster, 1, "tea")
    cluster.settle(LONG)
    assert follows(cluster, 1, "tea")


def test_what_happened_meanwhile_is_shown_at_the_next_login(cluster: Cluster) -> None:
    alice, bob = cluster.group_of_two()
    bob.wire.loseConnection()
    cluster.settle(LONG)
    alice.types("are you there?", "/topic cups")
    cluster.settle(1)
    bob = cluster.nodes[1].connect().types("bob", "password", "")
    cluster.settle(1)
    seen = bob.sees()
    assert seen.count("are you there?") == 1
    assert "cups" in seen
    alice.types("good")
    cluster.settle(1)
    assert bob.sees().count("good") == 1


def test_who_was_kicked_meanwhile_is_no_member_at_the_next_login(cluster: Cluster) -> None:
    alice, bob = cluster.group_of_two()
    bob.wire.loseConnection()
    cluster.settle(LONG)
    alice.types("/ban bob")
    cluster.settle(1)
    assert cluster.program(1, "bob", "password").hello["groups"] == []


@pytest.mark.parametrize("lost", [False, True])
def test_an_invitation_to_somebody_at_another_node(cluster: Cluster, lost: bool) -> None:
    """It is shown at once; and once more nodes compare, if the bus has lost it."""
    alice = cluster.person(0, "alice", "password").types("/create tea invite")
    bob = cluster.person(1, "bob", "password")
    cluster.settle(LONG)
    assert not follows(cluster, 1, "tea")
    bob.sees()
    if lost:
        cluster.cut()
    alice.types("/topic cups", "/invite bob")
    cluster.settle(REFRESH_SECONDS + 1 if lost else 0.3)
    assert bob.sees().count("invites you") == 1
    assert follows(cluster, 1, "tea")
    bob.types("/join tea")
    cluster.settle()
    assert "cups" in bob.sees()


def test_an_account_that_joins_at_one_node_is_in_at_the_other(cluster: Cluster) -> None:
    cluster.person(0, "alice", "password").types("/create tea open", "/create chess open")
    cluster.settle(LONG)
    first = cluster.person(0, "bob", "password")
    tablet = cluster.person(1, "bob", "password")
    cluster.settle(1)
    first.types("/join tea", "/join chess")
    cluster.settle(1)
    assert follows(cluster, 1, "tea")
    tablet.sees()
    first.types("from the first")
    cluster.settle(1)
    assert "from the first" in tablet.sees()


def test_guests_of_a_killed_node_leave_groups_that_others_do_not_follow(cluster: Cluster) -> None:
    bob = cluster.person(1, "bob", "password").types("/create tea open")
    cluster.person(1, "gus").types("/join tea")
    cluster.settle(1)
    assert "gus has joined" in bob.sees()
    cluster.crash(1)
    assert "gus" not in [each.name for each in state(cluster, 0, "tea").members]
    cluster.settle(3 * RENEW_SECONDS)
    (stored,) = (
        cluster.nodes[0].own_store.state([find_group(cluster.nodes[0].chat, "tea").id])[0].values()
    )
    assert [each.name for each in stored.state.members] == ["bob"]


def test_an_operator_acts_on_the_state_of_now(cluster: Cluster) -> None:
    """In a group that nobody at the operator's node is connected with."""
    code = cluster.nodes[0].chat.accounts.claim_code
    oleg = cluster.person(0, "oleg", "password").types(f"/claim {code}")
    alice = cluster.person(1, "alice", "password").types("/create tea open")
    cluster.person(1, "bob", "password").types("/join tea")
    cluster.settle(LONG)
    alice.types("/topic cups", "/ban bob")
    cluster.settle(1)
    oleg.sees()
    oleg.types("/ban bob tea", "/unban bob tea")
    cluster.settle(1)
    seen = oleg.sees()
    assert "banned already" in seen
    assert "bob" in alice.sees()
    assert state(cluster, 1, "tea").bans == []


def test_who_joins_a_group_that_has_changed(cluster: Cluster) -> None:
    alice = cluster.person(1, "alice", "password").types("/create tea invite")
    bob = cluster.person(0, "bob", "password")
    cluster.settle(LONG)
    alice.types("/policy open", "welcome, all")
    cluster.settle(1)
    bob.types("/join tea")
    cluster.settle(1)
    assert "welcome, all" in bob.sees()
    assert "bob has joined" in alice.sees()


def test_the_name_of_a_deleted_group_is_free_everywhere(cluster: Cluster) -> None:
    alice = cluster.person(1, "alice", "password").types("/create tea open")
    bob = cluster.person(0, "bob", "password")
    cluster.settle(LONG)
    alice.types("/delete tea", "tea")
    cluster.settle(1)
    bob.types("/create tea open")
    cluster.settle(1)
    assert state(cluster, 1, "tea").admin == "bob"


def test_a_hook_can_be_used_at_every_node(cluster: Cluster) -> None:
    alice = cluster.program(0, "alice", "password")
    alice.does("/create tea open")
    cluster.settle(LONG)
    alice.does("/hook add ci", group="tea")
    cluster.settle(1)
    assert [each.name for each in state(cluster, 1, "tea").hooks] == ["ci"]
    alice.does("/hook remove ci", group="tea")
    cluster.settle(1)
    assert state(cluster, 1, "tea").hooks == []


def test_files_count_at_every_node(tmp_path: Path, clock: Clock) -> None:
    """Also those of groups that it does not follow: the store is asked."""
    sharing: list[FileSharing] = []

    def files(chat: Chat) -> FileSharing:
        sharing.append(files_in(tmp_path, chat))
        return sharing[-1]

    cluster = Cluster(tmp_path, clock, files=files)
    cluster.person(0, "alice", "password").types("/create tea open")
    cluster.settle(LONG)
    chat = cluster.nodes[0].chat
    actor = chat.accounts.find(Name("alice")).actor
    what = (SafeText("cups.txt"), sharing[1].config.account_bytes, "0" * 64, "0" * 32)
    chat.decide(find_group(chat, "tea"), lambda group: group.share(actor, *what, now=0))
    cluster.settle(REFRESH_SECONDS + 1)
    assert not follows(cluster, 1, "tea")
    there = cluster.nodes[1].chat
    cluster.person(1, "alice", "password").types("/create chess open")
    cluster.settle(1)
    place = GroupFiles(there, find_group(there, "chess"))
    offer = sharing[1].offer(
        there.accounts.find(Name("alice")), "127.0.0.1", place, SafeText("more.txt")
    )
    offering = Deferred.fromCoroutine(offer)
    cluster.settle()
    failures: list[Failure] = []
    offering.addErrback(failures.append)
    assert isinstance(failures[0].value, Refused)
    cluster.stop()


def test_what_a_node_could_not_tell_is_read_by_the_others(cluster: Cluster) -> None:
    """Also private messages in a conversation that is not in memory there."""
    alice, bob = (cluster.person(nth, *who) for nth, who in enumerate(PEOPLE))
    cluster.settle(1)
    alice.types("/msg bob one")
    cluster.settle(1)
    for each in (alice, bob):
        each.wire.loseConnection()
    cluster.settle(LONG)
    alice, bob = (cluster.person(nth, *who) for nth, who in enumerate(PEOPLE))
    cluster.settle(1)
    bus = cluster.network.bus_of("a")
    bus.cut()
    alice.types("/msg bob two")
    cluster.settle(1)
    bus.join()
    bob.sees()
    cluster.settle(2)
    assert bob.sees().count("two") == 1


def test_a_lost_message_in_a_private_conversation_that_is_not_in_memory(cluster: Cluster) -> None:
    """It is shown once nodes compare, although no bus was down."""
    for nth, who in enumerate(PEOPLE):
        cluster.person(nth, *who)
    cluster.program(0, "alice", "password").does("/msg bob one")
    cluster.settle(1)
    cluster.nodes[1].chat.presence.sessions(fold("bob"))[0].end(EndWhy.STOPPING, "Bye.")
    cluster.settle(LONG + REFRESH_SECONDS / 2)
    bob = cluster.person(1, *PEOPLE[1])
    cluster.settle(1)
    bob.sees()
    cluster.cut()
    cluster.program(0, "alice", "password").does("/msg bob two")
    cluster.settle(1)
    assert "two" not in bob.sees()
    cluster.settle(REFRESH_SECONDS + 1)
    assert bob.sees().count("two") == 1


def test_a_comparison_that_has_failed_is_repeated(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it has found is not taken for known."""
    alice, bob = cluster.group_of_two()
    cluster.settle(1)
    store = cluster.nodes[1].own_store.nodes

    def fail(after: int) -> None:
        monkeypatch.undo()
        raise NotSaved("the database is away")

    cluster.cut()
    monkeypatch.setattr(store, "changed_accounts", fail)
    alice.types("/topic cups")
    bob.wire.loseConnection()
    cluster.settle(2 * REFRESH_SECONDS + 2)
    assert state(cluster, 1, "tea").topic == "cups"


def test_a_failure_does_not_end_the_comparisons(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = cluster.group_of_two()
    chat = cluster.nodes[1].chat
    assert chat.nodes is not None

    def fail() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(chat.nodes.following, "drop_idle", fail)
    cluster.settle(2)
    bob.sees()
    cluster.cut()
    alice.types("hello")
    cluster.settle(REFRESH_SECONDS + 1)
    assert "hello" in bob.sees()


@pytest.mark.parametrize("followed", [True, False])
def test_nothing_is_left_of_guests_who_were_in_a_group(cluster: Cluster, followed: bool) -> None:
    """Neither at their own node nor at another one."""
    cluster.group_of_two()[1].wire.loseConnection()
    cluster.settle(1 if followed else LONG)
    for name in ("gil", "gus"):
        guest = cluster.person(0, name).types("/join tea")
        cluster.settle(1 if followed else REFRESH_SECONDS + 1)
        guest.wire.loseConnection()
    cluster.settle(1 if followed else REFRESH_SECONDS + 1)
    for node in cluster.nodes:
        assert set(node.chat.groups._connected) <= {"alice", "bob"}, node.name


def test_an_account_that_cannot_be_taken_over_yet(cluster: Cluster) -> None:
    """Its name is reserved here, by somebody who registers it. That does not disturb others."""
    cluster.person(1, "carl", "password").wire.loseConnection()
    cluster.settle(1)
    cluster.cut()
    accounts = cluster.nodes[1].chat.accounts
    with accounts.reserved(Name("bob"), 0):
        cluster.person(0, "bob", "password")
        cluster.person(1, "carl", "password")
    assert accounts.get("bob") is None
    cluster.person(1, "bob", "password")
    assert accounts.find(Name("bob")).registered


def test_after_a_long_outage_of_the_bus(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was missed is read in pieces, and is complete."""
    monkeypatch.setattr(behind, "MAX_CONVERSATIONS", 2)
    monkeypatch.setattr(incoming, "MAX_ENTRIES", 4)
    monkeypatch.setattr(comparing, "MAX_COMPARED", 2)
    monkeypatch.setattr(comparing, "MAX_REFRESHED", 2)
    alice, bob = (cluster.program(nth, *who) for nth, who in enumerate(PEOPLE))
    for nth in range(5):
        alice.does(f"/create tea{nth} open")
        cluster.settle()
        bob.does(f"/join tea{nth}")
    cluster.settle(1)
    cluster.cut()
    for nth in range(5):
        for line in range(7):
            alice.does(f"line {line}", group=f"tea{nth}")
        alice.does(f"/create new{nth} open")
    cluster.settle(REFRESH_SECONDS + 1)
    for nth in range(5):
        here, there = (find_group(node.chat, f"tea{nth}") for node in cluster.nodes)
        assert here.published == there.published
        find_group(cluster.nodes[1].chat, f"new{nth}")
    bob.receives()
    shown = [each["text"] for each in bob.entries if each["type"] == "message"]
    assert sorted(shown) == sorted(f"line {line}" for line in range(7) for _ in range(5))
