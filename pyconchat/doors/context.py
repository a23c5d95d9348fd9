"""DoorContext: what every door of a server is handed."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.cred.portal import Portal
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from pyconchat.auth.rate_limits import RecentCounts
from pyconchat.chat.statistics import Statistics
from pyconchat.commands.services import Services
from pyconchat.commands.status_line import StatusLines
from pyconchat.config import LimitsConfig
from pyconchat.doors.connection_limits import ConnectionLimits
from pyconchat.doors.input_budget import InputTurns
from pyconchat.doors.open_doors import OpenDoors

__all__ = ["DoorContext", "RefusedConnections"]

LOG_SECONDS = 60.0
"""Minimum seconds between two log lines about the same cause and address."""

MAX_LINES = 10
"""Maximum lines about one cause in `LOG_SECONDS`."""


class RefusedConnections:
    """Counts refused connections by cause, and logs them.

    An attacker must not fill the disk: each address is logged at most once a minute for the same
    cause, and each cause at most `MAX_LINES` times.
    """

    _log = Logger(namespace="pyconchat")

    def __init__(self, statistics: Statistics) -> None:
        self._statistics = statistics
        self._addresses = RecentCounts(1, LOG_SECONDS)  # by cause and address
        self._causes = RecentCounts(MAX_LINES, LOG_SECONDS)

    def note(self, cause: str, address: str, now: float) -> None:
        """Count one from *address* that was refused because of *cause*, at *now* (seconds)."""
        self._statistics.turned_away[cause] += 1
        self.log(cause, address, now)

    def log(self, cause: str, address: str, now: float) -> None:
        """Log one from *address* that was refused because of *cause*, at *now* (seconds)."""
        key = f"{cause} {address}"
        if self._addresses.wait(key, now) > 0 or self._causes.wait(cause, now) > 0:
            return
        self._addresses.note(key, now)
        self._causes.note(cause, now)
        self._log.warn("connection refused: from {address} ({cause})", address=address, cause=cause)


@dataclass(frozen=True)
class DoorContext:
    """The parts of the server that doors use."""

    services: Services
    portal: Portal
    reactor: IReactorTime
    limits: LimitsConfig
    connection_limits: ConnectionLimits
    refused: RefusedConnections
    open_doors: OpenDoors
    input_turns: InputTurns
    status_lines: StatusLines

    def now(self) -> float:
        """Return seconds of the reactor's clock."""
        return self.reactor.seconds()

    @property
    def max_unread(self) -> float:
        """Return the bytes a peer may leave unread before no more commands are taken from it."""
        return self.limits.unsent_soft_bytes or float("inf")
