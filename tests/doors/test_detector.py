"""ProtocolDetector: which door a connection gets, by its first bytes and their timing."""

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
    """A server in memory without rate limits."""
    house = House(store, clock)
    yield house
    house.closes()


@pytest.fixture
def stranger(house: House) -> WiredProgram:
    """A connection that has not sent anything."""
    return house.stranger()


def is_logged_in(program: WiredProgram) -> bool:
    """Return whether the hello and a request are answered."""
    program.sees("live")
    return bool(program.does()["ok"])


def test_there_is_no_greeting_at_once(stranger: WiredProgram) -> None:
    """For a tenth of a second the server waits for the first bytes."""
    stranger.waits(GREETING_DELAY * 0.9)
    assert stranger.received == b""


def test_a_silent_peer_is_greeted(stranger: WiredProgram) -> None:
    """The greeting is sent once, after a tenth of a second."""
    stranger.waits(GREETING_DELAY)
    assert stranger.received == GREETING
    stranger.waits(5)
    assert stranger.received == GREETING


def test_a_program_is_not_greeted(stranger: WiredProgram) -> None:
    """A connection that begins with a brace receives JSON and nothing else."""
    stranger.sends(HELLO)
    assert stranger.received.startswith(b'{"hello":1,"ok":true')
    stranger.waits(5)
    assert b"Welcome" not in stranger.received
    assert is_logged_in(stranger)


def test_a_brace_alone_is_not_greeted(stranger: WiredProgram) -> None:
    """The first byte decides, however late the others arrive."""
    stranger.sends(b"{")
    stranger.waits(5)
    assert stranger.received == b""
    stranger.sends(HELLO[1:])
    assert is_logged_in(stranger)


@pytest.mark.parametrize("space", [b" ", b"\n", b"\r\n", b"\t \n"])
def test_white_space_may_precede_the_brace(stranger: WiredProgram, space: bytes) -> None:
    """White space in the same packet is skipped."""
    stranger.sends(space + HELLO)
    assert b"Welcome" not in stranger.received
    stranger.finds(lambda each: each.get("type") == "live", 0)
    assert stranger.does()["ok"]


@pytest.mark.parametrize("data", [b"alice\n", b"[]\n", b'"{"\n', b"\xff\xfb\x01", b"\n"])
def test_anything_else_opens_the_line_door(stranger: WiredProgram, data: bytes) -> None:
    """Bytes other than a brace come from a person."""
    stranger.caller.door.dataReceived(data)
    assert isinstance(stranger.caller.door.door, LineDoor)


def test_a_hello_byte_by_byte(stranger: WiredProgram) -> None:
    """A hello may arrive slowly, within the time for the login."""
    for piece in pieces(HELLO):
        stranger.caller.sends(piece)
        stranger.waits(0.2)
    assert is_logged_in(stranger)


def test_a_slow_program_is_greeted_first(stranger: WiredProgram) -> None:
    """A program that was greeted as a person gets the end of that line, then JSON."""
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


def test_a_brace_in_a_second_line_is_text(stranger: WiredProgram) -> None:
    """After its first line a person's connection cannot become a program's."""
    stranger.waits(3)
    stranger.sends(b"alice\n")
    stranger.sends(b"{}\n")
    assert b"{" not in stranger.received
    assert isinstance(stranger.caller.door.door, LineDoor)


def test_a_slow_program_is_counted_once(house: House) -> None:
    """The line door that it got first leaves nothing behind."""
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
    """The deadline of the line door does not end the JSON connection."""
    stranger.waits(59)
    stranger.sends(HELLO)
    assert is_logged_in(stranger)
    stranger.waits(30)
    assert stranger.does()["ok"]


def test_a_slow_program_has_a_login_deadline(stranger: WiredProgram) -> None:
    """Without a hello in time, the connection ends with the reason."""
    stranger.waits(3)
    stranger.sends(b"{")
    stranger.waits(61)
    assert stranger.sees("end")["why"] == "late"
    assert stranger.is_cut_off()


@pytest.mark.parametrize("slow", [False, True])
def test_the_end_of_the_input_closes_a_silent_connection(
    stranger: WiredProgram, slow: bool
) -> None:
    """Before and after the greeting."""
    if slow:
        stranger.waits(3)
    stranger.shuts_down_writing()
    assert stranger.is_cut_off()
    assert stranger.wire.closed


@pytest.mark.parametrize("when", ["at once", "greeted", "after a brace"])
def test_a_disconnect_leaves_nothing_behind(
    house: House, stranger: WiredProgram, when: str
) -> None:
    """No door, no count and no timer remains, also before the protocol is detected."""
    if when == "greeted":
        stranger.waits(3)
    if when == "after a brace":
        stranger.sends(b"{")
    stranger.cut()
    assert len(house.factory.open_doors) == 0
    assert house.factory.connection_limits.unauthenticated == 0
    assert not [call for call in house.clock.getDelayedCalls() if call.getTime() > 5]


@pytest.mark.parametrize("when", ["at once", "greeted", "after a brace"])
def test_a_shutdown_closes_undetected_connections(
    house: House, stranger: WiredProgram, when: str
) -> None:
    """The server does not have to wait for them."""
    if when == "greeted":
        stranger.waits(3)
    if when == "after a brace":
        stranger.sends(b"{")
    house.factory.open_doors.shut_down()
    assert stranger.is_cut_off()


def test_a_refused_connection(store: SqlStore, clock: Clock) -> None:
    """It gets one line, is closed, and its input is discarded."""
    house = House(store, clock, Config(limits=LimitsConfig(connections_per_ip=1)))
    house.program("alice")
    second = house.stranger()
    second.sends(HELLO)
    assert b"too many connections" in second.received
    assert second.is_cut_off()
    assert second.objects == []
    house.closes()


def test_detection_starts_after_the_tls_handshake(stranger: WiredProgram) -> None:
    """The detector listens for the handshake; the tenth of a second starts there."""
    assert IHandshakeListener.providedBy(stranger.caller.door)
    assert isinstance(stranger.caller.door, ProtocolDetector)
    stranger.sends(HELLO)
    assert isinstance(stranger.caller.door.door, JsonDoor)
