"""Connections on which nothing happens are checked seldom, and nothing is noticed late by that."""

from __future__ import annotations

import pytest

from pyconchat.domain.decisions import MoveCursor
from pyconchat.doors.door import MAX_REST, MAX_STALL
from pyconchat.doors.line.door import LineDoor
from tests.support.connections import Connect, OpenDoor, TestConnection

LONG = 3 * MAX_REST


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[LineDoor]:
    """Collect the doors that are checked."""
    doors: list[LineDoor] = []
    check = LineDoor.check

    def note(door: LineDoor, now: float) -> list[MoveCursor]:
        doors.append(door)
        return check(door, now)

    monkeypatch.setattr(LineDoor, "check", note)
    return doors


def resting_pair(connect: Connect) -> tuple[TestConnection, TestConnection]:
    """Return alice and bob, both registered and in tea, after a long silence."""
    alice = connect().logs_in("alice", "password a")
    bob = connect().logs_in("bob", "password b")
    alice.types("/create tea open")
    bob.types("/join tea")
    bob.waits(LONG)
    return alice, bob


def test_they_are_checked_seldom(connect: Connect, checked: list[LineDoor]) -> None:
    """Once in MAX_REST seconds; after something has happened, about once a second again."""
    _, bob = resting_pair(connect)
    door = bob.door.door
    checked.clear()
    bob.waits(6 * MAX_REST)
    assert 4 <= checked.count(door) <= 7  # type: ignore[arg-type]
    checked.clear()
    bob.types("hello")
    bob.waits(1)
    assert checked.count(door) >= 1  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "line",
    ["hello", "bob: hello", "/me waves", "/msg bob hello", "/topic Tea", "/kick bob"],
)
def test_what_one_receives_is_recorded_soon(connect: Connect, line: str) -> None:
    """The next login begins after it, even if the server is killed two seconds later."""
    alice, bob = resting_pair(connect)
    bob.receives()
    alice.types(line)
    bob.waits(2)
    assert bob.receives(), "it has arrived"
    assert bob.door.door.session.subscriptions.receipts() == []  # type: ignore[union-attr]


def test_one_that_stops_reading(connect: Connect) -> None:
    """It has as long as others before it is dropped."""
    alice, bob = resting_pair(connect)
    bob.wire.stops_reading()
    alice.types("hello", "and", "more")
    bob.waits(MAX_STALL - 1)
    assert bob.wire.connected
    bob.waits(3)
    assert bob.wire.aborted


def test_silence_is_noticed_in_time(open_door: OpenDoor) -> None:
    """A telnet client is asked for a sign of life, and dropped, at the second."""
    connect = open_door(ping_seconds=25, silence_seconds=47)
    bob = connect("\r\n").logs_in("bob")
    bob.receives()
    bob.waits(23)
    assert bob.receives() == b""
    bob.waits(3)
    assert bob.receives(), "a ping"
    bob.waits(19)
    assert bob.wire.connected
    bob.waits(4)
    assert bob.wire.aborted
