"""The bus that other tests use for faults does make them, and none when it should not."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock
from zope.interface import implementer
from zope.interface.verify import verifyObject

from pyconchat.chat.blocks import Head, decode_block, encode_block
from pyconchat.chat.interfaces import IBus, IBusListener
from tests.support.faulty_bus import NO_FAULTS, Faults, FaultyBus, Network


@implementer(IBusListener)
class Node:
    def __init__(self, network: Network, name: str) -> None:
        self.bus: FaultyBus = network.bus(name, self)
        self.numbers: list[int] = []
        self.connections = 0
        self.bus.follow("c/1")
        self.bus.start()

    def heard(self, topic: str, block: bytes) -> None:
        head = decode_block(block)
        assert isinstance(head, Head)
        self.numbers.append(head.last)

    def connected(self) -> None:
        self.connections += 1

    def tell(self, *numbers: int) -> None:
        for number in numbers:
            self.bus.tell("c/1", encode_block(Head(self.bus.node, 1, number)))


def three(seed: int, faults: Faults) -> tuple[Clock, Network, list[Node]]:
    clock = Clock()
    network = Network(clock, seed, faults)
    return clock, network, [Node(network, name) for name in ("one", "two", "three")]


@pytest.mark.parametrize("seed", range(3))
def test_faults(seed: int) -> None:
    """Blocks are lost, come twice and overtake each other; a seed gives the same faults again."""
    heard = []
    for _ in range(2):
        clock, _network, (one, two, _three) = three(seed, Faults())
        one.tell(*range(1, 201))
        clock.advance(1)
        heard.append(two.numbers)
    assert heard[0] == heard[1]
    numbers = heard[0]
    assert 120 < len(set(numbers)) < 200
    assert len(numbers) > len(set(numbers))
    assert numbers != sorted(numbers)
    assert one.numbers == []


def test_without_faults() -> None:
    """Everybody else hears everything in order; who is cut off, nothing, also not later."""
    clock, _network, (one, two, other) = three(0, NO_FAULTS)
    assert verifyObject(IBus, one.bus)
    one.tell(1, 2, 3)
    other.bus.cut()
    clock.advance(0)
    one.tell(4)
    other.tell(5)
    clock.advance(0)
    other.bus.join()
    one.tell(6)
    clock.advance(0)
    assert two.numbers == [1, 2, 3, 4, 6]
    assert other.numbers == [6]
    assert (two.connections, other.connections) == (1, 2)
