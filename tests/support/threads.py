"""Store threads that a test controls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, maybeDeferred
from zope.interface import implementer

from pyconchat.chat.interfaces import IThreads

__all__ = ["SlowThreads"]

T = TypeVar("T")


@implementer(IThreads)
class SlowThreads:
    """Threads that run calls at once, or, while *slow*, on request of a test."""

    def __init__(self) -> None:
        self.slow = False
        self._work: list[tuple[Deferred[Any], Callable[..., Any], tuple[object, ...]]] = []

    def write(self, call: Callable[..., T], *args: object) -> Deferred[T]:
        if not self.slow:
            return maybeDeferred(call, *args)
        done: Deferred[T] = Deferred()
        self._work.append((done, call, args))
        return done

    def read(self, call: Callable[..., T], *args: object) -> Deferred[T]:
        return maybeDeferred(call, *args)

    search = read

    @property
    def idle(self) -> bool:
        """Return whether no call is waiting."""
        return not self._work

    def work(self) -> None:
        """Run the call that has waited longest, if there is one."""
        if not self._work:
            return
        done, call, args = self._work.pop(0)
        maybeDeferred(call, *args).chainDeferred(done)

    def catch_up(self) -> None:
        """Run all waiting calls, and stop being slow."""
        self.slow = False
        while self._work:
            self.work()
