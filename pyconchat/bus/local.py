"""The bus of a single server."""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from pyconchat.chat.interfaces import IBus

__all__ = ["LocalBus"]


@implementer(IBus)
class LocalBus:
    """The bus of a single node: blocks are discarded, and no listener is called."""

    up = True
    told = heard = dropped = 0
    lag = 0.0

    def start(self) -> None:
        pass

    def stop(self) -> Deferred[None]:
        return succeed(None)

    def follow(self, topic: str) -> Deferred[None]:
        return succeed(None)

    def unfollow(self, topic: str) -> None:
        pass

    def tell(self, topic: str, block: bytes) -> None:
        pass
