"""JSON mode: private conversations, named by ``with`` in place of ``group``."""

from __future__ import annotations

import pytest

from tests.support.programs import MemoryServer, WiredProgram, line_of


@pytest.fixture
def alice(server: MemoryServer) -> WiredProgram:
    """Alice's program; bob and carol have accounts."""
    for name in ("bob", "carol"):
        server.program(name, f"password of {name}").cut()
    return server.program("alice", "password a")


@pytest.fixture
def bob(server: MemoryServer, alice: WiredProgram) -> WiredProgram:
    """Bob's program."""
    return server.program("bob", "password of bob")


def test_messages(server: MemoryServer, alice: WiredProgram, bob: WiredProgram) -> None:
    """A text, a line and an action go to the person; a line that leaves is a command."""
    sent = {"type": "sent", "with": "bob", "online": True, "away": None}
    for seq, fields in enumerate([{"text": "/who"}, {"line": "hi"}, {"line": "//hi"}], 1):
        answer = alice.does(**{"with": "BOB"}, **fields)
        assert {key: answer[key] for key in sent} == sent
        assert answer["seq"] == seq
    assert alice.does("/me waves", **{"with": "bob"})["seq"] == 4
    for text in ("/who", "hi", "/hi"):
        assert bob.sees("message", text=text)["with"] == "alice"
    assert bob.sees("action", text="waves")["with"] == "alice"
    assert alice.sees("action", text="waves")["with"] == "bob"
    assert alice.does("leave", **{"with": "bob"})["type"] == "desk"


def test_messages_stay_in_order(server: MemoryServer, alice: WiredProgram) -> None:
    """Also the first ones, while the conversation is looked up, and to somebody offline."""
    alice.sends(b"".join(line_of(id=100 + n, text=f"{n}", **{"with": "bob"}) for n in range(1, 6)))
    for number in range(1, 6):
        answer = alice.answer(100 + number)
        assert (answer["seq"], answer["online"]) == (number, False)
    found = alice.does("/history", **{"with": "bob"})
    assert [each["text"] for each in found["entries"]] == ["1", "2", "3", "4", "5"]
    assert found["with"] == "bob"
    assert "group" not in found


def test_a_repeated_request_is_executed_once(
    server: MemoryServer, alice: WiredProgram, bob: WiredProgram
) -> None:
    """By its key, as one to a group."""
    first = alice.does(text="once", key="k", **{"with": "bob"})
    assert alice.does(text="once", key="k", **{"with": "bob"})["seq"] == first["seq"]
    assert alice.does("/me waves", key="m", **{"with": "bob"})["seq"] == 2
    assert alice.does("/me waves", key="m", **{"with": "bob"})["seq"] == 2
    assert len(alice.does("/history @bob")["entries"]) == 2


def test_reading_on_a_second_device(
    server: MemoryServer, alice: WiredProgram, bob: WiredProgram
) -> None:
    """Read messages can be read again; others cannot read them."""
    alice.does(text="the kettle", **{"with": "bob"})
    bob.sees("message", text="the kettle")
    phone = server.program("bob", "password of bob")
    for answer in (
        phone.does("/history @alice"),
        phone.does("/history", **{"with": "alice"}),
        phone.does("/search kettle", **{"with": "alice"}),
    ):
        assert [each["text"] for each in answer["entries"]] == ["the kettle"]
        assert answer["with"] == "alice"
    carol = server.program("carol", "password of carol")
    for name in ("alice", "bob"):
        assert carol.does(f"/history @{name}")["entries"] == []
        assert carol.does("/search kettle", **{"with": name})["entries"] == []


def test_refused_requests(server: MemoryServer, alice: WiredProgram) -> None:
    """An unknown person, oneself, no name, a group as well, and commands for groups only."""
    for fields, code in [
        ({"with": "nobody", "text": "hi"}, "no-such-name"),
        ({"with": "nobody", "line": "/history"}, "no-such-name"),
        ({"with": "alice", "text": "hi"}, "self"),
        ({"with": "a b", "text": "hi"}, "bad-name"),
        ({"with": "bob", "group": "tea", "text": "hi"}, "bad-field"),
        ({"with": 7, "text": "hi"}, "bad-field"),
        ({"with": "bob", "text": " "}, "bad-text"),
        ({"with": "bob", "line": "/members"}, "no-group"),
    ]:
        assert alice.asks(**fields)["code"] == code, fields


def test_query(server: MemoryServer, alice: WiredProgram, bob: WiredProgram) -> None:
    """The answer describes the person; a program's place is in each request."""
    bob.does("/away lunch")
    answer = alice.does("/query BOB")
    assert {key: answer[key] for key in ("with", "online", "guest", "away")} == {
        "with": "bob",
        "online": True,
        "guest": False,
        "away": "lunch",
    }
    assert alice.is_refused("hello") == "unknown-command"
