"""OpenDoors: all open connections of a server, and the regular check of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Cooperator, LoopingCall
from twisted.logger import Logger

from pyconchat.domain.decisions import MoveCursor
from pyconchat.doors.interfaces import IDoor
from pyconchat.net.waiters import Waiters

__all__ = ["OpenDoors"]

CHECK_SECONDS = 1.0
"""Seconds between two checks of a connection."""

MAX_CHECKS_PER_TURN = 200
"""Maximum connections that are checked in one turn of the reactor."""


class OpenDoors:
    """The doors that have a connection.

    *move_cursors* stores what their peers have received; *wake_readers* wakes those that may have
    received something since its last call.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: IReactorTime,
        move_cursors: Callable[[list[MoveCursor]], None],
        wake_readers: Callable[[], None],
    ) -> None:
        self._reactor = reactor
        self._move_cursors = move_cursors
        self._wake_readers = wake_readers
        self._doors: dict[IDoor, None] = {}
        self._empty = Waiters()
        self._checks = LoopingCall(self._check_all)
        self._checks.clock = reactor

    def __len__(self) -> int:
        """Return the count of open doors."""
        return len(self._doors)

    def __iter__(self) -> Iterator[IDoor]:
        """Yield the open doors."""
        return iter(list(self._doors))

    def start(self) -> None:
        """Start the regular checks."""
        self._checks.start(CHECK_SECONDS, now=False)

    def stop(self) -> None:
        """Stop the regular checks."""
        if self._checks.running:
            self._checks.stop()

    def add(self, door: IDoor) -> None:
        """Add *door*."""
        self._doors[door] = None

    def replace(self, previous: IDoor, door: IDoor) -> None:
        """Add *door*, which has taken over the connection of *previous*."""
        self._doors.pop(previous, None)
        self._doors[door] = None

    def remove(self, door: IDoor) -> None:
        """Remove *door*, whose connection is closed."""
        self._doors.pop(door, None)
        if not self._doors:
            self._empty.fire()

    def when_empty(self) -> Deferred[None]:
        """Fire when no connection is left; at once if there is none."""
        return self._empty.wait(not self._doors)

    def shut_down(self) -> None:
        """Close all connections, those without a login included."""
        for door in self:
            try:
                door.shut_down()
            except Exception:
                self._log.failure("a connection could not be closed")

    @property
    def unsent(self) -> int:
        """Return the bytes that the peers' kernels have not taken."""
        return sum(door.unsent for door in self._doors)

    def _check_all(self) -> Any:
        """Check all connections that do not rest, with turns of the reactor between pieces."""
        cooperator = Cooperator(
            scheduler=lambda call: self._reactor.callLater(0, call),
            terminationPredicateFactory=lambda: lambda: True,
        )
        return cooperator.coiterate(self._check_in_pieces())

    def _check_in_pieces(self) -> Iterator[None]:
        self._wake_readers()
        started = self._reactor.seconds()
        # Most connections of a large server are idle.
        doors = [door for door in self._doors if door.rests_until <= started]
        for first in range(0, len(doors), MAX_CHECKS_PER_TURN):
            now = self._reactor.seconds()
            received: list[MoveCursor] = []
            for door in doors[first : first + MAX_CHECKS_PER_TURN]:
                if door in self._doors:
                    received += door.check(now)
            self._move_cursors(received)
            yield
