"""ProtocolDetector: which door a connection gets, by its first bytes and their timing."""

from __future__ import annotations

import pytest
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.task import Clock

from pyconchat.config import Config, LimitsConfig
from pyconchat.doors.detector import GREETING_DELAY, ProtocolDetector
from pyconchat.doors.json.door import JsonDoor
from pyconchat.doors.line.door import LineDoor
from pyconchat.store import SqlStore
from tests.support.programs import MemoryServer, WiredProgram, line_of, pieces
from tests.support.turns import Turns

HELLO = line_of(hello=1, name="alice", password="password a")
GREETING = b"* Welcome to PyconChat.\nUsername: "


@pytest.fixture
def peer(server: MemoryServer) -> WiredProgram:
    """A connection that has not sent anything."""
    return server.connect_program()


def is_logged_in(program: WiredProgram) -> bool:
    """Return whether the hello and a request are answered."""
    program.sees("live")
    return bool(program.does()["ok"])


def test_there_is_no_greeting_at_once(peer: WiredProgram) -> None:
    """For a tenth of a second the server waits for the first bytes."""
    peer.waits(GREETING_DELAY * 0.9)
    assert peer.received == b""


def test_a_silent_peer_is_greeted(peer: WiredProgram) -> None:
    """The greeting is sent once, after a tenth of a second."""
    peer.waits(GREETING_DELAY)
    assert peer.received == GREETING
    peer.waits(5)
    assert peer.received == GREETING


def test_a_program_is_not_greeted(peer: WiredProgram) -> None:
    """A connection that begins with a brace receives JSON and nothing else."""
    peer.sends(HELLO)
    assert peer.received.startswith(b'{"hello":1,"ok":true')
    peer.waits(5)
    assert b"Welcome" not in peer.received
    assert is_logged_in(peer)


def test_a_brace_alone_is_not_greeted(peer: WiredProgram) -> None:
    """The first byte decides, however late the others arrive."""
    peer.sends(b"{")
    peer.waits(5)
    assert peer.received == b""
    peer.sends(HELLO[1:])
    assert is_logged_in(peer)


@pytest.mark.parametrize("greeted", [False, True])
def test_later_bytes_go_past_the_detector(
    peer: WiredProgram, greeted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The door gets them from the transport, and answers them."""
    if greeted:
        peer.waits(GREETING_DELAY)
    peer.sends(HELLO)
    monkeypatch.setattr(ProtocolDetector, "dataReceived", None)
    assert is_logged_in(peer)


@pytest.mark.parametrize("space", [b" ", b"\n", b"\r\n", b"\t \n"])
def test_white_space_may_precede_the_brace(peer: WiredProgram, space: bytes) -> None:
    """White space in the same packet is skipped."""
    peer.sends(space + HELLO)
    assert b"Welcome" not in peer.received
    peer.finds(lambda each: each.get("type") == "live", 0)
    assert peer.does()["ok"]


@pytest.mark.parametrize("data", [b"alice\n", b"[]\n", b'"{"\n', b"\xff\xfb\x01", b"\n"])
def test_anything_else_opens_the_line_door(peer: WiredProgram, data: bytes) -> None:
    """Bytes other than a brace come from a person."""
    peer.connection.door.dataReceived(data)
    assert isinstance(peer.connection.door.door, LineDoor)


def test_a_hello_byte_by_byte(peer: WiredProgram) -> None:
    """A hello may arrive slowly, within the time for the login."""
    for piece in pieces(HELLO):
        peer.connection.sends(piece)
        peer.waits(0.2)
    assert is_logged_in(peer)


def test_a_slow_program_is_greeted_first(peer: WiredProgram) -> None:
    """A program that was greeted as a person gets the end of that line, then JSON."""
    peer.waits(3)
    peer.sends(HELLO)
    greeting, _, rest = peer.received.partition(b"{")
    assert greeting == GREETING + b"\n"
    assert rest.startswith(b'"hello":1,"ok":true')
    assert is_logged_in(peer)


def test_a_slow_program_byte_by_byte(peer: WiredProgram) -> None:
    """The first byte decides here too."""
    peer.waits(3)
    for piece in pieces(HELLO):
        peer.connection.sends(piece)
    assert is_logged_in(peer)
    assert peer.received.startswith(GREETING + b"\n{")


def test_a_brace_in_a_second_line_is_text(peer: WiredProgram) -> None:
    """After its first line a person's connection cannot become a program's."""
    peer.waits(3)
    peer.sends(b"alice\n")
    peer.sends(b"{}\n")
    assert b"{" not in peer.received
    assert isinstance(peer.connection.door.door, LineDoor)


def test_a_slow_program_is_counted_once(server: MemoryServer) -> None:
    """The line door that it got first leaves nothing behind."""
    for _ in range(3):
        slow = server.connect_program()
        slow.waits(3)
        slow.sends(HELLO)
        assert is_logged_in(slow)
        slow.cut()
    assert len(server.factory.open_doors) == 0
    assert server.factory.connection_limits.unauthenticated == 0
    assert server.factory.connection_limits.open == 0


def test_a_slow_program_has_time_to_log_in(peer: WiredProgram) -> None:
    """The deadline of the line door does not end the JSON connection."""
    peer.waits(59)
    peer.sends(HELLO)
    assert is_logged_in(peer)
    peer.waits(30)
    assert peer.does()["ok"]


def test_a_slow_program_has_a_login_deadline(peer: WiredProgram) -> None:
    """Without a hello in time, the connection ends with the reason."""
    peer.waits(3)
    peer.sends(b"{")
    peer.waits(61)
    assert peer.sees("end")["why"] == "late"
    assert peer.is_disconnected()


@pytest.mark.parametrize("slow", [False, True])
def test_the_end_of_the_input_closes_a_silent_connection(peer: WiredProgram, slow: bool) -> None:
    """Before and after the greeting."""
    if slow:
        peer.waits(3)
    peer.shuts_down_writing()
    assert peer.is_disconnected()
    assert peer.wire.closed


@pytest.mark.parametrize("when", ["at once", "greeted", "after a brace"])
def test_a_disconnect_leaves_nothing_behind(
    server: MemoryServer, peer: WiredProgram, when: str
) -> None:
    """No door, no count and no timer remains, also before the protocol is detected."""
    if when == "greeted":
        peer.waits(3)
    if when == "after a brace":
        peer.sends(b"{")
    peer.cut()
    assert len(server.factory.open_doors) == 0
    assert server.factory.connection_limits.unauthenticated == 0
    assert not [call for call in server.clock.getDelayedCalls() if call.getTime() > 5]


@pytest.mark.parametrize("when", ["at once", "greeted", "after a brace"])
def test_a_shutdown_closes_undetected_connections(
    server: MemoryServer, peer: WiredProgram, when: str
) -> None:
    """The server does not have to wait for them."""
    if when == "greeted":
        peer.waits(3)
    if when == "after a brace":
        peer.sends(b"{")
    server.factory.open_doors.shut_down()
    assert peer.is_disconnected()


def test_a_refused_connection(store: SqlStore, clock: Clock) -> None:
    """It gets one line, is closed, and its input is discarded."""
    server = MemoryServer(store, clock, Config(limits=LimitsConfig(connections_per_ip=1)))
    server.connect_program()
    second = server.connect_program()
    second.sends(HELLO)
    assert b"too many connections" in second.received
    assert second.is_disconnected()
    assert second.objects == []
    server.stop()


def test_detection_starts_after_the_tls_handshake(peer: WiredProgram) -> None:
    """The detector listens for the handshake; the tenth of a second starts there."""
    assert IHandshakeListener.providedBy(peer.connection.door)
    assert isinstance(peer.connection.door, ProtocolDetector)
    peer.sends(HELLO)
    assert isinstance(peer.connection.door.door, JsonDoor)


def test_a_hello_that_has_arrived_is_read_before_a_greeting(store: SqlStore) -> None:
    """On a busy machine the timer fires before the reactor reads: the greeting is a turn later."""
    turns = Turns()
    server = MemoryServer(store, turns)
    peer = server.connect_program()
    turns.advance(GREETING_DELAY)
    peer.connection.door.dataReceived(HELLO)
    for _ in range(10):
        turns.advance(0)
    assert b'"hello":1' in peer.connection.receives()
    assert b"Welcome" not in peer.connection.everything
    server.stop()
