"""A bus in memory between several nodes, which loses, repeats and reorders blocks by a seed."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from zope.interface import implementer

from pyconchat.chat.blocks import start_of_blocks
from pyconchat.chat.interfaces import IBus, IBusListener

__all__ = ["NO_FAULTS", "Faults", "FaultyBus", "Network"]


class Faults(NamedTuple):
    """The shares of lost and of repeated blocks, and the maximum delay in seconds."""

    lost: float = 0.1
    twice: float = 0.1
    seconds: float = 0.05


SOME_FAULTS = Faults()
NO_FAULTS = Faults(0, 0, 0)


class Network:
    """Delivers blocks between the buses that it makes, when *clock* is advanced.

    Each delivery has a random delay, so that blocks are reordered.
    """

    def __init__(self, clock: Clock, seed: int = 0, faults: Faults = SOME_FAULTS) -> None:
        self.faults = faults
        self._clock = clock
        self._random = Random(seed)
        self._buses: list[FaultyBus] = []

    def bus(self, node: str, listener: IBusListener) -> FaultyBus:
        """Return the bus of *node*, for *listener*. It receives nothing before its `start`."""
        bus = FaultyBus(self, node, listener)
        self._buses.append(bus)
        return bus

    def bus_of(self, node: str) -> FaultyBus:
        """Return the newest bus of *node*."""
        return [bus for bus in self._buses if bus.node == node][-1]

    def carry(self, sender: FaultyBus, topic: str, block: bytes) -> None:
        """Deliver *block* to the other buses."""
        assert block.startswith(start_of_blocks(sender.node)), "a node sends its own blocks"
        for bus in self._buses:
            if bus is sender:
                continue
            copies = 1 + (self._random.random() < self.faults.twice)
            for _ in range(copies):
                if self._random.random() >= self.faults.lost:
                    seconds = self._random.random() * self.faults.seconds
                    self._clock.callLater(seconds, bus.arrived, topic, block)


@implementer(IBus)
class FaultyBus:
    """The bus of *node*, which a test can disconnect."""

    def __init__(self, network: Network, node: str, listener: IBusListener) -> None:
        self.up = False
        self.told = self.heard = self.dropped = 0
        self.lag = 0.0
        self.node = node
        self._network = network
        self._listener = listener
        self._followed: set[str] = set()

    def start(self) -> None:
        self.join()

    def stop(self) -> Deferred[None]:
        self.cut()
        return succeed(None)

    def cut(self) -> None:
        """Disconnect: blocks to and from the others are lost."""
        self.up = False

    def join(self) -> None:
        """Connect again."""
        if not self.up:
            self.up = True
            self._listener.connected()

    def follow(self, topic: str) -> Deferred[None]:
        self._followed.add(topic)
        return succeed(None)

    def unfollow(self, topic: str) -> None:
        self._followed.discard(topic)

    def tell(self, topic: str, block: bytes) -> None:
        self.told += 1
        if self.up:
            self._network.carry(self, topic, block)
        else:
            self.dropped += 1

    def arrived(self, topic: str, block: bytes) -> None:
        """Receive *block*, if the bus is up and follows *topic*."""
        if self.up and topic in self._followed:
            self.heard += 1
            self._listener.heard(topic, block)
