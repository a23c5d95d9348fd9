"""A clock that runs one turn of the reactor at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.task import Clock

__all__ = ["Turns", "reactor_turn"]

TURN = 0.001
"""Duration of a turn, in seconds."""


class Turns(Clock):
    """A clock that runs in each turn the calls that were due at its start, as a real reactor does.

    Twisted's own runs the calls of the following turns in the same `advance`, too.
    """

    def callLater(self, when: float, what: Callable[..., object], *args: Any, **kw: Any) -> Any:
        return super().callLater(max(when, TURN), what, *args, **kw)

    def advance(self, amount: float) -> None:
        super().advance(max(amount, TURN))


def reactor_turn(clock: Clock) -> None:
    """Run the calls that are due on *clock*, but not those of the following turns."""
    now = clock.seconds()
    for call in [each for each in clock.getDelayedCalls() if each.getTime() <= now]:
        if call.active():
            clock.calls.remove(call)
            call.called = 1
            call.func(*call.args, **call.kw)
