"""LoginThrottle: checks typed passwords, and slows down guessing.

Password guessing is slowed down without locking accounts: too many wrong passwords from an
address, and the next is refused; too many for an account (or a group), from any addresses, and
each further attempt is delayed. An address that has given the right password before is not
delayed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import DeferredLock
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from pyconchat.auth.rate_limits import MAX_KEYS, RecentCounts, is_local
from pyconchat.auth.shared_counts import SharedCounts
from pyconchat.chat.interfaces import Asker, IHasher
from pyconchat.config import LimitsConfig
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.refusals import too_many_wrong_passwords

__all__ = ["LoginThrottle", "WrongPasswords"]

WINDOW = 60.0
"""Seconds over which wrong passwords are counted."""


class LoginThrottle:
    """Checks the passwords of accounts and groups.

    *network* is the origin of an attempt (see `network_of`), *target* names the account or group.
    *shared* are the counts of all nodes, if this is one of several.
    """

    def __init__(
        self,
        hasher: IHasher,
        reactor: IReactorTime,
        limits: LimitsConfig,
        shared: SharedCounts | None = None,
    ) -> None:
        self._hasher = hasher
        self._reactor = reactor
        self._counts = WrongPasswords(limits)
        self._limit = limits.login_attempts_per_minute
        self._shared = shared if self._limit > 0 else None
        self._names = RecentCounts(limits.names_per_minute, WINDOW)
        self._locks: dict[str, DeferredLock] = {}  # by network; held during a check

    def ask_name(self, network: str) -> None:
        """Count a name that is tried from *network* without a login.

        The first name on a connection is free: connections have limits of their own. Raises
        `Refused` if there were too many in the last minute.
        """
        now = self._reactor.seconds()
        wait = self._names.wait(network, now)
        if wait > 0:
            raise Refused(
                Code.TOO_MANY,
                "You have tried too many names. Try again in {wait} s.",
                wait=int(wait) + 1,
            )
        self._names.note(network, now)

    def admit(self, network: str) -> None:
        """Raise `Refused` if there were too many wrong passwords from *network*."""
        self._counts.check(network, self._reactor.seconds())

    async def check(self, network: str, target: str, hash: str, password: str) -> bool:
        """Return whether *password* of a login matches *hash*; no password matches an empty one.

        Raises `Refused` if there were too many wrong passwords, or too many are being checked.
        """
        await self._delay(network, target)
        return await self._check(network, target, hash, password)

    async def check_later(self, asker: Asker, target: str, hash: str, password: str) -> bool:
        """As `check`, for an account that has logged in: waits for its turn."""
        await self._delay(asker.network, target)
        await self._hasher.turns.begin(asker)
        try:
            return await self._check(asker.network, target, hash, password)
        finally:
            self._hasher.turns.end()

    async def check_code(self, network: str, target: str, is_right: Callable[[], bool]) -> None:
        """As `check`, for a code that needs no hashing; *is_right* is called after any delay.

        A wrong one is counted; the caller refuses it.
        """
        await self._delay(network, target)
        self.admit(network)  # again: others in this network may have guessed during the delay
        if not is_right():
            self.wrong(network, target)

    async def _delay(self, network: str, target: str) -> None:
        await self._learn(network, target)
        self.admit(network)
        delay = self._counts.delay(network, target, self._reactor.seconds())
        if delay > 0:
            await deferLater(self._reactor, delay)

    async def _check(self, network: str, target: str, hash: str, password: str) -> bool:
        # One at a time: in parallel, the limit would be passed before the first one was wrong.
        lock = self._locks.setdefault(network, DeferredLock())
        await lock.acquire()
        try:
            await self._learn(network, target)
            self.admit(network)
            right = await self._hasher.verify(hash, password)
            if right:
                self._counts.right(network, target)
            else:
                self.wrong(network, target)
            return right
        finally:
            lock.release()
            if not lock.locked:
                self._locks.pop(network, None)

    def wrong(self, network: str, target: str) -> None:
        """Count a wrong password that was recognized without hashing."""
        self._counts.wrong(network, target, self._reactor.seconds())
        if self._shared is not None:
            self._shared.add(_keys(network, target), WINDOW)

    async def _learn(self, network: str, target: str) -> None:
        """Load the counts of wrong passwords at other nodes."""
        if self._shared is not None:
            keys = _keys(network, target)
            found = await self._shared.ages(keys, WINDOW, self._limit)
            now = self._reactor.seconds()
            self._counts.learn(network, target, [found.get(key, ()) for key in keys], now)


class WrongPasswords:
    """Counts wrong passwords by address and by target."""

    def __init__(self, config: LimitsConfig) -> None:
        self._delay = config.login_delay_seconds
        self._by_network = RecentCounts(config.login_attempts_per_minute, WINDOW)
        self._by_target = RecentCounts(config.login_attempts_per_minute, WINDOW)
        self._known: dict[tuple[str, str], None] = {}  # targets with addresses that were right

    def check(self, network: str, now: float) -> None:
        """Raise `Refused` if there were too many wrong passwords from *network*."""
        wait = self._by_network.wait(network, now)
        if wait > 0:
            raise too_many_wrong_passwords(int(wait) + 1)

    def delay(self, network: str, target: str, now: float) -> float:
        """Return the seconds by which an attempt from *network* on *target* is delayed."""
        if (target, network) in self._known or self._by_target.wait(target, now) <= 0:
            return 0.0
        return self._delay

    def wrong(self, network: str, target: str, now: float) -> None:
        """Count a wrong password."""
        if not is_local(network):  # one guesser must not block all users of a proxy
            self._by_network.note(network, now)
        self._by_target.note(target, now)

    def learn(self, network: str, target: str, ages: Sequence[Sequence[float]], now: float) -> None:
        """Set the *ages* (seconds) of the wrong passwords at all nodes, for the keys of `_keys`."""
        of_target, *of_network = ages
        self._by_target.learn(target, of_target, now)
        for each in of_network:
            self._by_network.learn(network, each, now)

    def right(self, network: str, target: str) -> None:
        """Record that the right password of *target* was given from *network*."""
        self._known.pop((target, network), None)
        if len(self._known) >= MAX_KEYS:
            del self._known[next(iter(self._known))]
        self._known[target, network] = None


def _keys(network: str, target: str) -> list[str]:
    """Return the keys of *target* and *network* at all nodes; a local network is not counted."""
    return [f"of {target}"] if is_local(network) else [f"of {target}", f"from {network}"]
