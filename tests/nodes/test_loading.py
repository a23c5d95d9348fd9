"""A node has the groups of its own people in memory, and summaries of the others.

A request about a summarized group is answered from its current state.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from pyconchat.chat import following, loading
from pyconchat.chat.conversations import GroupConversation
from pyconchat.chat.following import IDLE_SECONDS, REFRESH_SECONDS
from pyconchat.config import Config, LimitsConfig
from pyconchat.domain.accounts import deleted_party
from pyconchat.domain.decisions import Decision, DeleteAccount
from pyconchat.domain.errors import Code, NotSaved
from pyconchat.domain.names import Key
from pyconchat.doors.factory import IrcFactory
from pyconchat.doors.hook_posts import HookPosts
from pyconchat.store import SqlStore
from pyconchat.testing import services_of
from tests.nodes.cluster import Cluster
from tests.support.groups import find_group
from tests.support.irc import IrcServer, IrcUser
from tests.support.programs import UNLIMITED, WiredProgram

LONG = 2 * IDLE_SECONDS


def tea(cluster: Cluster, node: int) -> GroupConversation:
    """Return the group tea, as the node with that number has it."""
    return find_group(cluster.nodes[node].chat, "tea")


def is_summary(cluster: Cluster, node: int) -> bool:
    return tea(cluster, node).group.is_summary


@pytest.fixture
def alice(cluster: Cluster) -> WiredProgram:
    """The admin of tea, at the first node; the second has a summary of that."""
    alice = cluster.program(0, "alice", "password")
    alice.does("/create tea open")
    cluster.program(0, "bob", "password").does("/join tea")
    cluster.settle(LONG)
    assert not is_summary(cluster, 0)
    assert is_summary(cluster, 1)
    return alice


@pytest.fixture
def carol(cluster: Cluster, alice: WiredProgram) -> WiredProgram:
    """A person at the second node without groups."""
    return cluster.program(1, "carol", "password")


def without_server(lines: list[str]) -> list[str]:
    """Return *lines* of an IRC door, without the name of the server."""
    return [each.partition(" ")[2] for each in lines]


# The memory.


def test_a_summary_lists_nobody(cluster: Cluster, alice: WiredProgram) -> None:
    group = tea(cluster, 1).group
    assert group.members == {}
    assert group.member_count == 2
    assert cluster.nodes[1].chat.groups.connected_with(Key("alice")) == []


def test_a_node_that_starts_has_summaries(cluster: Cluster, alice: WiredProgram) -> None:
    cluster.add("c")
    assert is_summary(cluster, 2)
    assert tea(cluster, 2).group.member_count == 2
    alice.does("more", group="tea")
    dora = cluster.program(2, "dora", "password")
    dora.does("/join tea")
    assert not is_summary(cluster, 2)
    cluster.settle()
    assert [each.name for each in tea(cluster, 2).group.members.values()] == [
        *("alice", "bob", "dora"),
    ]


def test_a_group_is_summarized_when_its_last_member_here_has_disconnected(
    cluster: Cluster, carol: WiredProgram
) -> None:
    carol.does("/join tea")
    cluster.settle(LONG)
    assert not is_summary(cluster, 1)
    carol.cut()
    cluster.settle(IDLE_SECONDS - 5)
    assert not is_summary(cluster, 1)
    cluster.settle(10)
    assert is_summary(cluster, 1)
    carol = cluster.program(1, "carol", "password")
    assert [each["group"] for each in carol.hello["groups"]] == ["tea"]
    assert not is_summary(cluster, 1)


def test_a_stale_group_is_not_summarized(cluster: Cluster, carol: WiredProgram) -> None:
    carol.does("/join tea")
    carol.cut()
    tea(cluster, 1).stale = True
    cluster.settle(LONG)
    assert not is_summary(cluster, 1)
    tea(cluster, 1).stale = False
    cluster.settle(2)
    assert is_summary(cluster, 1)


def test_summaries_are_renewed(cluster: Cluster, alice: WiredProgram) -> None:
    alice.does("/topic cups", "tea")
    cluster.program(0, "dora", "password").does("/join tea")
    cluster.settle(REFRESH_SECONDS + 1)
    group = tea(cluster, 1).group
    assert group.is_summary
    assert (group.topic, group.member_count) == ("cups", 3)
    assert tea(cluster, 1).published == tea(cluster, 0).published


def test_a_group_that_is_created_elsewhere(cluster: Cluster, alice: WiredProgram) -> None:
    """A summary is left of it."""
    alice.does("/create chess open")
    cluster.settle(3)
    chess = find_group(cluster.nodes[1].chat, "chess")
    assert chess.group.is_summary
    assert chess.group.member_count == 1


def test_many_groups_are_summarized_in_pieces(
    cluster: Cluster, alice: WiredProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "MAX_SUMMARIZED", 1)
    for nth in range(4):
        alice.does(f"/create cup{nth} open")
    groups = [find_group(cluster.nodes[1].chat, f"cup{nth}").group for nth in range(4)]
    counts = []
    for _ in range(6):
        counts.append(sum(each.is_summary for each in groups))
        cluster.settle(1)
    assert counts == [0, 1, 2, 3, 4, 4]


# Requests.


def test_the_list_of_groups(cluster: Cluster, carol: WiredProgram) -> None:
    """It has the numbers of members, and of those online at all nodes; nothing is read for it."""
    (line,) = carol.does("/groups")["groups"]
    assert (line["group"], line["members"], line["online"]) == ("tea", 2, 2)
    assert is_summary(cluster, 1)


def test_who_is_no_member_says_nothing(cluster: Cluster, carol: WiredProgram) -> None:
    assert carol.asks(text="hello", group="tea")["code"] == "not-member"
    for line in ("/me waves", "/topic cups", "/members", "/mute tea"):
        assert carol.is_refused(line, "tea") == "not-member", line


@pytest.mark.parametrize("line", ["/ban carol", "/policy invite"])
def test_what_was_just_decided_elsewhere_holds(
    cluster: Cluster, alice: WiredProgram, carol: WiredProgram, line: str
) -> None:
    alice.does(line, "tea")
    assert is_summary(cluster, 1)
    carol.is_refused("/join tea")


def test_a_member_joins_at_a_node_that_has_a_summary(
    cluster: Cluster, alice: WiredProgram, carol: WiredProgram
) -> None:
    alice.does("/policy approval", "tea")
    carol.asks("/join tea please")
    cluster.settle()
    alice.does("/approve carol", "tea")
    cluster.settle()
    carol.sees("joined", name="carol")
    alice.does(text="welcome", group="tea")
    cluster.settle()
    carol.sees("message", text="welcome")


def test_a_command_while_the_state_cannot_be_read(
    cluster: Cluster, carol: WiredProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise NotSaved("the database is down")

    with monkeypatch.context() as failing:
        failing.setattr(cluster.nodes[1].own_store.nodes, "catch_up", fails)
        assert carol.is_refused("/join tea") == "not-saved"
    cluster.settle(2)
    carol.does("/join tea")


def test_an_operator_in_a_group_of_others(cluster: Cluster, carol: WiredProgram) -> None:
    carol.does(f"/claim {cluster.nodes[1].chat.accounts.claim_code}")
    carol.does("/kick bob tea")
    cluster.settle()
    assert tea(cluster, 0).group.members.keys() == {"alice"}


def test_a_hook(cluster: Cluster, alice: WiredProgram) -> None:
    """A post arrives by any node."""
    token = alice.does("/hook add ci", "tea")["address"].rpartition("/")[2]
    cluster.settle(3)
    assert is_summary(cluster, 1)
    posts = HookPosts(services_of(cluster.nodes[1].chat))
    assert posts.refusal(token) is None
    for text in ("built", "tested"):
        answers: list[object] = []
        Deferred.fromCoroutine(posts.post(token, {}, text.encode())).addCallback(answers.append)
        cluster.settle()
        assert [getattr(each, "status", None) for each in answers] == [200]
        alice.sees("message", text=text)
    cluster.settle(LONG)
    assert is_summary(cluster, 1)


def test_at_irc(cluster: Cluster, alice: WiredProgram) -> None:
    """A client sends commands about a channel that it has not joined."""
    alice.does("/topic cups", "tea")
    door = SimpleNamespace(clock=cluster.clock, irc=IrcFactory(cluster.nodes[1].factory))
    dora = IrcUser(cast(IrcServer, door), ())
    dora.sends("NICK dora", "USER dora 0 * :Dora")
    dora.waits(1)
    assert "322 dora #tea 2" in without_server(dora.gets("LIST"))
    assert is_summary(cluster, 1)
    assert without_server(dora.gets("PRIVMSG #tea :hello"))[0].startswith("404")
    assert is_summary(cluster, 1)
    assert "324 dora #tea +nt" in without_server(dora.gets("MODE #tea"))
    assert not is_summary(cluster, 1)
    dora.gets("JOIN #tea")
    dora.waits(1)
    cluster.settle()
    alice.sees("joined", name="dora")


# Memberships and codes that end.


def test_codes_of_a_banned_member(
    cluster: Cluster, alice: WiredProgram, carol: WiredProgram
) -> None:
    """They end at once, if the operator's node has a summary."""
    alice.does("/policy invite", "tea")
    code = alice.does("/invite code", "tea")["code"]
    cluster.settle(REFRESH_SECONDS + 1)
    carol.does(f"/claim {cluster.nodes[1].chat.accounts.claim_code}")
    assert is_summary(cluster, 1)
    carol.does("/ban alice")
    cluster.settle()
    assert tea(cluster, 0).group.codes == {}
    dora = cluster.program(1, "dora", "password")
    dora.is_refused(f"/join tea {code}")


@pytest.mark.parametrize("running", [True, False])
def test_memberships_of_a_deleted_account(
    cluster: Cluster, alice: WiredProgram, running: bool
) -> None:
    """They end when the group is needed, also if no node was running at the deletion."""
    if not running:
        while cluster.nodes:
            cluster.nodes.pop().end()
    admin = SqlStore(f"sqlite:///{cluster.database}", shared=True)
    admin.open()
    admin.commit([Decision(0, writes=[DeleteAccount(Key("bob"), deleted_party(Key("bob")))])])
    admin.close()
    if not running:
        cluster.add("c")
        cluster.add("d")
    cluster.settle(REFRESH_SECONDS + 1)
    cluster.program(1, "dora", "password").does("/join tea")
    cluster.settle(1)
    assert tea(cluster, 1).group.members.keys() == {"alice", "dora"}


# Limits.


def test_the_number_of_groups_of_somebody_elsewhere(tmp_path: Path, clock: Clock) -> None:
    """The limit holds at a node that has summaries of the applicant's groups."""
    limits = LimitsConfig(**{**UNLIMITED, "groups_per_account": 2})
    cluster = Cluster(tmp_path, clock, config=Config(limits=limits))
    carol = cluster.program(1, "carol", "password")
    for name in ("one", "two"):
        carol.does(f"/create {name} open")
    alice = cluster.program(0, "alice", "password")
    alice.does("/create tea approval")
    cluster.settle()
    carol.does("/leave two", answers=["yes"])
    carol.asks("/join tea")
    carol.does("/create three open")
    carol.cut()
    cluster.settle(LONG)
    assert alice.is_refused("/approve carol", "tea") == Code.TOO_MANY.value
    cluster.stop()


def test_groups_that_are_summarized_at_once(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A member who often reconnects receives each message once."""
    monkeypatch.setattr(following, "IDLE_SECONDS", 0.0)
    cluster = Cluster(tmp_path, clock)
    alice = cluster.program(0, "alice", "password")
    alice.does("/create tea open")
    bob = cluster.program(1, "bob", "password")
    bob.does("/join tea")
    seen: list[int] = []
    for nth in range(5):
        bob.cut()
        cluster.settle(2)
        assert is_summary(cluster, 1)
        alice.does(text=f"message {nth}", group="tea")
        bob = cluster.nodes[1].program("bob", "password", since={"tea": max(seen, default=0)})
        alice.does(text=f"then {nth}", group="tea")
        cluster.settle()
        bob.sees("message", text=f"then {nth}")
        texts = [each["text"] for each in bob.events if each.get("type") == "message"]
        assert texts[-2:] == [f"message {nth}", f"then {nth}"]
        seen += [each["seq"] for each in bob.entries if each.get("group") == "tea"]
    assert seen == sorted(set(seen))
    cluster.stop()
