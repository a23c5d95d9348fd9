"""Threads, hasher and disk of a server in memory that do one thing at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from zope.interface import implementer

from pyconchat.auth.turns import Turns
from pyconchat.chat.interfaces import Asker, IHasher, IThreads

__all__ = ["MAX_STEPS", "StepByStep"]

MAX_STEPS = 60
"""More than any of the flows has; a flow that needs more fails."""


@implementer(IThreads, IHasher)
class StepByStep:
    """Store threads, hasher and disk; once *stepwise* is set, each call waits for `step`."""

    def __init__(self) -> None:
        self.stepwise = False
        self.turns = Turns()
        self._work: list[tuple[Deferred[Any], Callable[..., Any], tuple[Any, ...]]] = []

    def run(self, call: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """Queue a call."""
        if not self.stepwise:
            return maybeDeferred(call, *args)
        done: Deferred[Any] = Deferred()
        self._work.append((done, call, args))
        return done

    write = read = search = run

    def hash(self, password: str, asker: Asker) -> Deferred[str]:
        return self.run(lambda: f"plain:{password}")

    def verify(self, hash: str, password: str) -> Deferred[bool]:
        return self.run(lambda: hash == f"plain:{password}")

    @property
    def waiting(self) -> int:
        """Return how many calls wait."""
        return len(self._work)

    def step(self) -> bool:
        """Run the oldest call; return whether there was one."""
        if not self._work:
            return False
        done, call, args = self._work.pop(0)
        maybeDeferred(call, *args).chainDeferred(done)
        return True
