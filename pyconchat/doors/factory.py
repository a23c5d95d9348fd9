"""ChatFactory: what the line doors of one server share, and the look after them all."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

from twisted.cred.portal import Portal
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import Factory
from twisted.internet.task import Cooperator, LoopingCall
from twisted.logger import Logger

from pyconchat.auth.rate_limits import ConnectionLimits, network_of
from pyconchat.chat.chat import Chat
from pyconchat.domain.decisions import MoveCursor
from pyconchat.doors.detector import ProtocolDetector
from pyconchat.doors.door import Door
from pyconchat.doors.transfer.door import TransferDoor

__all__ = ["ChatFactory"]

INTERVAL = 1.0
"""Seconds between two looks at every connection."""

AT_ONCE = 200
"""Connections that are looked at in one turn of the reactor."""


QUIET = 60.0
"""Seconds between two lines of the log about the same cause."""


class ChatFactory(Factory):
    """Makes the line doors of *chat*; each connection begins at a `ProtocolDetector`.

    *most* returns how many connections there may be: the descriptors that are left are for the
    database and for files.
    """

    noisy = False

    _log = Logger(namespace="pyconchat")

    def __init__(
        self,
        chat: Chat,
        portal: Portal,
        reactor: IReactorTime,
        most: Callable[[], int] = lambda: sys.maxsize,
    ) -> None:
        self.chat = chat
        self.portal = portal
        self.reactor = reactor
        self.now = reactor.seconds
        self.limits = chat.config.limits
        self.rate_limited = self.limits.messages_per_second > 0
        self.soft_limit: float = self.limits.unsent_soft_bytes or float("inf")
        self.connections = ConnectionLimits(self.limits)
        self._most = most
        self.doors: dict[Door | ProtocolDetector | TransferDoor, None] = {}
        self._waiting: list[Deferred[None]] = []
        self._logged: dict[str, float] = {}  # when each cause to turn somebody away was logged last
        chat.statistics.gauge("connections", lambda: self.connections.open)
        chat.statistics.gauge("strangers", lambda: self.connections.strangers)
        chat.statistics.gauge("unsent", self._unsent)
        self._rounds = LoopingCall(self._round)
        self._rounds.clock = reactor

    def buildProtocol(self, addr: IAddress | None) -> ProtocolDetector | None:
        if self.connections.open >= self._most():
            self.turned_away("descriptors")
            return None  # closed at once, with a descriptor more for no longer than that
        return ProtocolDetector(self, network_of(getattr(addr, "host", "local")))

    def start(self) -> None:
        """Begin to look after the connections."""
        self._rounds.start(INTERVAL, now=False)

    def stop(self) -> None:
        """Look after them no longer."""
        if self._rounds.running:
            self._rounds.stop()

    def replace(
        self, before: Door | ProtocolDetector | TransferDoor, door: Door | TransferDoor
    ) -> None:
        """Look after *door* from now on, which has the connection of *before*."""
        del self.doors[before]
        self.doors[door] = None

    def forget(self, door: Door | ProtocolDetector | TransferDoor) -> None:
        """*door*'s connection is gone."""
        del self.doors[door]
        if not self.doors:
            waiting, self._waiting = self._waiting, []
            for deferred in waiting:
                deferred.callback(None)

    def turned_away(self, cause: str) -> None:
        """Count a connection that was not let in because of *cause*, and log it now and then."""
        self.chat.statistics.turned_away[cause] += 1
        now = self.now()
        if now - self._logged.get(cause, -QUIET) >= QUIET:
            self._logged[cause] = now
            self._log.warn("turning connections away: {cause}", cause=cause)

    def when_empty(self) -> Deferred[None]:
        """Fire when no connection is left."""
        if not self.doors:
            return succeed(None)
        empty: Deferred[None] = Deferred()
        self._waiting.append(empty)
        return empty

    def hang_up(self) -> None:
        """End all connections, those of people who have not logged in too."""
        for door in list(self.doors):
            door.hang_up()

    def _unsent(self) -> int:
        return sum(door.unsent for door in self.doors if isinstance(door, Door))

    def _round(self) -> Any:
        """Look at every connection, in pieces, so that many do not hold up the others."""
        cooperator = Cooperator(
            scheduler=lambda call: self.reactor.callLater(0, call),
            terminationPredicateFactory=lambda: lambda: True,
        )
        return cooperator.coiterate(self._pieces())

    def _pieces(self) -> Iterator[None]:
        doors = list(self.doors)
        for first in range(0, len(doors), AT_ONCE):
            now = self.now()
            received: list[MoveCursor] = []
            for door in doors[first : first + AT_ONCE]:
                if door in self.doors:
                    received += door.look_after(now)
            self.chat.move_cursors(received)
            yield
