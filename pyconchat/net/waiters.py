"""Waiters: Deferreds that fire together when something becomes true."""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed

__all__ = ["Waiters"]


class Waiters:
    """Deferreds that wait for one condition."""

    def __init__(self) -> None:
        self._waiting: list[Deferred[None]] = []

    def wait(self, now: bool) -> Deferred[None]:
        """Return a Deferred that fires at the next `fire`; at once if *now*."""
        if now:
            return succeed(None)
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        return waiting

    def fire(self) -> None:
        """Fire all of them. Calls of `wait` during this call wait for the next one."""
        ready, self._waiting = self._waiting, []
        for deferred in ready:
            deferred.callback(None)
