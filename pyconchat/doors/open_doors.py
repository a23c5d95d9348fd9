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

    A door is either awake, and checked once a second, or rests until a time. *move_cursors* stores
    what the peers have received; *wake_readers* wakes those that may have received something since
    its last call.
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
        self._awake: dict[IDoor, None] = {}
        # The resting doors, by the second in which the rest ends: most connections of a large
        # server are idle, and a look at each of them would be most of the work.
        self._resting: dict[int, dict[IDoor, None]] = {}
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
        """Add *door*, which is awake."""
        self._doors[door] = self._awake[door] = None

    def replace(self, previous: IDoor, door: IDoor) -> None:
        """Add *door*, which has taken over the connection of *previous*."""
        self._forget(previous)
        self.add(door)

    def remove(self, door: IDoor) -> None:
        """Remove *door*, whose connection is closed."""
        self._forget(door)
        if not self._doors:
            self._empty.fire()

    def _forget(self, door: IDoor) -> None:
        self.wake(door)
        self._awake.pop(door, None)
        self._doors.pop(door, None)

    def rest(self, door: IDoor, until: float) -> None:
        """Do not check *door* before *until* (seconds of the reactor's clock), or `wake`."""
        self.wake(door)
        if door in self._doors:  # its check may have closed it
            del self._awake[door]
            door.rests_until = until
            self._resting.setdefault(int(until), {})[door] = None

    def wake(self, door: IDoor) -> None:
        """End the rest of *door*, if it rests: it is checked within `CHECK_SECONDS`."""
        if door.rests_until:
            doors = self._resting[int(door.rests_until)]
            del doors[door]
            if not doors:
                del self._resting[int(door.rests_until)]
            door.rests_until = 0.0
            self._awake[door] = None

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
        """Check all doors that are awake, with turns of the reactor between pieces."""
        cooperator = Cooperator(
            scheduler=lambda call: self._reactor.callLater(0, call),
            terminationPredicateFactory=lambda: lambda: True,
        )
        return cooperator.coiterate(self._check_in_pieces())

    def _check_in_pieces(self) -> Iterator[None]:
        self._wake_readers()
        self._wake_rested(self._reactor.seconds())
        doors = list(self._awake)
        for first in range(0, len(doors), MAX_CHECKS_PER_TURN):
            now = self._reactor.seconds()
            received: list[MoveCursor] = []
            for door in doors[first : first + MAX_CHECKS_PER_TURN]:
                if door in self._doors:
                    received += door.check(now)
            self._move_cursors(received)
            yield

    def _wake_rested(self, now: float) -> None:
        """Wake the doors whose rest has ended."""
        for second in [each for each in self._resting if each <= now]:
            for door in list(self._resting[second]):
                if door.rests_until <= now:
                    self.wake(door)
