"""Passwords: argon2id hashes, made off the reactor's thread and within a bound."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import HashingError, InvalidHashError, VerificationError
from argon2.low_level import Type, error_to_str
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool
from zope.interface import implementer

from pyconchat.auth.turns import Turns
from pyconchat.chat.interfaces import Asker, IHasher
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.password_rules import password_spellings

__all__ = ["Hasher", "hash_password"]

T = TypeVar("T")

MAX_THREADS = 2
"""Maximum threads that hash at the same time."""

MAX_WAITING = 16
"""Maximum checks of logins that wait for a thread; more are refused."""

# The parameters of OWASP's Password Storage Cheat Sheet for argon2id (RFC 9106): 19 MiB, t=2, p=1.
_argon2 = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID)

DUMMY_HASH = (
    "$argon2id$v=19$m=19456,t=2,p=1$hq7vzoFvfy31vWNtQqFdqQ"
    "$IvEust26fUn/yV8JQ+2c3FkdsLSwYkApFQCYw6ypY3E"
)
"""Dummy hash: verifying an unknown name must take as long as verifying a known one."""

NO_MEMORY = error_to_str(-22)
"""argon2's message if it gets no memory (ARGON2_MEMORY_ALLOCATION_ERROR)."""


def hash_password(password: str) -> str:
    """Return a hash of *password* in its first spelling. Blocks for tens of milliseconds."""
    return _argon2.hash(password_spellings(password)[0])


@implementer(IHasher)
class Hasher:
    """Hashes in up to MAX_THREADS threads. Logins have priority: all other requests use one thread.

    Logins are refused as busy when MAX_WAITING of them wait.
    """

    def __init__(self, reactor: IReactorFromThreads) -> None:
        self.turns = Turns()
        self._reactor = reactor
        # Both start with the server: later, a container may have none left (pids.max).
        self._threads = ThreadPool(MAX_THREADS, MAX_THREADS, "pyconchat-hasher")
        self._pending = 0

    @property
    def pending(self) -> int:
        """Return the count of passwords that are being hashed, or wait for a thread."""
        return self._pending + self.turns.waiting

    def start(self) -> None:
        """Start the threads."""
        self._threads.start()

    def stop(self) -> None:
        """End the threads. Blocks until their hashes are done."""
        self._threads.stop()

    def hash(self, password: str, asker: Asker) -> Deferred[str]:
        run = self.turns.run(asker, lambda: self._submit(_hashed, password))
        return Deferred.fromCoroutine(run)

    def verify(self, hash: str, password: str) -> Deferred[bool]:
        if self._pending >= MAX_THREADS + MAX_WAITING:
            raise Refused(Code.BUSY, "The server is checking many passwords; try again.")
        return self._submit(_matches, hash or DUMMY_HASH, password)

    def _submit(self, call: Callable[..., T], *args: object) -> Deferred[T]:
        self._pending += 1
        return deferToThreadPool(self._reactor, self._threads, call, *args).addBoth(self._done)

    def _done(self, result: T) -> T:
        self._pending -= 1
        return result


def _hashed(password: str) -> str:
    try:
        return hash_password(password)
    except HashingError:
        raise _no_memory() from None


def _matches(hash: str, password: str) -> bool:
    return any(_verifies(hash, spelling) for spelling in password_spellings(password))


def _verifies(hash: str, password: str) -> bool:
    try:
        return _argon2.verify(hash, password)
    except VerificationError as error:
        if str(error) == NO_MEMORY:
            raise _no_memory() from None  # the password may be right
        return False
    except InvalidHashError:
        return False


def _no_memory() -> Refused:
    return Refused(Code.BUSY, "The server has too little memory now; try again.")
