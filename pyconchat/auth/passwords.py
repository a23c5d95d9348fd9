"""Passwords: argon2id hashes, made off the reactor's thread and within a bound."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool
from zope.interface import implementer

from pyconchat.chat.interfaces import IHasher
from pyconchat.domain.errors import Code, Refused

__all__ = ["Hasher", "hash_password"]

T = TypeVar("T")

THREADS = 2
MAX_WAITING = 16

# The parameters of OWASP's Password Storage Cheat Sheet for argon2id (RFC 9106): 19 MiB, t=2, p=1.
_argon2 = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID)

NOBODY = (
    "$argon2id$v=19$m=19456,t=2,p=1$hq7vzoFvfy31vWNtQqFdqQ"
    "$IvEust26fUn/yV8JQ+2c3FkdsLSwYkApFQCYw6ypY3E"
)
"""A hash with these parameters that no password is known for."""


def hash_password(password: str) -> str:
    """Return a hash of *password*. Blocks for tens of milliseconds."""
    return _argon2.hash(password)


@implementer(IHasher)
class Hasher:
    """At most 2 threads hash at once and 16 requests wait; more are refused as busy."""

    def __init__(self, reactor: IReactorFromThreads) -> None:
        self._reactor = reactor
        self._threads = ThreadPool(0, THREADS, "pyconchat-hasher")
        self._pending = 0

    @property
    def pending(self) -> int:
        """Return how many passwords are being hashed, or wait for it."""
        return self._pending

    def start(self) -> None:
        """Start the threads."""
        self._threads.start()

    def stop(self) -> None:
        """End the threads. Blocks until what they hash is done."""
        self._threads.stop()

    def hash(self, password: str) -> Deferred[str]:
        return self._run(hash_password, password)

    def verify(self, hash: str, password: str) -> Deferred[bool]:
        return self._run(_matches, hash or NOBODY, password)

    def _run(self, call: Callable[..., T], *args: object) -> Deferred[T]:
        if self._pending >= THREADS + MAX_WAITING:
            raise Refused(Code.BUSY, "The server is checking many passwords; try again.")
        self._pending += 1
        return deferToThreadPool(self._reactor, self._threads, call, *args).addBoth(self._done)

    def _done(self, result: T) -> T:
        self._pending -= 1
        return result


def _matches(hash: str, password: str) -> bool:
    try:
        return _argon2.verify(hash, password)
    except (VerificationError, InvalidHashError):
        return False
