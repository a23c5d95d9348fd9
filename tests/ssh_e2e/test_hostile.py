"""Hostile clients at a real server: dropped in time, with little memory, and no harm to others."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from twisted.conch.ssh.common import NS

from tests.support.programs import Program
from tests.support.servers import Server
from tests.support.ssh import PASSWORD, registers
from tests.support.ssh_sockets import SocketSsh
from tests.support.ssh_wire import CHANNEL_REQUEST, GLOBAL_REQUEST, OPEN

LIMITS = """
[limits]
connections_per_ip = 0
connections_per_ip_10min = 0
login_attempts_per_minute = 0
messages_per_second = 0
login_seconds = 3
ping_seconds = 2
silence_seconds = 4
"""

pytestmark = pytest.mark.server(ssh=True, scope="module", limits=LIMITS, toml='new_groups = "open"')

MAX_LATENCY = 2.0
"""Maximum seconds for an answer to somebody else; usually 0.02 on an idle machine."""

MAX_GROWTH = 64 * 2**20
"""Maximum bytes by which the server may grow; what is measured is a tenth."""


@pytest.fixture
def other(server: Server) -> Iterator[Program]:
    """Somebody else, who is not to notice anything."""
    program = Program(server.port)
    program.logs_in("other", PASSWORD)
    yield program
    program.close()


@pytest.fixture(autouse=True)
def unharmed(server: Server) -> Iterator[None]:
    """The server has no traceback, and has not grown."""
    with server.is_unharmed(MAX_GROWTH):
        yield


def answers_quickly(program: Program) -> bool:
    """Return whether a command is answered in time."""
    start = time.monotonic()
    program.does("/who")
    return time.monotonic() - start < MAX_LATENCY


def test_silent_and_half_open(server: Server, other: Program) -> None:
    """A hundred that say nothing, or half of a version or a packet, are gone after the deadline."""
    openings = [b"", b"SSH-2.0-", b"SSH-2.0-x\r\n", b"SSH-2.0-x\r\n" + struct.pack(">LB", 300, 4)]
    with ExitStack() as stack:
        sockets = [
            stack.enter_context(socket.create_connection(("127.0.0.1", server.ssh_port), 30))
            for _ in range(100)
        ]
        for number, each in enumerate(sockets):
            each.sendall(openings[number % len(openings)])
        assert answers_quickly(other)
        until = time.monotonic() + 20
        for each in sockets:
            while each.recv(65536):
                assert time.monotonic() < until


@pytest.mark.parametrize("opening", [b"", b"SSH-2.0-x\r\n"])
def test_nonsense(server: Server, other: Program, opening: bytes) -> None:
    """Two hundred that send random bytes are cut at once."""
    for number in range(200):
        with socket.create_connection(("127.0.0.1", server.ssh_port), 30) as each:
            each.sendall(opening + bytes((number * 7 + at * 13) % 256 for at in range(300)))
            try:
                while each.recv(65536):
                    pass
            except ConnectionResetError:
                pass
    assert answers_quickly(other)
    assert len([line for line in server.whole_log().splitlines() if "refused" in line]) <= 10


def test_channels(server: Server, other: Program) -> None:
    """Of three hundred channels, four are opened."""
    registers(server, "many")
    with SocketSsh(server.ssh_port).logs_in("many") as client:
        for number in range(300):
            client.ssh.sendPacket(
                OPEN, NS(b"session") + struct.pack(">3L", number, 2**32 - 1, 32768)
            )
        client.waits_until(lambda: len(client.ssh.packets) >= 300)
        assert [number for number, _ in client.ssh.packets].count(91) == 4
        assert answers_quickly(other)


def test_a_flood_of_packets(server: Server, other: Program) -> None:
    """It is read slowly; whoever reads no answers is not read at all."""
    registers(server, "flood")
    with SocketSsh(server.ssh_port, small=True).logs_in("flood") as client:
        until = time.monotonic() + 2
        while time.monotonic() < until:
            for _ in range(200):
                client.ssh.sendPacket(GLOBAL_REQUEST, NS(b"x@y") + b"\1")
            client.writes()
            assert answers_quickly(other)
            if len(client._out.value()) > 1_000_000:
                break


def test_key_exchanges(server: Server, other: Program) -> None:
    """A second one within ten seconds ends the connection."""
    registers(server, "keys")
    with SocketSsh(server.ssh_port).logs_in("keys") as client:
        for _ in range(2):
            client.ssh.sendKexInit()
            before = client.ssh.exchanges
            client.waits_until(lambda before=before: client.ssh.exchanges > before)
        assert client.gone
    assert answers_quickly(other)


def test_a_window_that_is_huge_and_not_read(server: Server, other: Program) -> None:
    """What is said meanwhile does not pile up, and the connection ends."""
    registers(server, "deaf", "noise")
    with SocketSsh(server.ssh_port, small=True).logs_in("deaf") as client:
        client.sends(OPEN, NS(b"session") + struct.pack(">3L", 0, 2**32 - 1, 32768))
        _, payload = client.waits_for(91)
        channel = payload[4:8]
        client.sends(CHANNEL_REQUEST, channel + NS(b"exec") + b"\0" + NS(b"chat noise"))
        client.pump(1)
        other.does("/join noise")
        for _ in range(1000):
            other.requests(group="noise", text="x" * 4000)
        until = time.monotonic() + 40
        while "dropped deaf" not in server.log() and time.monotonic() < until:
            other.does("/who")
            time.sleep(0.2)
        assert "dropped deaf" in server.log()


def test_silence_after_the_login(server: Server, other: Program) -> None:
    """Whoever gives no sign of life is dropped."""
    registers(server, "mute")
    with SocketSsh(server.ssh_port).logs_in("mute") as client:
        assert client.is_cut(20)
    assert answers_quickly(other)
