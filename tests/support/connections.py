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

NEGOTIATION = re.compile(rb"\xff[\xfb-\xfe].", re.DOTALL)

Connect = Callable[..., "TestConnection"]
OpenDoor = Callable[..., Connect]


class Wire(StringTransportWithDisconnection):
    """A connection to a peer that reads at most *room* bytes before it is told to read more."""

    def __init__(self) -> None:
        super().__init__()
        self.room = float("inf")

    def write(self, data: bytes) -> None:
        super().write(data)
        self.room -= len(data)
        if self.room <= 0:
            self.producer.pauseProducing()

    def stops_reading(self) -> None:
        """Take what comes next into the buffer, and nothing after it."""
        self.room = 1

    def reads(self, size: float = float("inf")) -> None:
        """Read about *size* bytes more."""
        self.room = size
        self.producer.resumeProducing()

    @property
    def aborted(self) -> bool:
        """Return whether the connection was cut, whatever waited to be sent."""
        return bool(self.disconnected)

    @property
    def closed(self) -> bool:
        """Return whether the connection was ended in an orderly way."""
        return not self.connected and not self.aborted

    @property
    def paused(self) -> bool:
        """Return whether nothing is read from the peer for now."""
        return bool(self.producerState == "paused")


class TestConnection:
    """Somebody connected to a line door. *newline* is CRLF for one at telnet."""

    __test__ = False  # not a class of tests, whatever its name says to pytest

    def __init__(
        self, factory: ChatFactory, clock: Clock, newline: str = "\n", host: str = "192.0.2.1"
    ) -> None:
        self.factory = factory
        self.clock = clock
        self.wire = Wire()
        kind = IPv6Address if ":" in host else IPv4Address
        self.door: ProtocolDetector = factory.buildProtocol(kind("TCP", host, 50_000))
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
        assert "You are at the front desk." in self.sees()
        return self

    def types(self, *lines: str) -> TestConnection:
        """Type *lines*, each in a packet of its own."""
        for line in lines:
            self.sends((line + self._newline).encode())
        return self

    def sends(self, data: bytes) -> TestConnection:
        """Send *data* in one packet."""
        self.door.dataReceived(data)
        self.tick()
        return self

    def sees(self) -> str:
        """Return what came to the screen since the last look: telnet's commands do not.

        Who looks without having typed is greeted first.
        """
        if self.door.door is None:
            self.clock.advance(GREETING_DELAY)
        self.tick()
        return NEGOTIATION.sub(b"", self.receives()).decode()

    def receives(self) -> bytes:
        """Return the bytes that came since the last look."""
        data: bytes = self.wire.value()
        self.wire.clear()
        self.everything += data
        return data

    def ends_input(self) -> None:
        """Say nothing more, but go on reading."""
        self.door.readConnectionLost()
        self.tick()

    def waits(self, seconds: float) -> None:
        """Let time pass, in steps, so that everything that is due happens when it is due."""
        for _ in range(int(seconds)):
            self.clock.advance(1)
        self.clock.advance(seconds - int(seconds))
        self.tick()

    def tick(self) -> None:
        """Let what was typed be stored and shown."""
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
