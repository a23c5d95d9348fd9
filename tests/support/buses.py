"""A bus in memory between the nodes of a test: it may lose, double and reorder what it carries."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from zope.interface import implementer

from pyconchat.chat.interfaces import IBus, IBusListener

__all__ = ["Hub", "HubBus"]


class Hub:
    """The bus of several nodes. A block arrives in the next turn of *clock*.

    While *faulty*, a third of the blocks is lost, some come twice, and some come later.
    """

    def __init__(self, clock: Clock, seed: int = 0) -> None:
        self.clock = clock
        self.faulty = False
        self.cut = False  # nothing arrives
        self.random = Random(seed)
        self.buses: list[HubBus] = []

    def bus(self, listener: IBusListener) -> HubBus:
        """Return the bus of one more node."""
        bus = HubBus(self, listener)
        self.buses.append(bus)
        return bus

    def carry(self, sender: HubBus, topic: str, block: bytes) -> None:
        """Carry *block* to all other nodes that follow *topic*."""
        for bus in self.buses:
            if bus is sender or self.cut:
                continue
            for delay in self._delays():
                self.clock.callLater(delay, bus.arrives, topic, block)

    def _delays(self) -> list[float]:
        if not self.faulty:
            return [0.0]
        choice = self.random.random()
        if choice < 0.3:
            return []
        return [0.0, 0.002] if choice < 0.45 else [self.random.choice((0.0, 0.0, 0.001, 0.05))]


@implementer(IBus)
class HubBus:
    """The bus of one node."""

    def __init__(self, hub: Hub, listener: IBusListener) -> None:
        self._hub = hub
        self._listener = listener
        self._topics: set[str] = set()
        self.up = False
        self.told = self.heard = self.dropped = 0
        self.lag = 0.0

    def start(self) -> None:
        self.up = True
        self._listener.connected()

    def stop(self) -> Deferred[None]:
        self.up = False
        if self in self._hub.buses:
            self._hub.buses.remove(self)
        return succeed(None)

    def follow(self, topic: str) -> Deferred[None]:
        self._topics.add(topic)
        return succeed(None)

    def unfollow(self, topic: str) -> None:
        self._topics.discard(topic)

    def tell(self, topic: str, block: bytes) -> None:
        self.told += 1
        self._hub.carry(self, topic, block)

    def arrives(self, topic: str, block: bytes) -> None:
        """Pass *block* on, if its topic is followed."""
        if self.up and topic in self._topics:
            self.heard += 1
            self._listener.heard(topic, block)


BusOf = Callable[[IBusListener], IBus]
