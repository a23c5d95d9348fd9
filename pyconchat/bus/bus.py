"""The bus over an engine: passes blocks to the listener, and checks that the engine works.

An open connection does not prove that blocks arrive. So the node sends a probe to itself every few
seconds; the bus is up while it receives these probes.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from pyconchat.bus.interfaces import IEngine, IEngineUser
from pyconchat.chat.blocks import Notice, encode_block, start_of_blocks
from pyconchat.chat.interfaces import IBus, IBusListener

__all__ = ["MAX_TOPIC_BYTES", "PROBE_SECONDS", "Bus"]

MAX_TOPIC_BYTES = 200

PROBE_SECONDS = 5.0
"""Seconds between two probes; if a probe was not received by the next one, the bus is down."""


@implementer(IBus, IEngineUser)
class Bus:
    """The bus of *node*, an id that no other running node has, for *listener*."""

    def __init__(
        self, engine: IEngine, node: str, listener: IBusListener, reactor: IReactorTime
    ) -> None:
        self.up = False
        self.told = self.heard = 0
        self.lag = 0.0
        self._engine = engine
        self._node = node
        self._own = start_of_blocks(node)
        self._listener = listener
        self._reactor = reactor
        self._followed: set[str] = set()
        self._own_topic = f"n/{node}"
        self._ready = False
        self._failing = False  # whether it was logged that the bus is down
        self._sent_at: float | None = None  # time at which the outstanding probe was sent
        self._probes = 0
        self._next_probe: IDelayedCall | None = None
        self._stopped = False

    @property
    def dropped(self) -> int:
        """Return the count of blocks that were dropped because too many were waiting."""
        return int(self._engine.dropped)

    def start(self) -> None:
        self._engine.subscribe(self._own_topic)
        self._engine.start(self)

    def stop(self) -> Deferred[None]:
        self._stopped = True
        self.lost("stopped")
        return self._engine.stop()

    def follow(self, topic: str) -> Deferred[None]:
        _check(topic)
        self._followed.add(topic)
        return self._engine.subscribe(topic)

    def unfollow(self, topic: str) -> None:
        if topic in self._followed:
            self._followed.remove(topic)
            self._engine.unsubscribe(topic)

    def tell(self, topic: str, block: bytes) -> None:
        _check(topic)
        self.told += 1
        self._engine.send(topic, block)

    def ready(self) -> None:
        self._ready = True
        self._probe()

    def lost(self, reason: str) -> None:
        if not self._failing and not self._stopped:
            self._failing = True
            _log.warn("the bus is down: {reason}", reason=reason)
        self.up = self._ready = False
        self._sent_at = None
        if self._next_probe is not None:
            self._next_probe.cancel()
            self._next_probe = None

    def received(self, topic: str, block: bytes) -> None:
        if block.startswith(self._own):
            if topic == self._own_topic:
                self._probed(block)
        elif topic in self._followed:
            self.heard += 1
            try:
                self._listener.heard(topic, block)
            except Exception:
                _log.failure("a block from the bus could not be handled")

    def _probe(self) -> None:
        """Send a probe; reconnect if the last one was not received."""
        self._next_probe = None
        if self._sent_at is not None:
            self.lost(f"nothing has come back for {PROBE_SECONDS:g} seconds")
            self._engine.reconnect()
            return
        self._probes += 1
        self._sent_at = self._reactor.seconds()
        self._next_probe = self._reactor.callLater(PROBE_SECONDS, self._probe)
        self._engine.send(self._own_topic, self._probe_block())

    def _probe_block(self) -> bytes:
        return encode_block(Notice(self._node, b"%d" % self._probes))

    def _probed(self, block: bytes) -> None:
        """Record that the outstanding probe was received, if it is *block*."""
        if self._sent_at is None or block != self._probe_block():
            return
        self.lag = self._reactor.seconds() - self._sent_at
        self._sent_at = None
        if self.up:
            return
        self.up = True
        self._engine.steady()
        if self._failing:
            self._failing = False
            _log.info("the bus is up again")
        try:
            self._listener.connected()
        except Exception:
            _log.failure("a new connection to the bus could not be handled")


_log = Logger()


def _check(topic: str) -> None:
    """Raise `ValueError` unless engines can use *topic*."""
    if not topic.isprintable() or not 0 < len(topic.encode()) <= MAX_TOPIC_BYTES:
        raise ValueError("a topic has 1 to 200 bytes, and no control characters")
