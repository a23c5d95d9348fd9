"""Turns: a fair queue for the hashing of passwords that can wait.

Logins do not wait here. All other requests do: registrations, new passwords of accounts and groups,
joins with a password. One runs at a time, so that a thread is always free for a login. The accounts
of one network take turns, and so do the networks: many requests of one account or network delay
only its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TypeVar

from twisted.internet.defer import Deferred

from pyconchat.auth.rate_limits import is_local
from pyconchat.chat.interfaces import Asker
from pyconchat.domain.errors import Code, Refused

__all__ = ["MAX_WAITING_PER_ACCOUNT", "MAX_WAITING_PER_NETWORK", "Turns"]

T = TypeVar("T")

MAX_WAITING_PER_ACCOUNT = 4
"""Maximum waiting requests of one account."""

MAX_WAITING_PER_NETWORK = 64
"""Maximum waiting requests of one network: as many as it may have sessions.

Accounts on this machine have no common maximum, as they have none for sessions.
"""


class Turns:
    """Lets one request run at a time: of each network in turn, of each of its accounts in turn."""

    def __init__(self) -> None:
        self._running = False
        self._beginning = False  # a turn is being given: `end` is on the stack
        # By network, the next one first; in each by account, the next one first.
        self._networks: dict[str, dict[str, deque[Deferred[None]]]] = {}

    @property
    def waiting(self) -> int:
        """Return the count of requests that wait."""
        return sum(map(_count, self._networks.values()))

    async def run(self, asker: Asker, call: Callable[[], Deferred[T]]) -> T:
        """Return the result of *call* when it is the turn of *asker*. Raises `Refused`."""
        await self.begin(asker)
        try:
            return await call()
        finally:
            self.end()

    def begin(self, asker: Asker) -> Deferred[None]:
        """Fire at the turn of *asker*. Then the caller has to call `end`. Raises `Refused`."""
        turn: Deferred[None] = Deferred()
        if not self._running:
            self._running = True
            turn.callback(None)
            return turn
        accounts = self._networks.get(asker.network, {})
        own = accounts.get(asker.account, deque())
        full = _count(accounts) >= MAX_WAITING_PER_NETWORK and not is_local(asker.network)
        if full or len(own) >= MAX_WAITING_PER_ACCOUNT:
            raise Refused(Code.BUSY, "You have asked for many passwords at once; wait a moment.")
        own.append(turn)
        accounts[asker.account] = own
        self._networks.setdefault(asker.network, accounts)
        return turn

    def end(self) -> None:
        """End the turn that runs, and begin the next one."""
        self._running = False
        if self._beginning:
            return  # the turn has ended at once: the loop below, which began it, begins the next
        self._beginning = True
        try:
            while self._networks and not self._running:
                self._running = True
                self._next().callback(None)
        finally:
            self._beginning = False

    def _next(self) -> Deferred[None]:
        """Take the next turn; its network and its account go to the end of their queues."""
        network, accounts = next(iter(self._networks.items()))
        account, own = next(iter(accounts.items()))
        turn = own.popleft()
        del accounts[account], self._networks[network]
        if own:
            accounts[account] = own
        if accounts:
            self._networks[network] = accounts
        return turn


def _count(accounts: dict[str, deque[Deferred[None]]]) -> int:
    return sum(map(len, accounts.values()))
