"""Limits: rates and counts, one policy for all doors.

Nothing here waits or disconnects: it says whether something may go on, or when. Time comes in
as seconds of a monotonic clock.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address

from pyconchat.config import LimitsConfig
from pyconchat.domain.errors import Code, Refused

__all__ = ["ConnectionLimits", "LoginLimits", "TokenBucket", "TooMany", "network_of"]

WINDOW = 600.0
"""Seconds over which `connections_per_ip_10min` counts."""

MAX_REMEMBERED = 10_000
"""Addresses or names remembered at once; the oldest are forgotten first."""


EARLY = 0.3
"""Share of the newcomers who are turned away when half of `unauthenticated` is reached."""


class TooMany(Refused):
    """A connection is one too many; *cause* is the name of the limit."""

    def __init__(self, cause: str, sentence: str, **fields: object) -> None:
        super().__init__(Code.TOO_MANY, sentence, **fields)
        self.cause = cause


def network_of(host: str) -> str:
    """Return what connections are counted by: an IPv4 address, or an IPv6 /64 (RFC 4291, 2.5.4).

    Whoever has one IPv6 address usually has all of its /64. What is no address (a Unix socket)
    is counted as it is.
    """
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(IPv6Address(int(address) >> 64 << 64))


class TokenBucket:
    """Lets *burst* through at once, then *rate* a second; a rate of 0 lets everything through."""

    __slots__ = ("_burst", "_rate", "_tokens", "_updated")

    def __init__(self, burst: float, rate: float, now: float) -> None:
        self._burst = max(burst, 1.0)
        self._rate = rate
        self._tokens = self._burst
        self._updated = now

    def take(self, now: float) -> float:
        """Take one token and return 0, or take none and return after how many seconds to ask."""
        if self._rate <= 0:
            return 0.0
        self._tokens = min(self._burst, self._tokens + (now - self._updated) * self._rate)
        self._updated = now
        # A hair below one is one: else the float's last bit could ask for a wait of 0 seconds.
        if self._tokens >= 1 - 1e-6:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self._rate

    @property
    def full(self) -> bool:
        """Return whether nothing was taken lately, as far as was last looked."""
        return self._tokens >= self._burst


class RecentCounts:
    """Counts what happened to each key in the last *window* seconds."""

    def __init__(self, most: int, window: float) -> None:
        self._most = most
        self._window = window
        self._times: dict[str, deque[float]] = {}

    def note(self, key: str, now: float) -> None:
        """Count one more."""
        times = self._times.pop(key, None)
        if times is None:
            times = deque(maxlen=max(self._most, 1))
            if len(self._times) >= MAX_REMEMBERED:
                del self._times[next(iter(self._times))]
        self._times[key] = times
        times.append(now)

    def wait(self, key: str, now: float) -> float:
        """Return after how many seconds one more is within the limit; 0 if it is now."""
        times = self._times.get(key)
        if self._most <= 0 or times is None:
            return 0.0
        while times and times[0] <= now - self._window:
            times.popleft()
        if not times:
            del self._times[key]
        return times[0] + self._window - now if len(times) >= self._most else 0.0


class ConnectionLimits:
    """Counts connections, and those that have not logged in yet.

    *chance* returns a random number from 0 to 1.
    """

    def __init__(self, config: LimitsConfig, chance: Callable[[], float] = random.random) -> None:
        self.open = 0
        self.strangers = 0  # who have not logged in
        self._config = config
        self._chance = chance
        self._from: dict[str, int] = {}
        self._recent = RecentCounts(config.connections_per_ip_10min, WINDOW)

    def opened(self, network: str, now: float) -> None:
        """Count a new connection. Raises `TooMany`, and counts none."""
        config = self._config
        if 0 < config.connections_per_ip <= self._from.get(network, 0):
            raise TooMany(
                "connections_per_ip",
                "There are too many connections from your address; close one.",
            )
        wait = self._recent.wait(network, now)
        if wait > 0:
            raise TooMany(
                "connections_per_ip_10min",
                "There were too many connections from your address; try again in {wait} s.",
                wait=int(wait) + 1,
            )
        if self._chance() < self._turned_away():
            raise TooMany(
                "unauthenticated", "Too many people are logging in; try again in a minute."
            )
        self.open += 1
        self.strangers += 1
        self._from[network] = self._from.get(network, 0) + 1
        if config.connections_per_ip_10min > 0:
            self._recent.note(network, now)

    def logged_in(self) -> None:
        """Note that one of the open connections has logged in."""
        self.strangers -= 1

    def closed(self, network: str, logged_in: bool) -> None:
        """Count a connection no longer."""
        self.open -= 1
        self._from[network] -= 1
        if not self._from[network]:
            del self._from[network]
        if not logged_in:
            self.strangers -= 1

    def _turned_away(self) -> float:
        """Return which share of the newcomers is turned away now.

        Early random drop, as by MaxStartups of sshd_config(5): somebody who fills the places
        with connections that never log in cannot keep all the others out.
        """
        full = self._config.unauthenticated
        half = full / 2
        if full <= 0 or self.strangers < half:
            return 0.0
        return EARLY + (1 - EARLY) * (self.strangers - half) / (full - half)


class LoginLimits:
    """Counts wrong passwords by address, and by what they were tried on.

    Too many from an address, and the next is refused. Too many on an account (or a group), from
    wherever, and each further one is only made to wait: whoever wants to lock the owner out
    cannot. Where the right password came from before, nobody waits.
    """

    def __init__(self, config: LimitsConfig) -> None:
        self._delay = config.login_delay_seconds
        self._from = RecentCounts(config.login_attempts_per_minute, 60.0)
        self._on = RecentCounts(config.login_attempts_per_minute, 60.0)
        self._known: dict[tuple[str, str], None] = {}  # whose right password came from where

    def check(self, network: str, now: float) -> None:
        """Raise `Refused` if there were too many wrong passwords in the last minute."""
        wait = self._from.wait(network, now)
        if wait > 0:
            raise Refused(
                Code.TOO_MANY,
                "There were too many wrong passwords; try again in {wait} s.",
                wait=int(wait) + 1,
            )

    def delay(self, network: str, of: str, now: float) -> float:
        """Return how many seconds an attempt from *network* on *of* has to wait."""
        if (of, network) in self._known or self._on.wait(of, now) <= 0:
            return 0.0
        return self._delay

    def wrong(self, network: str, of: str, now: float) -> None:
        """Count a wrong password."""
        self._from.note(network, now)
        self._on.note(of, now)

    def right(self, network: str, of: str) -> None:
        """Note where the right password of *of* came from."""
        self._known.pop((of, network), None)
        if len(self._known) >= MAX_REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[of, network] = None
