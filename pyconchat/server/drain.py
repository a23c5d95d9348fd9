"""Drain: a stopping node ends its sessions a few at a time.

All clients reconnect to the other nodes, which would be overloaded by simultaneous logins.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from weakref import WeakSet

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from pyconchat.chat.interfaces import ISession
from pyconchat.domain.replies import EndWhy
from pyconchat.net.waiters import Waiters

__all__ = ["MAX_DRAIN_SECONDS", "SESSIONS_PER_SECOND", "Drain"]

SESSIONS_PER_SECOND = 200
"""Sessions that are ended in a second."""

STEP_SECONDS = 0.05
"""Seconds between two groups of sessions that are ended."""

MAX_DRAIN_SECONDS = 300.0
"""Maximum seconds of a drain; the remaining sessions then end all at once."""


class Drain:
    """Ends all *sessions*, also new ones: it is a function that returns the current ones."""

    _log = Logger(namespace="pyconchat")

    def __init__(self, reactor: IReactorTime, sessions: Callable[[], Iterable[ISession]]) -> None:
        self._reactor = reactor
        self._sessions = sessions
        self._until = 0.0
        self._next: deque[ISession] = deque()
        self._told: WeakSet[ISession] = WeakSet()  # sessions that are ending
        self._over = False
        self._done = Waiters()
        self._steps = LoopingCall(self._step)
        self._steps.clock = reactor

    def run(self) -> Deferred[None]:
        """Fire when no session is left, or the drain has timed out or was cut short."""
        self._until = self._reactor.seconds() + MAX_DRAIN_SECONDS
        if not self._over:
            self._steps.start(STEP_SECONDS).addErrback(self._failed)
        return self._done.wait(self._over)

    def cut_short(self) -> None:
        """Wait for no more sessions."""
        self._over = True
        if self._steps.running:
            self._steps.stop()
        self._done.fire()

    def _failed(self, failure: Failure) -> None:
        self._log.failure("the drain has failed", failure)
        self.cut_short()

    def _step(self) -> None:
        if next(iter(self._sessions()), None) is None:
            self.cut_short()
            return
        if self._reactor.seconds() >= self._until:
            self._log.warn("the drain takes too long: all other sessions end now")
            self.cut_short()
            return
        if not self._next:
            self._next.extend(each for each in self._sessions() if each not in self._told)
        for _ in range(min(len(self._next), round(SESSIONS_PER_SECOND * STEP_SECONDS))):
            session = self._next.popleft()
            self._told.add(session)
            try:
                session.end_when_idle(
                    EndWhy.STOPPING,
                    "This server is stopping. Connect again: another one takes over.",
                )
            except Exception:
                self._log.failure("a session could not be ended")
