"""Channels: how many, of which kind, and how much they may have in memory."""

from __future__ import annotations

import re
import struct

import pytest
from twisted.conch.ssh.common import NS

from pyconchat.doors.ssh.data_channel import WINDOW
from tests.support.ssh_wire import (
    ADJUST,
    CHANNEL_REQUEST,
    CLOSE,
    DATA,
    EXTENDED,
    GLOBAL_REQUEST,
    PASSWORD,
    ServerOf,
    SshClient,
    SshServer,
)

PROHIBITED, UNKNOWN, SHORTAGE = 1, 3, 4
"""Reasons of RFC 4254, 5.1."""


def test_four_channels(alice: SshClient) -> None:
    """A fifth is refused, until one of them is closed."""
    channels = [alice.opens() for _ in range(4)]
    assert None not in channels
    assert alice.opens() is None
    assert alice.why == SHORTAGE
    assert channels[0] is not None
    alice.closes(channels[0])
    assert alice.opens() is not None


def test_sessions_of_a_network(server_of: ServerOf) -> None:
    """Each session counts, also those of one connection."""
    server = server_of({"sessions_per_ip": 2})
    server.registers("alice")
    alice = SshClient(server).logs_in("alice")
    first = alice.runs()
    alice.runs()
    assert alice.opens() is None
    assert alice.why == SHORTAGE
    refused = SshClient(server)
    refused.tick(3)
    assert b"too many connections from your address" in refused.received
    alice.types(first, "", "/quit")
    alice.status()
    alice.closes(first)
    assert alice.opens() is not None
    alice.wire.loseConnection()
    server.waits(3)
    assert not SshClient(server).begins().gone


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (b"direct-tcpip", PROHIBITED),
        (b"direct-streamlocal@openssh.com", PROHIBITED),
        (b"x11", PROHIBITED),
        (b"auth-agent@openssh.com", PROHIBITED),
        (b"tun@openssh.com", PROHIBITED),
        (b"shell", UNKNOWN),
        (b"", UNKNOWN),
    ],
)
def test_only_sessions(alice: SshClient, kind: bytes, reason: int) -> None:
    """Forwardings are prohibited, and anything else is unknown."""
    assert alice.opens(kind) is None
    assert alice.why == reason


@pytest.mark.parametrize("name", [b"tcpip-forward", b"streamlocal-forward@openssh.com", b"x"])
def test_global_requests_are_refused(alice: SshClient, name: bytes) -> None:
    """No port is opened for anybody."""
    alice.sends(GLOBAL_REQUEST, NS(name) + b"\1" + NS(b"127.0.0.1") + struct.pack(">L", 0))
    assert alice.gets(81, 82) == b""
    assert alice.number == 82


@pytest.mark.parametrize("request_", [b"x11-req", b"auth-agent-req@openssh.com", b"break", b"?"])
def test_requests_of_channels_that_are_refused(alice: SshClient, request_: bytes) -> None:
    """Neither X11 nor an agent."""
    channel = alice.opens()
    assert channel is not None
    alice.asks(channel, request_, b"\0" * 20, reply=True)
    alice.gets(99, 100)
    assert alice.number == 100


def test_variables(alice: SshClient) -> None:
    """Those for times, colours and languages are taken."""
    channel = alice.opens()
    assert channel is not None
    taken = []
    for name in (b"TZ", b"LANG", b"LC_ALL", b"NO_COLOR", b"PATH", b"LD_PRELOAD", b"LC_", b"\xff"):
        alice.asks(channel, b"env", NS(name) + NS(b"x"), reply=True)
        alice.gets(99, 100)
        taken.append(alice.number == 99)
    assert taken == [True] * 4 + [False] * 4


def test_a_second_shell_is_refused(alice: SshClient) -> None:
    """A channel has one session."""
    channel = alice.runs()
    alice.asks(channel, b"shell", reply=True)
    alice.gets(99, 100)
    assert alice.number == 100


def test_more_than_the_window(alice: SshClient) -> None:
    """The connection is cut. What is not for the standard input is dropped, and not counted."""
    channel = alice.opens()
    piece = NS(b"x" * 32_768)
    for _ in range(5):
        alice.sends(EXTENDED, struct.pack(">2L", channel or 0, 1) + piece)
    assert not alice.gone
    for _ in range(3):
        alice.sends(DATA, struct.pack(">L", channel) + piece)
    assert alice.gone


def test_the_window_opens_when_lines_are_taken(server_of: ServerOf) -> None:
    """A client that sends faster than messages may be sent fills one window, and no more."""
    server = server_of({"messages_per_second": 5, "message_burst": 1}, new_groups="open")
    server.registers("alice")
    alice = SshClient(server).logs_in("alice")
    channel = alice.runs("chat tea")
    assert "You are in tea" in alice.sees(3)
    alice.ssh.packets.clear()
    sent = 0
    while sent + 8000 <= WINDOW:
        alice.sends(DATA, struct.pack(">L", channel) + NS(b"x" * 99 + b"\n" + b"y" * 7900))
        sent += 8004
    given = [each for each in alice.ssh.packets if each[0] == ADJUST]
    assert len(given) <= 1
    assert not alice.gone


def test_a_window_that_never_opens(ssh: SshServer) -> None:
    """What the client does not take is bounded, and then it is dropped; others read on."""
    alice = SshClient(ssh).logs_in("alice")
    alice.runs(window=0)
    bob = SshClient(ssh, host="192.0.2.9").logs_in("bob")
    bob.runs()
    bob.sees()
    speaker = ssh.at_nc("carol", PASSWORD)
    unsent = 0
    for _ in range(40):
        speaker.types(*(f"/msg {name} {'x' * 3000}" for name in ("alice", "bob") for _ in "1234"))
        ssh.waits(1)
        unsent = max(unsent, ssh.lines.open_doors.unsent)
        bob.tick()
    assert alice.wire.connected is False or not alice.ssh.packets
    assert unsent < 1_100_000
    assert bob.sees().count("x" * 3000) == 160
    assert ssh.dropped("stuck") + ssh.dropped("overfull") == 1


@pytest.mark.parametrize("full", ["window", "transport"])
def test_a_terminal_that_falls_behind(ssh: SshServer, full: str) -> None:
    """It gets everything later, once and in order, and then each message at once again."""
    alice, bob = SshClient(ssh).logs_in("alice"), ssh.at_nc("bob", PASSWORD)
    bob.types("/create tea open")
    channel = alice.runs("chat tea", 2000 if full == "window" else 2**21, term="xterm")
    alice.sees(2)
    bob.types("before")
    assert "before" in alice.sees()
    if full == "transport":
        alice.wire.stops_reading()
    numbers = list(range(100, 160))
    for number in numbers:
        bob.types(f"number {number} {'x' * 40}")
        alice.tick()
    shown = alice.sees(0)
    assert "number 159" not in shown
    if full == "window":
        alice.sends(ADJUST, struct.pack(">2L", channel, 2**20))
    else:
        alice.wire.reads()
    shown += alice.sees(2)
    assert [int(each) for each in re.findall(r"number (\d+)", shown)] == numbers
    bob.types("after")
    assert "after" in alice.sees()


def test_huge_windows(ssh: SshServer) -> None:
    """A client that says that it takes 4 GiB, and reads nothing, has little in memory, too."""
    alice = SshClient(ssh).logs_in("alice")
    alice.runs(window=2**32 - 1)
    alice.sees()
    alice.wire.stops_reading()
    speaker = ssh.at_nc("carol", PASSWORD)
    for _ in range(20):
        speaker.types(*(f"/msg alice {'x' * 3000}" for _ in range(8)))
        assert len(alice.wire.value()) < 200_000
        ssh.waits(1)
    ssh.waits(31)
    assert alice.gone


@pytest.mark.parametrize("before", [[], [b"env"], [b"pty-req"], [b"env", b"pty-req"]])
def test_the_end_of_input_before_a_session(alice: SshClient, before: list[bytes]) -> None:
    """It ends the channel, with an exit status."""
    channel = alice.opens()
    assert channel is not None
    for each in before:
        size = struct.pack(">4L", 0, 0, 0, 0)
        rest = NS(b"LANG") + NS(b"C") if each == b"env" else NS(b"xterm") + size + NS(b"")
        alice.asks(channel, each, rest)
    alice.ends_input(channel)
    assert alice.status() == 0
    alice.gets(CLOSE)


@pytest.mark.parametrize("term", ["", "xterm"])
def test_the_end_of_input_of_a_session(alice: SshClient, term: str) -> None:
    """It ends the session, too, with the status 0."""
    channel = alice.runs(term=term)
    alice.sees()
    alice.ends_input(channel)
    assert alice.status() == 0


@pytest.mark.parametrize("size", [(0, 0), (1, 1), (2**32 - 1, 2**32 - 1), (5, 0)])
def test_sizes_of_terminals(alice: SshClient, size: tuple[int, int]) -> None:
    """Any is taken, at the start and later."""
    channel = alice.runs(term="xterm")
    for _ in range(2):
        alice.asks(channel, b"window-change", struct.pack(">4L", *size, 0, 0))
    alice.types(channel, "\r")
    assert "front desk" in alice.sees()


def test_small_packets_are_refused(alice: SshClient) -> None:
    """A maximum of a few bytes would make a message hundreds of packets."""
    assert alice.opens(most=1) is None
    assert alice.why == PROHIBITED


def test_channels_end_alone(alice: SshClient) -> None:
    """The others of the connection go on."""
    first, second = alice.runs(), alice.runs()
    alice.sees()
    alice.types(first, "", "/quit")
    assert alice.status() == 0
    alice.closes(first)
    alice.types(second, "", "/who")
    assert "Online: 1" in alice.sees()
    assert not alice.gone


@pytest.mark.parametrize("request_shell", [False, True])
def test_channels_without_a_door_when_the_server_stops(
    ssh: SshServer, alice: SshClient, request_shell: bool
) -> None:
    """They are closed, and so is the connection; a door that has not begun never does."""
    channel = alice.opens()
    assert channel is not None
    if request_shell:
        head = struct.pack(">L", channel) + NS(b"shell") + b"\0"
        alice.ssh.sendPacket(CHANNEL_REQUEST, head)
        alice.door.dataReceived(alice.out.value())
        alice.out.clear()
    ssh.lines.open_doors.shut_down()
    ssh.waits(3)
    assert alice.gone
    assert len(ssh.lines.open_doors) == 0
