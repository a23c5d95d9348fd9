"""The engine over Redis or Valkey: a connection that publishes, and one that receives."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.internet.interfaces import IStreamClientEndpoint
from zope.interface import implementer

from pyconchat.bus.block_queue import BlockQueue
from pyconchat.bus.interfaces import IEngine, IEngineUser
from pyconchat.bus.kept_connection import KeptConnection
from pyconchat.bus.redis_protocols import Publishing, Receiving
from pyconchat.bus.redis_url import RedisUrl

__all__ = ["RedisEngine"]

STOP_SECONDS = 1.0
"""Maximum seconds for which `stop` waits until all blocks are published."""


@implementer(IEngine)
class RedisEngine:
    """Connects to *endpoint*, and logs in with the credentials of *url*.

    The names of channels begin with the number of the database, because Redis shares channels
    among its databases, and *chat*, the unique id of the chat.
    """

    def __init__(
        self, endpoint: IStreamClientEndpoint, url: RedisUrl, chat: str, reactor: Any
    ) -> None:
        prefix = f"pyconchat/{url.db}/{chat}/".encode()
        login = url.db, url.username, url.password
        self._queue = BlockQueue()
        self._topics: dict[str, None] = {}
        self._user: IEngineUser | None = None
        self._reactor = reactor
        self._subscribed = False
        self._publishing: KeptConnection[Publishing] = KeptConnection(
            *(endpoint, reactor, self._can_publish, self._lost),
            lambda changed: Publishing(self._queue, prefix, changed, *login),
        )
        self._receiving: KeptConnection[Receiving] = KeptConnection(
            *(endpoint, reactor, self._can_receive, self._lost),
            lambda changed: Receiving(self._received, prefix, changed, *login),
        )

    @property
    def dropped(self) -> int:
        """Return the count of blocks that were dropped before they were published."""
        return self._queue.dropped

    def start(self, user: IEngineUser) -> None:
        self._user = user
        self._publishing.start()
        self._receiving.start()

    def stop(self) -> Deferred[None]:
        if self._user is None:
            return succeed(None)
        self._user = None
        deadline = self._reactor.seconds() + STOP_SECONDS
        published: Deferred[None] = Deferred()

        def wait() -> None:
            protocol = self._publishing.protocol
            late = self._reactor.seconds() >= deadline
            if protocol is None or protocol.idle or late:
                published.callback(None)
            else:
                self._reactor.callLater(0.01, wait)

        wait()
        published.addCallback(lambda _: self._publishing.stop())
        return gatherResults([published, self._receiving.stop()]).addCallback(lambda _: None)

    def reconnect(self) -> None:
        self._publishing.abort()
        self._receiving.abort()

    def steady(self) -> None:
        self._publishing.delays.reset()
        self._receiving.delays.reset()

    def subscribe(self, topic: str) -> Deferred[None]:
        self._topics[topic] = None
        protocol = self._receiving.protocol
        return succeed(None) if protocol is None else protocol.subscribe_all([topic])

    def unsubscribe(self, topic: str) -> None:
        self._topics.pop(topic, None)
        if self._receiving.protocol is not None:
            self._receiving.protocol.unsubscribe(topic)

    def send(self, topic: str, block: bytes) -> None:
        protocol = self._publishing.protocol
        if protocol is None:
            self._queue.put((topic, block))
        else:
            protocol.send(topic, block)

    def _can_publish(self) -> None:
        assert self._publishing.protocol is not None, "it has just logged in"
        self._publishing.protocol.publish()
        self._check_ready()

    def _can_receive(self) -> None:
        protocol = self._receiving.protocol
        assert protocol is not None, "it has just logged in"

        def subscribed(_: None) -> None:
            if self._receiving.protocol is protocol:
                self._subscribed = True
                self._check_ready()

        protocol.subscribe_all(list(self._topics)).addCallback(subscribed)

    def _check_ready(self) -> None:
        if self._subscribed and self._publishing.protocol is not None and self._user is not None:
            self._user.ready()

    def _lost(self, reason: str) -> None:
        if self._receiving.protocol is None:
            self._subscribed = False
        if self._user is not None:
            self._user.lost(reason)

    def _received(self, topic: str, block: bytes) -> None:
        if self._user is not None:
            self._user.received(topic, block)
