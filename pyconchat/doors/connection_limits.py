"""ConnectionLimits: how many connections there may be, in all and from one network."""

from __future__ import annotations

import random
from collections.abc import Callable

from pyconchat.auth.rate_limits import RecentCounts
from pyconchat.config import LimitsConfig
from pyconchat.domain.errors import Code, Refused

__all__ = ["ConnectionLimits", "TooManyConnections"]

WINDOW = 600.0
"""Seconds over which `connections_per_ip_10min` counts."""

MIN_DROP_PROBABILITY = 0.3
"""Probability that a connection is refused when half of `unauthenticated` is reached."""


class TooManyConnections(Refused):
    """A connection exceeds a limit; *cause* is the limit's name."""

    def __init__(self, cause: str, sentence: str, **fields: object) -> None:
        super().__init__(Code.TOO_MANY, sentence, **fields)
        self.cause = cause


class ConnectionLimits:
    """Counts connections, and those that have not logged in.

    *random_number* returns a random number from 0 to 1.
    """

    def __init__(
        self, config: LimitsConfig, random_number: Callable[[], float] = random.random
    ) -> None:
        self.open = 0
        self.unauthenticated = 0
        self._config = config
        self._random_number = random_number
        self._by_network: dict[str, int] = {}
        self._recent = RecentCounts(config.connections_per_ip_10min, WINDOW)

    def opened(self, network: str, now: float) -> None:
        """Count a new connection. Raises `TooManyConnections`; then it is not counted."""
        config = self._config
        if 0 < config.connections_per_ip <= self._by_network.get(network, 0):
            raise TooManyConnections(
                "connections_per_ip",
                "There are too many connections from your address; close one.",
            )
        wait = self._recent.wait(network, now)
        if wait > 0:
            raise TooManyConnections(
                "connections_per_ip_10min",
                "There were too many connections from your address; try again in {wait} s.",
                wait=int(wait) + 1,
            )
        if self._random_number() < self._drop_probability():
            raise TooManyConnections(
                "unauthenticated", "Too many people are logging in; try again in a minute."
            )
        self.open += 1
        self.unauthenticated += 1
        self._by_network[network] = self._by_network.get(network, 0) + 1
        if config.connections_per_ip_10min > 0:
            self._recent.note(network, now)

    def logged_in(self) -> None:
        """Note that one of the open connections has logged in."""
        self.unauthenticated -= 1

    def closed(self, network: str, logged_in: bool) -> None:
        """Stop counting a connection."""
        self.open -= 1
        self._by_network[network] -= 1
        if not self._by_network[network]:
            del self._by_network[network]
        if not logged_in:
            self.unauthenticated -= 1

    def _drop_probability(self) -> float:
        """Return the probability that a new connection is refused now.

        Random early drop, as by MaxStartups of sshd_config(5): an attacker who opens connections
        that never log in cannot keep everybody else out.
        """
        limit = self._config.unauthenticated
        half = limit / 2
        if limit <= 0 or self.unauthenticated < half:
            return 0.0
        share = (self.unauthenticated - half) / (limit - half)
        return MIN_DROP_PROBABILITY + (1 - MIN_DROP_PROBABILITY) * share
