"""The hashing of passwords."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from zope.interface import Attribute, Interface

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred


__all__ = ["Asker", "IHasher"]


class Asker(NamedTuple):
    """The source of a request to hash: the key of an account, and its network."""

    account: str
    network: str


class IHasher(Interface):
    """Hashes passwords, off the reactor's thread and within a bound."""

    turns = Attribute(
        "The `pyconchat.auth.turns.Turns` in which all hashing except for logins waits."
    )

    def hash(password: str, asker: Asker) -> Deferred[str]:
        """Fire with a hash of *password*, when it is the turn of *asker*.

        Fails with `Refused` and `Code.BUSY` if too many of their requests are waiting.
        """

    def verify(hash: str, password: str) -> Deferred[bool]:
        """Fire with whether *password* matches *hash*. Raises `Refused` with `Code.BUSY`.

        No password matches an empty *hash*; verifying it takes as long as any other. Logins call
        it at once; any other check waits for its turn first.
        """
