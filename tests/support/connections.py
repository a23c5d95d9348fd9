"""Connections to a door in memory, with a transport and a clock that tests control."""

from __future__ import annotations

import re
from collections.abc import Callable

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransportWithDisconnection

from pyconchat.doors.detector import GREETING_DELAY, ProtocolDetector
from pyconchat.doors.factory import ChatFactory

__all__ = ["Connect", "OpenDoor", "TestConnection", "Wire", "group_of_two"]

IAC_NOP = b"\xff\xf1"

NEGOTIATION = re.compile(rb"\xff(?:[\xfb-\xfe].|\xf9)", re.DOTALL)

Connect = Callable[..., "TestConnection"]
OpenDoor = Callable[..., Connect]


class Wire(StringTransportWithDisconnection):
    """A transport whose peer reads *room* bytes; then it is full until the test calls `reads`."""

    def __init__(self) -> None:
        super().__init__()
        self.room = float("inf")

    def write(self, data: bytes) -> None:
        super().write(data)
        self.room -= len(data)
        if self.room <= 0:
            self.producer.pauseProducing()

    def stops_reading(self) -> None:
        """Take one more block into the buffer, and then be full."""
        self.room = 1

    def reads(self, size: float = float("inf")) -> None:
        """Read about *size* bytes more."""
        self.room = size
        self.producer.resumeProducing()

    @property
    def aborted(self) -> bool:
        """Return whether the connection was aborted, with or without unsent output."""
        return bool(self.disconnected)

    @property
    def closed(self) -> bool:
        """Return whether the connection was closed in an orderly way."""
        return not self.connected and not self.aborted

    @property
    def paused(self) -> bool:
        """Return whether the server does not read from the peer at present."""
        return bool(self.producerState == "paused")


class TestConnection:
    """A connection to a line door.

    *newline* is CRLF for a telnet client, which shows that it is one by a command (IAC NOP) before
    the first line; *silent* is true of one that sends no telnet command, as `nc -C`.
    """

    __test__ = False  # pytest would take it for a class of tests

    def __init__(
        self,
        factory: ChatFactory,
        clock: Clock,
        newline: str = "\n",
        host: str = "192.0.2.1",
        silent: bool = False,
    ) -> None:
        self._opening = IAC_NOP if newline == "\r\n" and not silent else b""
        self.factory = factory
        self.clock = clock
        kind = IPv6Address if ":" in host else IPv4Address
        self.wire = Wire()
        self.wire.peerAddr = kind("TCP", host, 50_000)
        self.door: ProtocolDetector = factory.buildProtocol(self.wire.peerAddr)
        self.wire.protocol = self.door
        self._newline = newline
        self.everything = b""
        self.door.makeConnection(self.wire)
        self.tick()

    def logs_in(self, name: str, password: str = "") -> TestConnection:
        """Answer the questions of the login, up to the front desk."""
        answers = [name, password]
        if password and self._newline == "\r\n":
            answers.append(password)
        self.types(*answers, "")
        seen = self.sees()
        if "You are at the front desk." not in seen:
            self.waits(1)  # all connections share a budget of work, which other logins have used
            seen += self.sees()
        assert "You are at the front desk." in seen
        return self

    def types(self, *lines: str) -> TestConnection:
        """Type *lines*, each in a packet of its own."""
        for line in lines:
            self.sends((line + self._newline).encode())
        return self

    def sends(self, data: bytes) -> TestConnection:
        """Send *data* in one packet."""
        opening, self._opening = self._opening, b""
        self.door.dataReceived(opening + data)
        self.tick()
        return self

    def sees(self) -> str:
        """Return the new text on the screen, without telnet commands.

        A peer that has not sent anything is greeted first.
        """
        if self.door.door is None:
            self.clock.advance(GREETING_DELAY)
        self.tick()
        return NEGOTIATION.sub(b"", self.receives()).decode()

    def receives(self) -> bytes:
        """Return the bytes that arrived since the last call."""
        data: bytes = self.wire.value()
        self.wire.clear()
        self.everything += data
        return data

    def ends_input(self) -> None:
        """End the input, and continue to read."""
        self.door.readConnectionLost()
        self.tick()

    def waits(self, seconds: float) -> None:
        """Let time pass in steps of a second, so that all timers fire at their time."""
        for _ in range(int(seconds)):
            self.clock.advance(1)
        self.clock.advance(seconds - int(seconds))
        self.tick()

    def tick(self) -> None:
        """Let the lines that were typed be stored and delivered."""
        for _ in range(4):
            self.clock.advance(0)


def group_of_two(connect: Connect, newline: str = "\n") -> tuple[TestConnection, TestConnection]:
    """Return alice, who posts, and bob, whose lines end in *newline*, both in tea."""
    alice, bob = connect().logs_in("alice"), connect(newline).logs_in("bob")
    alice.types("/create tea open")
    bob.types("/join tea")
    alice.sees()
    bob.sees()
    return alice, bob
