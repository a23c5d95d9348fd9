"""MidnightTimer: detects that the local day has changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from twisted.internet.interfaces import IReactorTime

__all__ = ["MidnightTimer"]

MAX_WAIT = 60.0
"""Maximum seconds between two calls: the machine may sleep, or its clock may be set."""


class MidnightTimer:
    """Calls *called* just after each local midnight, and at least every minute before.

    *wall_clock* returns the time in seconds since the epoch, as `time.time` does.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        wall_clock: Callable[[], float],
        called: Callable[[], None],
    ) -> None:
        self._reactor = reactor
        self._wall_clock = wall_clock
        self._called = called

    def start(self) -> None:
        """Begin to wait."""
        self._reactor.callLater(self._seconds(), self._call)

    def _call(self) -> None:
        self._called()
        self.start()

    def _seconds(self) -> float:
        now = datetime.fromtimestamp(self._wall_clock())
        tomorrow = datetime.combine(now.date() + timedelta(days=1), datetime.min.time())
        return min((tomorrow - now).total_seconds() + 0.1, MAX_WAIT)
