"""The bus over an engine that the test controls."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from zope.interface import implementer
from zope.interface.verify import verifyObject

from pyconchat.bus.bus import PROBE_SECONDS, Bus
from pyconchat.bus.interfaces import IEngine, IEngineUser
from pyconchat.chat.blocks import BadBlock, Notice, encode_block
from pyconchat.chat.interfaces import IBusListener

OTHERS = encode_block(Notice("two", b"hello"))
OWN = encode_block(Notice("one", b"hello"))


@implementer(IEngine)
class FakeEngine:
    """Keeps what is sent; `come_back` delivers it."""

    dropped = 7

    def __init__(self) -> None:
        self.user: IEngineUser | None = None
        self.sent: list[tuple[str, bytes]] = []
        self.topics: set[str] = set()
        self.reconnects = self.steadies = 0

    def start(self, user: IEngineUser) -> None:
        self.user = user

    def stop(self) -> Deferred[None]:
        return succeed(None)

    def reconnect(self) -> None:
        self.reconnects += 1

    def steady(self) -> None:
        self.steadies += 1

    def subscribe(self, topic: str) -> Deferred[None]:
        self.topics.add(topic)
        return succeed(None)

    def unsubscribe(self, topic: str) -> None:
        self.topics.remove(topic)

    def send(self, topic: str, block: bytes) -> None:
        self.sent.append((topic, block))

    def come_back(self) -> None:
        """Deliver all that was sent."""
        assert self.user is not None
        sent, self.sent = self.sent, []
        for topic, block in sent:
            self.user.received(topic, block)


@implementer(IBusListener)
class Scene:
    """A node with its bus."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.engine = FakeEngine()
        self.received: list[tuple[str, bytes]] = []
        self.connections = 0
        self.bus = Bus(self.engine, "one", self, self.clock)
        self.bus.start()

    def heard(self, topic: str, block: bytes) -> None:
        self.received.append((topic, block))

    def connected(self) -> None:
        self.connections += 1


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_the_interfaces(scene: Scene) -> None:
    """The bus is what engines use, and counts what they drop."""
    assert verifyObject(IEngineUser, scene.bus)
    assert verifyObject(IEngine, scene.engine)
    assert scene.bus.dropped == 7


def test_it_is_up_when_a_block_has_come_back(scene: Scene) -> None:
    """An open connection is not enough; the listener is called when the bus is up."""
    scene.bus.ready()
    assert not scene.bus.up
    scene.clock.advance(0.25)
    scene.engine.come_back()
    assert (scene.bus.up, scene.connections, scene.bus.lag) == (True, 1, 0.25)
    assert scene.engine.steadies == 1
    for _ in range(3):
        scene.clock.advance(PROBE_SECONDS)
        scene.engine.come_back()
    assert (scene.bus.up, scene.connections, scene.engine.reconnects) == (True, 1, 0)


def test_it_is_down_when_nothing_comes_back(scene: Scene) -> None:
    """The engine connects anew, and the bus does not send more before."""
    scene.bus.ready()
    scene.engine.come_back()
    scene.clock.advance(PROBE_SECONDS)
    late = list(scene.engine.sent)
    scene.clock.advance(PROBE_SECONDS)
    assert not scene.bus.up
    assert scene.engine.reconnects == 1
    scene.clock.advance(10 * PROBE_SECONDS)
    assert scene.engine.sent == late
    scene.bus.ready()
    for topic, block in late:
        scene.bus.received(topic, block)
    assert not scene.bus.up  # an old one says nothing about the new connection


def test_a_lost_connection(scene: Scene) -> None:
    """The bus is down at once, and up when a block has come back over the next connection."""
    scene.bus.ready()
    scene.engine.come_back()
    for _ in range(2):
        scene.bus.lost("closed")
        assert not scene.bus.up
    scene.clock.advance(10 * PROBE_SECONDS)
    assert scene.engine.sent == []
    scene.bus.ready()
    scene.engine.come_back()
    assert (scene.bus.up, scene.connections) == (True, 2)


def test_what_is_heard(scene: Scene) -> None:
    """Blocks of others, to followed topics."""
    scene.bus.follow("c/1")
    for topic, block in (("c/2", OTHERS), ("c/1", OWN), ("c/1", OTHERS), ("n/one", OTHERS)):
        scene.bus.received(topic, block)
    assert scene.received == [("c/1", OTHERS)]
    scene.bus.unfollow("c/1")
    scene.bus.received("c/1", OTHERS)
    assert scene.bus.heard == len(scene.received) == 1
    assert scene.engine.topics == {"n/one"}


def test_nothing_happens_after_the_stop(scene: Scene) -> None:
    """No timer is left."""
    scene.bus.ready()
    scene.engine.come_back()
    scene.bus.stop()
    assert not scene.bus.up
    assert scene.clock.getDelayedCalls() == []


@pytest.mark.parametrize("node", ["", "n" * 200])
def test_an_id_that_blocks_cannot_have(node: str) -> None:
    """It is refused at once."""
    with pytest.raises(BadBlock):
        Bus(FakeEngine(), node, Scene(), Clock())
