"""Threads, hasher, disk and reactor of a server in memory that do one thing at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Clock
from zope.interface import implementer

from pyconchat.auth.turns import Turns
from pyconchat.chat.interfaces import Asker, IHasher, IThreads

__all__ = ["MAX_STEPS", "CutError", "CuttingClock", "StepByStep"]

MAX_STEPS = 60
"""More than any of the flows has; a flow that needs more fails."""


@implementer(IThreads, IHasher)
class StepByStep:
    """Store threads, hasher and disk; once *stepwise* is set, each call waits for `step`.

    With a *reactor*, that is in one of its next turns.
    """

    def __init__(self, reactor: IReactorTime | None = None) -> None:
        self.stepwise = False
        self._reactor = reactor
        self.turns = Turns()
        self._work: list[tuple[Deferred[Any], Callable[..., Any], tuple[Any, ...]]] = []

    def run(self, call: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """Queue a call."""
        if not self.stepwise:
            return maybeDeferred(call, *args)
        done: Deferred[Any] = Deferred()
        self._work.append((done, call, args))
        if self._reactor is not None:
            self._reactor.callLater(0, self.step)
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


class CutError(Exception):
    """The connection was cut: the flow ends."""


class CuttingClock(Clock):
    """A clock that calls *cut* before a call that is due, once *turns* others have been made."""

    def __init__(self) -> None:
        super().__init__()
        self.turns = 0
        self._last = 0
        self._cut: Callable[[], None] | None = None

    def cut_after(self, turns: int, cut: Callable[[], None] | None) -> None:
        """Count the calls from now on, and call *cut* after *turns* of them."""
        self.turns, self._last, self._cut = 0, turns, cut

    def advance(self, amount: float) -> None:
        """As `Clock`; raises `CutError` in the flow if *cut* was called."""
        self.rightNow += amount
        self._sortCalls()
        was_cut = False
        while self.calls and self.calls[0].getTime() <= self.seconds():
            if self._cut is not None and self.turns == self._last:
                cut, self._cut = self._cut, None
                cut()  # it may cancel calls that are due
                was_cut = True
                continue
            self.turns += 1
            call = self.calls.pop(0)
            call.called = 1
            call.func(*call.args, **call.kw)
        if was_cut:
            raise CutError

    def timers(self) -> Counter[str]:
        """Return the names of the functions that are to be called."""
        called = (call.func for call in self.getDelayedCalls())
        return Counter(getattr(each, "__qualname__", type(each).__name__) for each in called)
