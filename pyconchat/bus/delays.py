"""Delays between attempts to connect: exponential backoff with jitter."""

from __future__ import annotations

from collections.abc import Callable
from random import SystemRandom

__all__ = ["FIRST", "MOST", "Delays"]

FIRST = 0.2
"""Seconds before the second attempt, on average."""

MOST = 10.0
"""Maximum seconds between two attempts, on average."""


class Delays:
    """Delays that double with each failure. Jitter keeps nodes from retrying at the same time."""

    def __init__(self, random: Callable[[], float] | None = None) -> None:
        # Not the shared generator: with a fixed seed, all nodes would have the same delays.
        self._random = SystemRandom().random if random is None else random
        self._next = FIRST

    def next(self) -> float:
        """Return the seconds to wait after another failure: 0.5 to 1.5 times the mean."""
        mean, self._next = self._next, min(MOST, self._next * 2)
        return mean * (0.5 + self._random())

    def reset(self) -> None:
        """Start again with the shortest delay: the connection works."""
        self._next = FIRST
