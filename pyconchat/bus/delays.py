"""How long to wait before the next attempt to connect."""

from __future__ import annotations

from collections.abc import Callable
from random import SystemRandom

__all__ = ["FIRST", "MOST", "Delays"]

FIRST = 0.2
"""Seconds before the second attempt, on average."""

MOST = 10.0
"""Maximum seconds between two attempts, on average."""


class Delays:
    """Delays that double with each failure. They are random, so that nodes do not come together."""

    def __init__(self, random: Callable[[], float] | None = None) -> None:
        # Not from the common generator: a seed of it must not make the nodes equal.
        self._random = SystemRandom().random if random is None else random
        self._next = FIRST

    def next(self) -> float:
        """Return the seconds to wait after another failure: half to one and a half of the mean."""
        mean, self._next = self._next, min(MOST, self._next * 2)
        return mean * (0.5 + self._random())

    def reset(self) -> None:
        """Begin with the shortest delay again: the connection works."""
        self._next = FIRST
