"""Groups: the joined groups, their members and unread messages, and the current group."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyconchat.client.groups import Groups
from pyconchat.client.joined_group import JoinedGroup
from pyconchat.client.net.json_protocol import Object
from tests.client.examples import values
from tests.client.fakes import groups_in_hello, message, private_message
from tests.support.examples import examples


@pytest.fixture
def groups() -> Groups:
    """The groups of alice, a member of tea and coffee; none is current."""
    groups = Groups()
    groups.logged_in({"name": "alice", "groups": groups_in_hello("tea", "coffee")})
    return groups


def current_name(groups: Groups) -> str | None:
    """Return the name of the current group."""
    return groups.current.name if groups.current is not None else None


def shown(groups: Groups, name: str, seq: int) -> JoinedGroup:
    """Record that the group *name* was shown up to *seq*, and return it."""
    group = groups.get(name)
    assert group is not None
    group.shown_upto(seq)
    return group


def entered(group: str, number: int = 7) -> Object:
    """Return the answer to joining *group*."""
    return {"re": 1, "ok": True, "type": "entered", "group": group, "number": number, "topic": "x"}


def event(kind: str, name: str = "alice", group: str = "tea", **fields: Any) -> Object:
    """Return an event in *group* that is about *name*."""
    return {"type": kind, "group": group, "seq": 1, "name": name, **fields}


def test_groups_of_the_hello(groups: Groups) -> None:
    """They are found by name, in upper and lower case, and by number."""
    assert [group.name for group in groups.all()] == ["tea", "coffee"]
    assert groups.get("TEA") is groups.get("tea") is groups.get("1")
    assert groups.get("coffee") is groups.get("2")
    assert current_name(groups) is None


@pytest.mark.parametrize("name", ["milk", "", "9", "²", None, 1, [], {}])
def test_no_such_group(groups: Groups, name: Any) -> None:
    """Anything else finds no group."""
    assert groups.get(name) is None


def test_a_second_hello(groups: Groups) -> None:
    """The current group and the unread messages are kept, unless the group has disappeared."""
    groups.enter(groups.get("tea"))
    groups.event_received(message(1, "hi", "coffee"))
    groups.logged_in({"name": "alice", "groups": groups_in_hello("coffee", "tea", "milk")})
    assert current_name(groups) == "tea"
    group = groups.get("coffee")
    assert group is not None
    assert (group.unread, group.number) == (1, 1)
    groups.logged_in({"name": "alice", "groups": groups_in_hello("coffee")})
    assert current_name(groups) is None
    assert [each.name for each in groups.all()] == ["coffee"]


def test_entering(groups: Groups) -> None:
    """The answer to joining makes the group current, and returns whether it was not."""
    assert groups.answer_received(entered("milk"))
    assert current_name(groups) == "milk"
    assert not groups.answer_received(entered("milk"))
    assert groups.get("7") is groups.current
    assert groups.answer_received({"ok": True, "type": "desk", "left": "milk"})
    assert current_name(groups) is None
    assert groups.get("milk") is not None


def test_unread_messages(groups: Groups) -> None:
    """What is new counts, without coming and going, until it was shown here or elsewhere."""
    groups.enter(groups.get("tea"))
    for each in (
        message(1, "a"),
        message(1, "b", "coffee"),
        message(2, "c", "coffee", type="action"),
        event("joined", "bob", "coffee", seq=3, via="open", by=None),
        event("topic", "", "coffee", seq=4, topic="x", by="bob"),
        message(5, "alice!", "coffee", mentions=["alice"]),
    ):
        groups.event_received(each)
    assert [(group.unread, group.mentions) for group in groups.all()] == [(1, 0), (4, 1)]
    groups.event_received({"type": "read", "group": "coffee", "seq": 4})
    assert [(group.unread, group.mentions) for group in groups.all()] == [(1, 0), (1, 1)]
    groups.event_received({"type": "read", "group": "coffee", "seq": 2})
    assert groups.all()[1].unread == 1
    groups.event_received({"type": "read", "group": "coffee", "seq": 5})
    assert [(group.unread, group.mentions) for group in groups.all()] == [(1, 0), (0, 0)]


def test_a_server_without_read_markers(groups: Groups) -> None:
    """Its numbers are of what was received, so those of this client are kept."""
    groups.event_received(message(5, "a", "coffee"))
    hello = groups_in_hello("coffee")[0] | {"head": 6, "unread": 1}
    groups.logged_in({"name": "alice", "groups": [hello]})
    groups.event_received(message(6, "b", "coffee"))
    assert [group.unread for group in groups.all()] == [2]
    groups.logged_in({"name": "alice", "groups": [hello | {"mentions": 0, "head": 6}]})
    assert [group.unread for group in groups.all()] == [1]


def test_the_next_unread_group(groups: Groups) -> None:
    """The search starts after the current group; without unread messages it is the next group."""
    groups.logged_in({"name": "alice", "groups": groups_in_hello("a", "b", "c", "d")})
    groups.enter(groups.get("b"))
    groups.event_received(message(1, "x", "a"))
    groups.event_received(message(1, "x", "d"))
    assert groups.next_unread() is groups.get("d")
    groups.enter(shown(groups, "d", 1))
    assert groups.next_unread() is groups.get("a")
    groups.enter(shown(groups, "a", 1))
    assert groups.next_unread() is groups.get("b")
    groups.event_received({"type": "muted", "group": "b", "muted": True})
    for name in ("b", "c"):
        groups.event_received(message(2, "x", name))
    assert groups.next_unread() is groups.get("c")
    assert groups.with_news() == [groups.get("c"), groups.get("b")]
    shown(groups, "c", 2)
    assert groups.next_unread() is groups.get("b")
    shown(groups, "b", 2)
    groups.enter(groups.get("d"))
    assert groups.next_unread() is groups.get("a")
    groups.enter(None)
    assert groups.next_unread() is groups.get("a")


def test_the_next_of_no_groups() -> None:
    """There is none."""
    assert Groups().next_unread() is None


def test_members(groups: Groups) -> None:
    """Learned from the list of members, and changed by events."""
    group = groups.get("tea")
    assert group is not None
    members = [{"name": "bob", "online": True}, {"name": "carol", "online": False}]
    groups.answer_received({"ok": True, "type": "members", "group": "tea", "members": members})
    assert group.members == {"bob": True, "carol": False}
    assert group.online == 1
    groups.answer_received(
        {"ok": True, "type": "members", "group": "tea", "members": members[:1], "online_only": True}
    )
    assert len(group.members) == 2
    groups.event_received({"type": "presence", "name": "carol", "online": True})
    groups.event_received({"type": "presence", "name": "bob", "online": False})
    groups.event_received({"type": "presence", "name": "stranger", "online": True})
    assert group.members == {"bob": False, "carol": True}
    groups.event_received(event("joined", "dave", via="open"))
    groups.event_received(event("left", "bob"))
    groups.event_received(event("kicked", "carol", by="alice"))
    assert group.members == {"dave": True}
    groups.event_received(event("banned", "nobody", by="alice"))
    assert group.members == {"dave": True}


@pytest.mark.parametrize("kind", ["left", "kicked", "banned", "closed"])
def test_leaving_a_group(groups: Groups, kind: str) -> None:
    """The current group is current no more; leaving another one changes nothing about it."""
    groups.enter(groups.get("tea"))
    assert not groups.event_received(event(kind, "Alice", "coffee"))
    assert current_name(groups) == "tea"
    assert groups.event_received(event(kind, "Alice", "tea"))
    assert current_name(groups) is None
    assert groups.all() == []


def test_being_approved(groups: Groups) -> None:
    """The group that was asked for at the front desk becomes current; any other does not."""
    groups.answer_received({"ok": True, "type": "asked", "group": "milk", "admin": "bob"})
    assert groups.event_received(event("joined", "alice", "Milk", via="approval", by="bob"))
    assert current_name(groups) == "Milk"
    groups.answer_received({"ok": True, "type": "asked", "group": "wine", "admin": "bob"})
    assert not groups.event_received(event("joined", "alice", "wine", via="approval", by="bob"))
    assert current_name(groups) == "Milk"
    assert groups.get("wine") is not None


def test_being_approved_too_late(groups: Groups) -> None:
    """After another group was entered and left, the approved group does not become current."""
    groups.answer_received({"ok": True, "type": "asked", "group": "milk", "admin": "bob"})
    groups.answer_received(entered("tea"))
    groups.answer_received({"ok": True, "type": "desk", "left": "tea"})
    assert not groups.event_received(event("joined", "alice", "milk", via="approval", by="bob"))
    assert current_name(groups) is None


def test_the_topic(groups: Groups) -> None:
    """It is what it was changed to last."""
    group = groups.get("tea")
    assert group is not None
    groups.event_received({"type": "topic", "group": "tea", "topic": "green", "by": "bob"})
    assert group.topic == "green"


def test_created_on_another_device(groups: Groups) -> None:
    """A group that the account has created is one of its groups."""
    groups.event_received(event("created", "milk", "milk", by="Alice", number=3))
    assert groups.get("milk") is not None
    groups.event_received(event("created", "wine", "wine", by="bob", number=4))
    assert groups.get("wine") is None


def test_partners(groups: Groups) -> None:
    """Those with whom private messages were exchanged, the last of them last."""
    for partner in ("bob", "carol", "bob"):
        groups.event_received(private_message(1, "hi", partner))
    assert list(groups.partners) == ["carol", "bob"]


KINDS = ["presence", "message", "action", "created", "joined", "left", "kicked", "closed", "topic"]
KINDS += ["entered", "desk", "asked", "members", "hello"]
fields = st.dictionaries(
    st.sampled_from(
        ["group", "name", "by", "from", "with", "online", "topic", "members", "groups", "number"]
    ),
    st.sampled_from(["tea", "alice", "bob", True, [{}], [{"group": "tea"}], [{"name": 1}]])
    | values,
)


@settings(max_examples=examples(50), deadline=None)
@given(st.lists(st.tuples(st.sampled_from(KINDS), fields), max_size=10))
def test_random_objects(received: list[tuple[str, Object]]) -> None:
    """The current group is always one of the groups, and the counts are valid."""
    groups = Groups()
    for kind, each in received:
        if kind == "hello":
            groups.logged_in(each)
        groups.answer_received({**each, "type": kind})
        groups.event_received({**each, "type": kind})
        assert groups.current is None or groups.current in groups.all()
        for group in groups.all():
            assert isinstance(group.name, str)
            assert isinstance(group.topic, str)
            assert group.unread >= 0
            assert 0 <= group.online <= len(group.members)
        groups.next_unread()


# Private conversations.


def talking(partner: str, online: bool = True) -> Object:
    """Return the answer to /query *partner*."""
    return {"re": 1, "ok": True, "type": "query", "with": partner, "online": online}


def test_a_private_conversation_is_a_place(groups: Groups) -> None:
    """Entering a group or going to the desk leaves it; events of groups do not."""
    assert groups.at_desk
    assert (groups.place, groups.place_name) == ({}, "")
    groups.enter(groups.get("tea"))
    assert (groups.place, groups.place_name) == ({"group": "tea"}, "tea")
    assert groups.answer_received(talking("bob"))
    assert not groups.answer_received(talking("bob"))
    assert not groups.at_desk
    assert (groups.place, groups.place_name) == ({"with": "bob"}, "@bob")
    assert current_name(groups) is None
    for happened in (event("kicked"), event("joined"), event("closed", group="coffee")):
        assert not groups.event_received(happened)
    assert groups.place_name == "@bob"
    assert groups.answer_received({"ok": True, "type": "desk", "left": None})
    assert groups.at_desk
    groups.answer_received(talking("bob"))
    assert groups.answer_received(entered("tea"))
    assert groups.place_name == "tea"


def test_an_approval_does_not_end_it(groups: Groups) -> None:
    """The group that one had asked to join is not entered in the middle of it."""
    groups.answer_received({"ok": True, "type": "asked", "group": "milk"})
    groups.answer_received(talking("bob"))
    assert not groups.event_received(event("joined", group="milk"))
    groups.answer_received({"ok": True, "type": "asked", "group": "milk"})
    assert not groups.event_received(event("joined", group="milk"))
    assert groups.place_name == "@bob"


def test_news_of_the_partner(groups: Groups) -> None:
    """The partner's going offline is shown once, the away text whenever the server sends it."""
    groups.answer_received(talking("bob"))
    sent = {"type": "sent", "with": "bob", "online": True, "away": None}
    assert not groups.is_news(sent)
    assert groups.is_news(sent | {"away": "lunch"})
    assert groups.is_news(sent | {"online": False})
    assert not groups.is_news(sent | {"online": False})
    assert not groups.is_news(sent)
    assert groups.is_news(sent | {"online": False})
