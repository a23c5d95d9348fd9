"""Whatever moves a head in PostgreSQL, other nodes find the conversation (`INodeStore.changes`)."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pyconchat.domain.decisions import SERVER, Decision, NewEntry, OpenDirect, RequestKey
from pyconchat.domain.events import (
    Action,
    Edit,
    GroupCreated,
    Message,
    Policy,
    ServerKicked,
    TagsSent,
    TopicChanged,
)
from pyconchat.domain.names import Name
from pyconchat.domain.stored import ChangedHead
from pyconchat.domain.text import SafeText
from pyconchat.store import SqlStore
from tests.contracts.building import ALICE, AT, BOB, commit, create, on_server, register, say
from tests.contracts.test_nodes_locks import take_numbers
from tests.support.examples import examples

GROUPS, TALK = (2, 3), 4
PARTIES = ("alice", "bob")
NEW_IDS = count(10)
KEYS = count()


@pytest.fixture
def url(postgresql_url: str) -> str:
    """PostgreSQL: with SQLite, all conversations count as changed."""
    return postgresql_url


def entry(id: int, event: Message | Action | TagsSent) -> Decision:
    """Return the decision for one entry in the conversation *id*."""
    return Decision(AT, [NewEntry(id, event)])


def changes_group(version: int, *events: TopicChanged | Edit) -> Decision:
    """Return the decision of an admin in tea, on the state *version*."""
    return Decision(AT, [NewEntry(2, each, version + nth) for nth, each in enumerate(events)])


def new_group(_: int) -> Decision:
    """Return the decision that creates one more group."""
    id = next(NEW_IDS)
    return Decision(
        AT, [NewEntry(id, GroupCreated(id, Name(f"g{id}"), ALICE.name, Policy.OPEN), 0)]
    )


def new_talk(_: int) -> Decision:
    """Return the decision that opens one more private conversation."""
    id = next(NEW_IDS)
    opened = OpenDirect(id, ("alice", f"zoe{id}"), ())
    return Decision(AT, [NewEntry(id, Message(ALICE.name, SafeText("a")))], [opened])


def with_key(_: int) -> Decision:
    """Return the decision of a message with a new request key."""
    message = NewEntry(3, Message(ALICE.name, SafeText("a")))
    return Decision(AT, [message], key=RequestKey("alice", str(next(KEYS))))


TOPIC = TopicChanged(SafeText("kettles"), ALICE.name)

# Each kind of decision, for the version of tea that is stored before the batch.
KINDS: dict[str, Callable[[int], Decision]] = {
    "message": lambda _: say(2, "a"),
    "two messages": lambda _: say(3, "a", "b"),
    "action": lambda _: entry(3, Action(ALICE.name, SafeText("waves"))),
    "private": lambda _: say(TALK, "a"),
    "key": with_key,
    "mention": lambda _: entry(2, Message(BOB.name, SafeText("alice"), mentions=(ALICE.name,))),
    "answer": lambda _: entry(2, Message(BOB.name, SafeText("yes"), reply_to=2)),
    "edit": lambda version: changes_group(version, Edit(2, ALICE.name, SafeText("c"))),
    "tags": lambda _: entry(3, TagsSent(ALICE.name, (("+x", "1"),))),
    "topic": lambda version: changes_group(version, TOPIC),
    "topics": lambda version: changes_group(version, TOPIC, TOPIC),
    "conflict": lambda version: changes_group(version + 9, TOPIC),
    "server": lambda _: on_server(ServerKicked(BOB.name, ALICE.name)),
    "group": new_group,
    "talk": new_talk,
    "unstorable": lambda _: entry(2, Message(ALICE.name, SafeText("\ud800"))),
}


def test_every_moved_head_is_found(one: SqlStore, two: SqlStore) -> None:
    """After batches of every kind of decision; a refused one moves no head."""
    register(one, ALICE, BOB)
    for id in GROUPS:
        create(one, id)
    commit(one, Decision(AT, writes=[OpenDirect(TALK, PARTIES, ())]), say(2, "a"))

    @settings(
        deadline=None,
        max_examples=examples(40),
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(st.lists(st.lists(st.sampled_from(list(KINDS)), min_size=1, max_size=4), max_size=3))
    @example([[kind] for kind in KINDS])
    @example([["message", "unstorable"], ["topic", "message"], ["conflict", "key"]])
    def check(batches: list[list[str]]) -> None:
        take_numbers(one, 1024)  # later transactions are in another step
        since, _ = two.nodes.changes(None)
        before = two.nodes.heads(range(SERVER, 2000))
        for batch in batches:
            version = two.state([2])[0][2].version
            one.commit([KINDS[kind](version) for kind in batch])
        after = two.nodes.heads(range(SERVER, 2000))
        moved = {id: head for id, head in after.items() if before.get(id) != head}
        _, changed = two.nodes.changes(since)
        found = {each.id: each.head for each in changed}
        assert moved.items() <= found.items()
        assert set(found) <= set(moved) | set(after) - set(before)
        talk = [each for each in changed if each.id == TALK]
        assert talk in ([], [ChangedHead(TALK, after[TALK], PARTIES)])

    check()
