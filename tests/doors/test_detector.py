"""The doorstep: which door a connection goes to, and what it gets there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.task import Clock

from pyconchat.config import Config, LimitsConfig
from pyconchat.doors.detector import GREETING_DELAY, ProtocolDetector
from pyconchat.doors.json.door import JsonDoor
from pyconchat.doors.line.door import LineDoor
from pyconchat.store import SqlStore
from tests.support.programs import House, WiredProgram, line_of, pieces

HELLO = line_of(hello=1, name="alice", password="password a")
GREETING = b"* Welcome to PyconChat.\nUsername: "


@pytest.fixture
def house(store: SqlStore, clock: Clock) -> Iterator[House]:
    """A server in memory, without limits on rates."""
    house = House(store, clock)
    yield house
    house.closes()


@pytest.fixture
def stranger(house: House) -> WiredProgram:
    """Somebody connected, of whom nothing is known yet."""
    return house.stranger()


def is_logged_in(program: WiredProgram) -> bool:
    """Return whether the hello was answered, and requests are."""
    program.sees("live")
    return bool(program.does()["ok"])


def test_nobody_is_greeted_at_once(stranger: WiredProgram) -> None:
    """Who connects may speak first for a tenth of a second."""
    stranger.waits(GREETING_DELAY * 0.9)
    assert stranger.received == b""


def test_who_is_silent_is_greeted(stranger: WiredProgram) -> None:
    """After a tenth of a second, once."""
    stranger.waits(GREETING_DELAY)
    assert stranger.received == GREETING
    stranger.waits(5)
    assert stranger.received == GREETING


def test_a_brace_is_not_greeted(stranger: WiredProgram) -> None:
    """What begins with it gets JSON and nothing else."""
    stranger.sends(HELLO)
    assert stranger.received.startswith(b'{"hello":1,"ok":true')
    stranger.waits(5)
    assert b"Welcome" not in stranger.received
    assert is_logged_in(stranger)


def test_a_brace_alone_is_not_greeted(stranger: WiredProgram) -> None:
    """The first byte is enough, however late the others are."""
    stranger.sends(b"{")
    stranger.waits(5)
    assert stranger.received == b""
    stranger.sends(HELLO[1:])
    assert is_logged_in(stranger)


@pytest.mark.parametrize("space", [b" ", b"\n", b"\r\n", b"\t \n"])
def test_white_space_may_precede_the_brace(stranger: WiredProgram, space: bytes) -> None:
    """In the same packet."""
    stranger.sends(space + HELLO)
    assert b"Welcome" not in stranger.received
    stranger.finds(lambda each: each.get("type") == "live", 0)
    assert stranger.does()["ok"]


@pytest.mark.parametrize("data", [b"alice\n", b"[]\n", b'"{"\n', b"\xff\xfb\x01", b"\n"])
def test_everything_else_is_a_person(stranger: WiredProgram, data: bytes) -> None:
    """And is greeted at once, because it spoke first."""
    stranger.caller.door.dataReceived(data)
    assert isinstance(stranger.caller.door.door, LineDoor)


def test_a_hello_byte_by_byte(stranger: WiredProgram) -> None:
    """However slowly it comes, within the time for the login."""
    for piece in pieces(HELLO):
        stranger.caller.sends(piece)
        stranger.waits(0.2)
    assert is_logged_in(stranger)


def test_a_slow_program_gets_the_greeting_and_a_line_end(stranger: WiredProgram) -> None:
    """What precedes the first line that begins with a brace is skipped; then all is as always."""
    stranger.waits(3)
    stranger.sends(HELLO)
    greeting, _, rest = stranger.received.partition(b"{")
    assert greeting == GREETING + b"\n"
    assert rest.startswith(b'"hello":1,"ok":true')
    assert is_logged_in(stranger)


def test_a_slow_program_byte_by_byte(stranger: WiredProgram) -> None:
    """The first byte decides here too."""
    stranger.waits(3)
    for piece in pieces(HELLO):
        stranger.caller.sends(piece)
    assert is_logged_in(stranger)
    assert stranger.received.startswith(GREETING + b"\n{")


def test_a_person_who_has_spoken_is_no_program_any_more(stranger: WiredProgram) -> None:
    """A brace in the second line is what a person typed."""
    stranger.waits(3)
    stranger.sends(b"alice\n")
    stranger.sends(b"{}\n")
    assert b"{" not in stranger.received
    assert isinstance(stranger.caller.door.door, LineDoor)


def test_a_slow_program_is_counted_once(house: House) -> None:
    """Nothing remains of the door that it was first given."""
    for _ in range(3):
        slow = house.stranger()
        slow.waits(3)
        slow.sends(HELLO)
        assert is_logged_in(slow)
        slow.cut()
    assert len(house.factory.open_doors) == 0
    assert house.factory.connection_limits.unauthenticated == 0
    assert house.factory.connection_limits.open == 0


def test_a_slow_program_has_time_to_log_in(stranger: WiredProgram) -> None:
    """The time of the person for whom it was taken does not end its own connection."""
    stranger.waits(59)
    stranger.sends(HELLO)
    assert is_logged_in(stranger)
    stranger.waits(30)
    assert stranger.does()["ok"]


def test_a_slow_program_is_held_to_the_time_to_log_in(stranger: WiredProgram) -> None:
    """Who never says hello is told so and cut off."""
    stranger.waits(3)
    stranger.sends(b"{")
    stranger.waits(61)
    assert stranger.sees("end")["why"] == "late"
    assert stranger.is_cut_off()


@pytest.mark.parametrize("slow", [False, True])
def test_who_says_nothing_and_ends_the_input_is_let_go(stranger: WiredProgram, slow: bool) -> None:
    """As a person who does so."""
    if slow:
        stranger.waits(3)
    stranger.shuts_down_writing()
    assert stranger.is_cut_off()
    assert stranger.wire.closed


@pytest.mark.parametrize("when", ["at once", "greeted", "after a brace"])
def test_who_goes_away_is_forgotten(house: House, stranger: WiredProgram, when: str) -> None:
    """Before or after it is known who it is."""
    if when == "greeted":
        stranger.waits(3)
    if when == "after a brace":
        stranger.sends(b"{")
    stranger.cut()
    assert len(house.factory.open_doors) == 0
    assert house.factory.connection_limits.unauthenticated == 0
    assert not [call for call in house.clock.getDelayedCalls() if call.getTime() > 5]


@pytest.mark.parametrize("when", ["at once", "greeted", "after a brace"])
def test_the_server_stops_while_somebody_stands_there(
    house: House, stranger: WiredProgram, when: str
) -> None:
    """The connection is ended, and the server has not to wait for it."""
    if when == "greeted":
        stranger.waits(3)
    if when == "after a brace":
        stranger.sends(b"{")
    house.factory.open_doors.shut_down()
    assert stranger.is_cut_off()


def test_a_connection_too_many_is_told_so(store: SqlStore, clock: Clock) -> None:
    """At once, in words, and it is closed; what it says is not looked at."""
    house = House(store, clock, Config(limits=LimitsConfig(connections_per_ip=1)))
    house.program("alice")
    second = house.stranger()
    second.sends(HELLO)
    assert b"too many connections" in second.received
    assert second.is_cut_off()
    assert second.objects == []
    house.closes()


def test_it_waits_for_the_handshake_of_tls(stranger: WiredProgram) -> None:
    """It listens for the handshake; that is where the tenth of a second begins."""
    assert IHandshakeListener.providedBy(stranger.caller.door)
    assert isinstance(stranger.caller.door, ProtocolDetector)
    stranger.sends(HELLO)
    assert isinstance(stranger.caller.door.door, JsonDoor)
