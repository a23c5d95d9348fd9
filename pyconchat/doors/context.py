"""DoorContext: what every door of a server is handed."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.cred.portal import Portal
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from pyconchat.chat.statistics import Statistics
from pyconchat.commands.services import Services
from pyconchat.config import LimitsConfig
from pyconchat.doors.connection_limits import ConnectionLimits
from pyconchat.doors.open_doors import OpenDoors

__all__ = ["DoorContext", "RefusedConnections"]

LOG_SECONDS = 60.0
"""Minimum seconds between two log lines about the same cause."""


class RefusedConnections:
    """Counts refused connections by cause, and logs each cause at most once a minute."""

    _log = Logger(namespace="pyconchat")

    def __init__(self, statistics: Statistics) -> None:
        self._statistics = statistics
        self._logged: dict[str, float] = {}

    def note(self, cause: str, now: float) -> None:
        """Count one that was refused because of *cause*, at *now* (seconds)."""
        self._statistics.turned_away[cause] += 1
        if now - self._logged.get(cause, -LOG_SECONDS) >= LOG_SECONDS:
            self._logged[cause] = now
            self._log.warn("turning connections away: {cause}", cause=cause)


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

    def now(self) -> float:
        """Return seconds of the reactor's clock."""
        return self.reactor.seconds()

    @property
    def max_unread(self) -> float:
        """Return the bytes a peer may leave unread before no more commands are taken from it."""
        return self.limits.unsent_soft_bytes or float("inf")
