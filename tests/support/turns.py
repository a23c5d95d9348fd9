"""Turns of the reactor, one at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.task import Clock

__all__ = ["Turns"]

TURN = 0.001
"""Seconds that a turn takes."""


class Turns(Clock):
    """A clock in whose turns happens what was due when they began, as in a real reactor.

    Twisted's own does in one `advance` also what is to be done in the turns after it.
    """

    def callLater(self, when: float, what: Callable[..., object], *args: Any, **kw: Any) -> Any:
        return super().callLater(max(when, TURN), what, *args, **kw)

    def advance(self, amount: float) -> None:
        super().advance(max(amount, TURN))
