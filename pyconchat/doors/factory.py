"""ChatFactory: makes the protocol of each connection to a line port."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial

from twisted.cred.portal import Portal
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import Factory

from pyconchat.auth.rate_limits import LOCAL, network_of
from pyconchat.commands.services import Services
from pyconchat.commands.status_line import StatusLines
from pyconchat.doors.connection_limits import ConnectionLimits, CountedConnection
from pyconchat.doors.context import DoorContext, RefusedConnections
from pyconchat.doors.detector import DoorKind, ProtocolDetector
from pyconchat.doors.input_budget import InputTurns
from pyconchat.doors.irc.door import IrcDoor
from pyconchat.doors.irc.monitors import Monitors
from pyconchat.doors.json.door import JsonDoor, recognizes_json
from pyconchat.doors.line.door import LineDoor
from pyconchat.doors.open_doors import OpenDoors
from pyconchat.doors.transfer.door import TransferDoor, recognizes_transfer
from pyconchat.doors.wrong_protocol import (
    HttpRefusal,
    IrcRefusal,
    ProgramRefusal,
    SshRefusal,
    TlsRefusal,
    recognizes_http,
    recognizes_irc,
    recognizes_program,
    recognizes_ssh,
    recognizes_tls,
)
from pyconchat.net.connection import plain_address
from pyconchat.render.irc import IrcRenderer, IrcStyle

__all__ = ["ChatFactory", "IrcFactory"]


class ChatFactory(Factory):
    """Makes a `ProtocolDetector` for each connection to the server of *services*.

    *max_connections* returns the maximum count of connections: the other file descriptors are for
    the database and for files.
    """

    noisy = False

    def __init__(
        self,
        services: Services,
        portal: Portal,
        reactor: IReactorTime,
        max_connections: Callable[[], int] = lambda: sys.maxsize,
    ) -> None:
        self.services = services
        limits = services.config.limits
        statistics = services.statistics
        self.open_doors = OpenDoors(
            reactor, services.registry.move_cursors, services.chat.wake_readers
        )
        self.connection_limits = ConnectionLimits(limits)
        self.context = DoorContext(
            services=services,
            portal=portal,
            reactor=reactor,
            limits=limits,
            connection_limits=self.connection_limits,
            refused=RefusedConnections(statistics),
            open_doors=self.open_doors,
            input_turns=InputTurns(reactor),
            status_lines=StatusLines(services),
        )
        self._max_connections = max_connections
        self._line = DoorKind(_anything, LineDoor)
        self._kinds = [
            DoorKind(recognizes_json, JsonDoor),
            DoorKind(recognizes_http, HttpRefusal, logs_in=False),
            DoorKind(recognizes_tls, TlsRefusal, logs_in=False),
            DoorKind(recognizes_irc, IrcRefusal, logs_in=False),
            DoorKind(recognizes_ssh, SshRefusal, logs_in=False),
        ]
        if services.files is not None:
            self._kinds.insert(0, DoorKind(recognizes_transfer, TransferDoor, logs_in=False))
        statistics.gauge("connections", lambda: self.connection_limits.open)
        statistics.gauge("strangers", lambda: self.connection_limits.unauthenticated)
        statistics.gauge("unsent", lambda: self.open_doors.unsent)

    def buildProtocol(self, addr: IAddress | None) -> ProtocolDetector | None:
        return self.build(addr, self._kinds, self._line)

    def build(
        self, addr: IAddress | None, kinds: Sequence[DoorKind], otherwise: DoorKind
    ) -> ProtocolDetector | None:
        """Return the protocol of a connection from *addr*, for one of *kinds* or *otherwise*.

        None if there is no room for another one.
        """
        counted = self.count(addr)
        if counted is None:
            return None
        return ProtocolDetector(self.context, counted, kinds, otherwise)

    def count(self, addr: IAddress | None) -> CountedConnection | None:
        """Return the count of a new connection from *addr*; None if there is no room for it."""
        if self.is_full():
            return None  # closed at once, so that its descriptor is free again
        host = getattr(addr, "host", LOCAL)
        return self.connection_limits.connection(
            network_of(host), plain_address(host), getattr(addr, "reached", None)
        )

    def is_full(self) -> bool:
        """Return whether there is no room for another connection; log it."""
        if self.connection_limits.open < self._max_connections():
            return False
        # One line a minute for all addresses: thousands may arrive while there is no room.
        self.context.refused.note("descriptors", "any address", self.context.now())
        return True


class IrcFactory(Factory):
    """Makes the protocol of each connection to an IRC port of the server of *chat*."""

    noisy = False

    def __init__(self, chat: ChatFactory) -> None:
        self._chat = chat
        self._kinds = [
            DoorKind(recognizes_http, partial(HttpRefusal, programs="IRC clients"), logs_in=False),
            DoorKind(recognizes_tls, TlsRefusal, logs_in=False),
            DoorKind(recognizes_program, ProgramRefusal, logs_in=False),
        ]
        refusal = IrcRenderer.of(IrcStyle()).refusal
        self.monitors = Monitors()
        chat.services.registry.watch_presence(self.monitors.changed)
        chat.services.registry.absences.watch(self.monitors.absence_changed)
        self._kind = DoorKind(_anything, partial(IrcDoor, monitors=self.monitors), refusal=refusal)

    def buildProtocol(self, addr: IAddress | None) -> ProtocolDetector | None:
        return self._chat.build(addr, self._kinds, self._kind)


def _anything(_opening: bytes) -> bool:
    """Recognize any input that no other door recognizes."""
    return True
