"""LoginThrottle: the one place where a password that somebody types is looked at."""

from __future__ import annotations

from twisted.internet.defer import DeferredLock
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from pyconchat.auth.rate_limits import LoginLimits
from pyconchat.chat.interfaces import IHasher
from pyconchat.config import LimitsConfig

__all__ = ["LoginThrottle"]


class LoginThrottle:
    """Checks the passwords of accounts and groups, and slows down those who guess.

    *network* is where an attempt comes from (see `limits.network_of`), *of* names what it is
    about.
    """

    def __init__(self, hasher: IHasher, reactor: IReactorTime, limits: LimitsConfig) -> None:
        self._hasher = hasher
        self._reactor = reactor
        self._limits = LoginLimits(limits)
        self._turns: dict[str, DeferredLock] = {}  # of the networks from which one is looked at

    def admit(self, network: str) -> None:
        """Raise `Refused` if too many wrong passwords came from *network*."""
        self._limits.check(network, self._reactor.seconds())

    async def check(self, network: str, of: str, hash: str, password: str) -> bool:
        """Return whether *password* is the one of *hash*; of an empty one it never is.

        Raises `Refused` if there were too many wrong ones, or too many are being checked.
        """
        self.admit(network)
        delay = self._limits.delay(network, of, self._reactor.seconds())
        if delay > 0:
            await deferLater(self._reactor, delay)
        # One after the other: all at once, none of them would have been wrong yet.
        turn = self._turns.setdefault(network, DeferredLock())
        await turn.acquire()
        try:
            self.admit(network)
            right = await self._hasher.verify(hash, password)
            if right:
                self._limits.right(network, of)
            else:
                self.wrong(network, of)
            return right
        finally:
            turn.release()
            if not turn.locked:
                self._turns.pop(network, None)

    def wrong(self, network: str, of: str) -> None:
        """Count a wrong one that was told without hashing."""
        self._limits.wrong(network, of, self._reactor.seconds())
