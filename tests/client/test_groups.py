"""Rooms: which groups there are, who is there, what is unread, and where we are."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyconchat.client.groups import Rooms
from pyconchat.client.net.json_protocol import Object
from tests.client.fake_server import member_of, private, said
from tests.client.net.test_json_protocol import values
from tests.support.examples import examples


@pytest.fixture
def rooms() -> Rooms:
    """Rooms of alice, who is in tea and coffee, and nowhere now."""
    rooms = Rooms()
    rooms.said_hello({"name": "alice", "groups": member_of("tea", "coffee")})
    return rooms


def at(rooms: Rooms) -> str | None:
    return rooms.current.name if rooms.current is not None else None


def entered(group: str, number: int = 7) -> Object:
    return {"re": 1, "ok": True, "type": "entered", "group": group, "number": number, "topic": "x"}


def event(kind: str, name: str = "alice", group: str = "tea", **fields: Any) -> Object:
    return {"type": kind, "group": group, "seq": 1, "name": name, **fields}


def test_groups_of_the_hello(rooms: Rooms) -> None:
    """They are found by name, whatever its case, and by number."""
    assert [room.name for room in rooms.all()] == ["tea", "coffee"]
    assert rooms.get("TEA") is rooms.get("tea") is rooms.get("1")
    assert rooms.get("coffee") is rooms.get("2")
    assert at(rooms) is None


@pytest.mark.parametrize("name", ["milk", "", "9", "²", None, 1, [], {}])
def test_no_such_group(rooms: Rooms, name: Any) -> None:
    """What is no group's name finds none."""
    assert rooms.get(name) is None


def test_a_second_hello_keeps_what_is_known(rooms: Rooms) -> None:
    """After a cut we are where we were, with what was unread, unless the group is gone."""
    rooms.enter(rooms.get("tea"))
    rooms.happened(said(1, "hi", "coffee"))
    rooms.said_hello({"name": "alice", "groups": member_of("coffee", "tea", "milk")})
    assert at(rooms) == "tea"
    room = rooms.get("coffee")
    assert room is not None
    assert (room.unread, room.number) == (1, 1)
    rooms.said_hello({"name": "alice", "groups": member_of("coffee")})
    assert at(rooms) is None
    assert [each.name for each in rooms.all()] == ["coffee"]


def test_entering(rooms: Rooms) -> None:
    """The answer to joining makes the group the current one; it tells whether that is new."""
    assert rooms.answered(entered("milk"))
    assert at(rooms) == "milk"
    assert not rooms.answered(entered("milk"))
    assert rooms.get("7") is rooms.current
    assert rooms.answered({"ok": True, "type": "desk", "left": "milk"})
    assert at(rooms) is None
    assert rooms.get("milk") is not None


def test_what_is_unread(rooms: Rooms) -> None:
    """Messages elsewhere are counted; entering reads them."""
    rooms.enter(rooms.get("tea"))
    for each in (said(1, "a"), said(1, "b", "coffee"), said(2, "c", "coffee", type="action")):
        rooms.happened(each)
    assert [room.unread for room in rooms.all()] == [0, 2]
    rooms.enter(rooms.get("coffee"))
    assert [room.unread for room in rooms.all()] == [0, 0]


def test_the_next_with_something_unread(rooms: Rooms) -> None:
    """It is looked for from where we are, around; without any, it is the next group."""
    rooms.said_hello({"name": "alice", "groups": member_of("a", "b", "c", "d")})
    rooms.enter(rooms.get("b"))
    rooms.happened(said(1, "x", "a"))
    rooms.happened(said(1, "x", "d"))
    assert rooms.next_unread() is rooms.get("d")
    rooms.enter(rooms.get("d"))
    assert rooms.next_unread() is rooms.get("a")
    rooms.enter(rooms.get("a"))
    assert rooms.next_unread() is rooms.get("b")
    rooms.enter(rooms.get("d"))
    assert rooms.next_unread() is rooms.get("a")
    rooms.enter(None)
    assert rooms.next_unread() is rooms.get("a")


def test_the_next_of_none() -> None:
    """Without groups there is no next one."""
    assert Rooms().next_unread() is None


def test_who_is_there(rooms: Rooms) -> None:
    """Learned from the members, and kept by what happens."""
    room = rooms.get("tea")
    assert room is not None
    people = [{"name": "bob", "online": True}, {"name": "carol", "online": False}]
    rooms.answered({"ok": True, "type": "members", "group": "tea", "members": people})
    assert room.people == {"bob": True, "carol": False}
    assert room.online == 1
    rooms.answered(
        {"ok": True, "type": "members", "group": "tea", "members": people[:1], "online_only": True}
    )
    assert len(room.people) == 2
    rooms.happened({"type": "presence", "name": "carol", "online": True})
    rooms.happened({"type": "presence", "name": "bob", "online": False})
    rooms.happened({"type": "presence", "name": "stranger", "online": True})
    assert room.people == {"bob": False, "carol": True}
    rooms.happened(event("joined", "dave", via="open"))
    rooms.happened(event("left", "bob"))
    rooms.happened(event("kicked", "carol", by="alice"))
    assert room.people == {"dave": True}
    rooms.happened(event("banned", "nobody", by="alice"))
    assert room.people == {"dave": True}


@pytest.mark.parametrize("kind", ["left", "kicked", "banned", "closed"])
def test_out_of_a_group(rooms: Rooms, kind: str) -> None:
    """Who is put out of the current group is at the front desk; out of another, stays here."""
    rooms.enter(rooms.get("tea"))
    assert not rooms.happened(event(kind, "Alice", "coffee"))
    assert at(rooms) == "tea"
    assert rooms.happened(event(kind, "Alice", "tea"))
    assert at(rooms) is None
    assert rooms.all() == []


def test_let_in(rooms: Rooms) -> None:
    """Who waits at the front desk for a group enters it when let in; who is elsewhere stays."""
    rooms.answered({"ok": True, "type": "asked", "group": "milk", "admin": "bob"})
    assert rooms.happened(event("joined", "alice", "Milk", via="approval", by="bob"))
    assert at(rooms) == "Milk"
    rooms.answered({"ok": True, "type": "asked", "group": "wine", "admin": "bob"})
    assert not rooms.happened(event("joined", "alice", "wine", via="approval", by="bob"))
    assert at(rooms) == "Milk"
    assert rooms.get("wine") is not None


def test_who_went_elsewhere_meanwhile(rooms: Rooms) -> None:
    """Who asked, and then entered another group and left it, is not pulled away later."""
    rooms.answered({"ok": True, "type": "asked", "group": "milk", "admin": "bob"})
    rooms.answered(entered("tea"))
    rooms.answered({"ok": True, "type": "desk", "left": "tea"})
    assert not rooms.happened(event("joined", "alice", "milk", via="approval", by="bob"))
    assert at(rooms) is None


def test_topics(rooms: Rooms) -> None:
    """The topic is what it was changed to last."""
    room = rooms.get("tea")
    assert room is not None
    rooms.happened({"type": "topic", "group": "tea", "topic": "green", "by": "bob"})
    assert room.topic == "green"


def test_made_on_another_device(rooms: Rooms) -> None:
    """A group that we create is ours."""
    rooms.happened(event("created", "milk", "milk", by="Alice", number=3))
    assert rooms.get("milk") is not None
    rooms.happened(event("created", "wine", "wine", by="bob", number=4))
    assert rooms.get("wine") is None


def test_partners(rooms: Rooms) -> None:
    """Those with whom there was a private word, the last of them last."""
    for partner in ("bob", "carol", "bob"):
        rooms.happened(private(1, "hi", partner))
    assert list(rooms.partners) == ["carol", "bob"]


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
def test_nothing_raises(told: list[tuple[str, Object]]) -> None:
    """Whatever the server says: what we are in is among the rooms, and counts are counts."""
    rooms = Rooms()
    for kind, each in told:
        if kind == "hello":
            rooms.said_hello(each)
        rooms.answered({**each, "type": kind})
        rooms.happened({**each, "type": kind})
        assert rooms.current is None or rooms.current in rooms.all()
        for room in rooms.all():
            assert isinstance(room.name, str)
            assert isinstance(room.topic, str)
            assert room.unread >= 0
            assert 0 <= room.online <= len(room.people)
        rooms.next_unread()
