"""IRC clients at a door in memory."""

from __future__ import annotations

from typing import Any

from irctokens import Line, tokenise
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock

from pyconchat.chat.interfaces import IHasher, IThreads
from pyconchat.config import Config, IrcConfig, LimitsConfig
from pyconchat.doors.detector import ProtocolDetector
from pyconchat.doors.factory import ChatFactory, IrcFactory
from pyconchat.sessions.portal import login_portal
from pyconchat.store import SqlStore
from pyconchat.testing import make_chat, services_of
from tests.support.connections import TestConnection, Wire

__all__ = ["IrcServer", "IrcUser", "shown"]


class IrcServer:
    """A server in memory, with a line door and an IRC door."""

    def __init__(
        self,
        store: SqlStore,
        clock: Clock,
        limits: Any = None,
        hasher: IHasher | None = None,
        threads: IThreads | None = None,
        **settings: Any,
    ) -> None:
        config = Config(
            limits=LimitsConfig(**{"messages_per_second": 0, **(limits or {})}),
            irc=IrcConfig(name="irc.test"),
            **settings,
        )
        self.clock = clock
        self.chat = make_chat(store, clock, config, hasher, threads)
        self.services = services_of(self.chat)
        self.lines = ChatFactory(self.services, login_portal(self.services), clock)
        self.lines.open_doors.start()
        self.irc = IrcFactory(self.lines)

    def stop(self) -> None:
        """Stop the checks of the connections."""
        self.lines.open_doors.stop()

    def connects(self, *caps: str) -> IrcUser:
        """Return a connection that has sent nothing but a request for *caps*."""
        return IrcUser(self, caps)

    def enters(self, nick: str, *caps: str, password: str = "") -> IrcUser:
        """Return a client that has logged in as *nick*."""
        user = self.connects(*caps)
        if password:
            user.sends(f"PASS :{nick}:{password}")
        user.sends(f"NICK {nick}", f"USER {nick} 0 * :Real {nick}")
        if caps:
            user.sends("CAP END")
        user.waits(1)
        received = user.receives()
        assert any(each.command == "001" for each in received), received
        return user

    def at_nc(self, name: str, password: str = "") -> TestConnection:
        """Return somebody at nc, at the front desk."""
        return TestConnection(self.lines, self.clock).logs_in(name, password)


class IrcUser:
    """One client; `receives` returns the lines since the last call, as another parser has them."""

    def __init__(self, server: IrcServer, caps: tuple[str, ...]) -> None:
        self.clock = server.clock
        self.wire = Wire()
        self.wire.peerAddr = IPv4Address("TCP", "192.0.2.7", 50_000)
        door = server.irc.buildProtocol(self.wire.peerAddr)
        assert door is not None
        self.door: ProtocolDetector = door
        self.wire.protocol = door
        door.makeConnection(self.wire)
        self.raw = b""
        if caps:
            self.sends(f"CAP REQ :{' '.join(caps)}")

    def sends(self, *lines: str) -> None:
        """Send *lines*, and run everything that follows at once."""
        for each in lines:
            self.door.dataReceived(each.encode("utf-8", "surrogateescape") + b"\r\n")
            self.tick()

    def receives(self) -> list[Line]:
        """Return the lines that arrived since the last call."""
        self.tick()
        data: bytes = self.wire.value()
        self.wire.clear()
        self.raw = data
        lines = data.decode().split("\r\n")
        assert lines.pop() == "", "whole lines"
        return [tokenise(each) for each in lines]

    def gets(self, *lines: str) -> list[str]:
        """Send *lines*, and return the received lines, without tags and the text of numerics."""
        self.receives()
        self.sends(*lines)
        return [shown(each) for each in self.receives()]

    def sees(self) -> list[str]:
        """Return the received lines, as `gets`."""
        return [shown(each) for each in self.receives()]

    def leaves(self) -> None:
        """Lose the connection."""
        self.wire.loseConnection()
        self.tick()

    def waits(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)
        self.tick()

    def tick(self) -> None:
        """Let the sent lines be stored and delivered."""
        for _ in range(6):
            self.clock.advance(0)


def shown(line: Line) -> str:
    """Return *line* in short: source's nick, command, and parameters."""
    nick = (line.source or "").partition("!")[0]
    return " ".join([nick, line.command, *line.params]).strip()
