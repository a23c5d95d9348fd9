"""Read markers: messages shown on one device of an account count as read on all."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.programs import MemoryServer, WiredProgram


@pytest.fixture
def bob(server: MemoryServer, alice: WiredProgram) -> WiredProgram:
    """A program of bob in alice's group tea, with read markers."""
    bob = server.program("bob", "password b", reads=True)
    bob.does("/join tea")
    return bob


def unread(bob: WiredProgram) -> tuple[int, int]:
    """Return how many entries of tea, and mentions, no device has shown."""
    [tea] = bob.does("/groups")["groups"]
    return tea["unread"], tea["mentions"]


def texts(program: WiredProgram) -> list[str]:
    """Return the texts that *program* has received."""
    return [each["text"] for each in program.entries if each["type"] == "message"]


def test_what_was_received_is_unread_until_it_is_shown(
    server: MemoryServer, alice: WiredProgram, bob: WiredProgram
) -> None:
    """The marker moves forward only, and is kept."""
    seqs = [alice.does(group="tea", text=text)["seq"] for text in ("one", "bob", "bob")]
    bob.does(group="tea", read=seqs[0] - 1)
    assert unread(bob) == (3, 2)
    assert bob.does(group="tea", read=seqs[1])["ok"]
    assert bob.does(group="tea", read=seqs[0])["ok"]
    assert unread(bob) == (1, 1)
    bob.cut()
    again = server.program("bob", "password b", reads=True, since={"tea": seqs[2]})
    [tea] = again.hello["groups"]
    assert (tea["unread"], tea["mentions"]) == (1, 1)


def test_other_devices_are_told(
    server: MemoryServer, alice: WiredProgram, bob: WiredProgram
) -> None:
    """Once, when the marker has moved; a program without ``reads`` gets no event."""
    other = server.program("bob", "password b", reads=True)
    simple = server.program("bob", "password b")
    seq = alice.does(group="tea", text="one")["seq"]
    bob.does(group="tea", read=seq)
    assert other.sees("read") == {"type": "read", "group": "tea", "seq": seq}
    bob.does(group="tea", read=seq)
    simple.receives()
    other.receives()
    assert [each["type"] for each in other.events].count("read") == 1
    assert "read" not in [each["type"] for each in (*bob.events, *simple.events)]
    assert unread(other) == (0, 0)


def test_what_a_person_is_shown_is_read(
    server: MemoryServer, alice: WiredProgram, bob: WiredProgram
) -> None:
    """As soon as it is delivered; waiting messages of a muted group are not."""
    person = server.person("bob", "password b")
    person.types("/mute tea")
    alice.does(group="tea", text="one, bob")
    alice.does(group="tea", text="two")
    person.waits(2)
    assert unread(bob)[1] == 1
    person.types("/join tea").waits(2)
    assert unread(bob) == (0, 0)
    assert bob.sees("read")["group"] == "tea"


def test_a_muted_group_shows_only_what_no_device_has_shown(
    server: MemoryServer, alice: WiredProgram, bob: WiredProgram
) -> None:
    """Messages read at the client are not shown again at nc."""
    person = server.person("bob", "password b")
    person.types("/mute tea")
    seq = alice.does(group="tea", text="one")["seq"]
    alice.does(group="tea", text="two")
    bob.does(group="tea", read=seq)
    person.sees()
    shown = person.types("/join tea").sees()
    assert "alice: two" in shown
    assert "alice: one" not in shown


@pytest.mark.parametrize("program", [True, False])
def test_what_was_received_and_not_shown_is_delivered_again(
    server: MemoryServer, alice: WiredProgram, bob: WiredProgram, program: bool
) -> None:
    """To a person, and private messages to a program with markers; to other programs nothing."""
    seqs = [alice.does(group="tea", text=text)["seq"] for text in ("one", "two")]
    alice.does("/msg bob psst")
    bob.receives()
    bob.does(group="tea", read=seqs[0])
    assert texts(server.program("bob", "password b")) == []
    if program:
        again = server.program("bob", "password b", reads=True)
        assert texts(again) == ["psst"]
    else:
        shown = server.person("bob", "password b").everything.decode()
        assert "alice (in tea): two" in shown
        assert "alice (private): psst" in shown
        assert "alice (in tea): one" not in shown


def test_private_conversations_have_markers(
    server: MemoryServer, alice: WiredProgram, bob: WiredProgram
) -> None:
    """Named by the other person."""
    other = server.program("bob", "password b", reads=True)
    seq = alice.does("/msg bob hi")["seq"]
    bob.receives()
    assert bob.does(read=seq, **{"with": "alice"})["ok"]
    assert other.sees("read") == {"type": "read", "with": "alice", "seq": seq}


@pytest.mark.parametrize(
    "fields",
    [
        {"group": "tea", "read": 99},
        {"group": "tea", "read": -1},
        {"group": "tea", "read": "x"},
        {"read": 1},
        {"with": "carol", "read": 1},
    ],
)
def test_bad_markers_are_refused(bob: WiredProgram, fields: dict[str, Any]) -> None:
    """With the path of the field."""
    answer = bob.answer(bob.requests(**fields))
    assert (answer["code"], answer["path"]) == ("bad-field", "read")
