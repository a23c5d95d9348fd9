"""The engine over PostgreSQL's LISTEN and NOTIFY, for two or three nodes.

All nodes use one channel, so each receives all blocks. Its listening thread drops those for topics
that the node does not follow.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.internet.interfaces import IDelayedCall
from zope.interface import implementer

from pyconchat.bus.block_queue import BlockQueue
from pyconchat.bus.interfaces import IEngine, IEngineUser
from pyconchat.bus.notify_threads import Listening, Sending

__all__ = ["NotifyEngine"]

STOP_SECONDS = 1.0
"""Seconds after which `stop` no longer waits for the threads."""

MAX_TURN = 500
"""Maximum blocks that are received in one turn of the reactor."""


@implementer(IEngine)
class NotifyEngine:
    """Connects to the database with *conninfo*, libpq's connection string."""

    def __init__(self, conninfo: str, reactor: Any) -> None:
        self._reactor = reactor
        self._topics: set[bytes] = set()
        self._outgoing = BlockQueue()
        self._incoming = BlockQueue()
        self._user: IEngineUser | None = None
        self._problems = {"sending": "not connected", "listening": "not connected"}
        self._ended: list[Deferred[None]] = [Deferred(), Deferred()]
        self._sending = Sending(
            *(self._outgoing, reactor, conninfo),
            *(lambda reason: self._changed("sending", reason), self._ended[0]),
        )
        self._listening = Listening(
            *(self._incoming, self._topics, self._arrived, reactor, conninfo),
            *(lambda reason: self._changed("listening", reason), self._ended[1]),
        )

    @property
    def dropped(self) -> int:
        """Return the count of blocks that were dropped in one of the queues."""
        return self._outgoing.dropped + self._incoming.dropped

    def start(self, user: IEngineUser) -> None:
        self._user = user
        self._sending.start()
        self._listening.start()

    def stop(self) -> Deferred[None]:
        if self._user is None:
            return succeed(None)
        self._user = None
        self._listening.interrupts.end()
        if self._problems["sending"]:
            self._sending.interrupts.end()
        else:
            self._sending.finish()
        stopped: Deferred[None] = Deferred()
        # The threads may end later: nothing can interrupt libpq while it resolves a host name.
        late = self._reactor.callLater(STOP_SECONDS, self._give_up, stopped)
        gatherResults(self._ended).addCallback(lambda _: self._stopped(stopped, late))
        return stopped

    def _give_up(self, stopped: Deferred[None]) -> None:
        if not self._ended[0].called:
            self._sending.interrupts.end()
        stopped.callback(None)

    def _stopped(self, stopped: Deferred[None], late: IDelayedCall) -> None:
        if late.active():
            late.cancel()
            stopped.callback(None)

    def reconnect(self) -> None:
        self._sending.interrupts.reconnect()
        self._listening.interrupts.reconnect()

    def steady(self) -> None:
        self._sending.delays.reset()
        self._listening.delays.reset()

    def subscribe(self, topic: str) -> Deferred[None]:
        self._topics.add(topic.encode())
        return succeed(None)

    def unsubscribe(self, topic: str) -> None:
        self._topics.discard(topic.encode())

    def send(self, topic: str, block: bytes) -> None:
        if self._outgoing.put((topic, block)) and self._user is not None:
            self._sending.interrupts.wake()

    def _changed(self, part: str, reason: str) -> None:
        """Record that the thread *part* has connected, or the *reason* why it has not."""
        self._problems[part] = reason
        if self._user is None:
            return
        if reason:
            self._user.lost(reason)
        elif not any(self._problems.values()):
            self._user.ready()

    def _arrived(self) -> None:
        """Deliver the received blocks, at most `MAX_TURN` in each turn of the reactor."""
        for topic, block in self._incoming.take(MAX_TURN, MAX_TURN * 1024):
            if self._user is not None:
                self._user.received(topic, block)
        if len(self._incoming):
            self._reactor.callLater(0, self._arrived)
