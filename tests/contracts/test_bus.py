"""The contract of a bus, with a real PostgreSQL and a real Redis, which are killed meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from psycopg.conninfo import make_conninfo
from sqlalchemy import create_engine, make_url, text
from twisted.internet.defer import Deferred
from zope.interface.verify import verifyObject

from pyconchat.bus import bus as bus_module
from pyconchat.bus import notify_threads
from pyconchat.chat.blocks import (
    BlockEntry,
    Entries,
    Head,
    Notice,
    encode_entries,
)
from pyconchat.chat.interfaces import IBus
from tests.contracts.postgres import Databases
from tests.support.bus_nodes import Node
from tests.support.reactor import Turning
from tests.support.redis import RedisServer

pytestmark = pytest.mark.usefixtures("short_delays")


class NotifyServer:
    """A database whose connections a test ends."""

    url = ""

    def __init__(self, databases: Databases) -> None:
        self._databases = databases
        self._name = databases.create()
        url = make_url(databases.url(self._name))
        self.conninfo = make_conninfo(
            host=url.query.get("host", url.host),
            port=url.port,
            user=url.username,
            password=url.password,
            dbname=self._name,
        )
        self._admin = create_engine(
            url.set(drivername="postgresql+psycopg", database="postgres"),
            isolation_level="AUTOCOMMIT",
        )

    def kill(self) -> None:
        """End all connections, and refuse new ones."""
        self._execute(f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS false")
        self.cut()

    def start(self) -> None:
        """Accept connections again."""
        self._execute(f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS true")

    def cut(self) -> None:
        """End all connections."""
        self._execute(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{self._name}'"
        )

    def connections(self) -> int:
        """Return how many connections there are."""
        with self._admin.connect() as connection:
            query = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{self._name}'"
            return int(connection.execute(text(query)).scalar_one())

    def close(self) -> None:
        self._admin.dispose()
        self._databases.drop(self._name)

    def _execute(self, statement: str) -> None:
        with self._admin.connect() as connection:
            connection.execute(text(statement))


class Redis(RedisServer):
    """As `NotifyServer`."""

    conninfo = "dbname=unused"

    def __init__(self) -> None:
        super().__init__()
        self.url = f"redis://127.0.0.1:{self.port}/3"
        self.start()

    def cut(self) -> None:
        for kind in (b"normal", b"pubsub"):
            self.command(b"CLIENT", b"KILL", b"TYPE", kind)

    def connections(self) -> int:
        return self.command(b"CLIENT", b"LIST").count(b" db=3 ")


Engine = NotifyServer | Redis


@pytest.fixture(scope="module")
def redis() -> Iterator[Redis]:
    server = Redis()
    yield server
    server.close()


@pytest.fixture(scope="module")
def notify(databases: Databases) -> Iterator[NotifyServer]:
    server = NotifyServer(databases)
    yield server
    server.close()


@pytest.fixture(params=["postgresql", "redis"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    name = "notify" if request.param == "postgresql" else "redis"
    engine: Engine = request.getfixturevalue(name)
    yield engine
    engine.start()


NodeOf = Callable[..., Node]


@pytest.fixture
def node(engine: Engine, turns: Turning) -> Iterator[NodeOf]:
    """Start a node, and wait until its bus is up; all are stopped in the end."""
    nodes: list[Node] = []

    def start(name: str, wait: bool = True) -> Node:
        node = Node(name, turns, engine.url, engine.conninfo)
        nodes.append(node)
        node.bus.start()
        if wait:
            turns.until(lambda: node.bus.up)
        return node

    yield start
    stopped = [each.bus.stop() for each in nodes]
    turns.until(lambda: all(each.called for each in stopped))


@pytest.fixture
def two(node: NodeOf, turns: Turning) -> tuple[Node, Node]:
    """Two nodes, of which the second follows ``c/1``."""
    one, two = node("one", wait=False), node("two", wait=False)
    turns.until(lambda: one.bus.up and two.bus.up)
    followed = two.bus.follow("c/1")
    turns.until(lambda: followed.called)
    return one, two


def test_the_interface(node: NodeOf) -> None:
    """What `open_bus` returns is an `IBus`."""
    assert verifyObject(IBus, node("one", wait=False).bus)


def test_a_follower_hears_what_others_tell(two: tuple[Node, Node], turns: Turning) -> None:
    """In order, each once; neither the teller, nor what is told to other topics."""
    one, other = two
    followed = one.bus.follow("c/1")
    turns.until(lambda: followed.called)
    numbers = [str(number) for number in range(2000)]
    for number in numbers:
        one.tell("c/1", number)
        one.tell("c/11", "elsewhere")
    turns.until(lambda: len(other.received) == 2000)
    assert other.words() == numbers
    other.tell("c/1", "answer")
    turns.until(lambda: one.received)
    assert one.received == [("c/1", Notice("two", b"answer"))]
    assert (one.bus.told, one.bus.heard, other.bus.heard) == (4000, 1, 2000)
    assert one.bus.dropped == other.bus.dropped == 0
    assert 0 < one.bus.lag < 30


def test_topics_with_letters_of_all_scripts(two: tuple[Node, Node], turns: Turning) -> None:
    """The keys of accounts have them, and the server's administrator a space."""
    one, other = two
    for key in ("ñandú", "алиса", "the administrator"):
        followed = other.bus.follow(f"a/{key}")
        turns.until(lambda followed=followed: followed.called)
        one.tell(f"a/{key}", "changed")
        turns.until(lambda key=key: other.words(f"a/{key}") == ["changed"])


@pytest.mark.parametrize("topic", ["", "a\nb", "a\0", "a" * 201])
def test_a_topic_that_engines_could_not_use(topic: str, two: tuple[Node, Node]) -> None:
    """It is refused at once, and does not disturb others."""
    with pytest.raises(ValueError, match="topic"):
        two[0].tell(topic, "hello")
    with pytest.raises(ValueError, match="topic"):
        two[0].bus.follow(topic)


def test_what_is_told_after_following_is_heard(two: tuple[Node, Node], turns: Turning) -> None:
    """When `follow` fires, nothing that is told later is missed: the head can be read then."""
    one, other = two
    for number in range(50):
        topic = f"c/{100 + number}"
        followed = other.bus.follow(topic)
        followed.addCallback(lambda _, topic=topic: one.tell(topic, "hello"))
    turns.until(lambda: len(other.received) == 50)


def test_after_unfollowing_nothing_is_heard(two: tuple[Node, Node], turns: Turning) -> None:
    """Also when a topic that is not followed is unfollowed; it can be followed again."""
    one, other = two
    followed = other.bus.follow("c/2")
    other.bus.unfollow("c/1")
    other.bus.unfollow("c/1")
    turns.until(lambda: followed.called)
    one.tell("c/1", "lost")
    one.tell("c/2", "heard")
    turns.until(lambda: other.received)
    assert other.words() == []
    followed = other.bus.follow("c/1")
    turns.until(lambda: followed.called)
    one.tell("c/1", "heard again")
    turns.until(lambda: other.words() == ["heard again"])


def test_a_connection_that_is_ended(two: tuple[Node, Node], engine: Engine, turns: Turning) -> None:
    """The bus connects again, says so, and hears all topics that were followed."""
    one, other = two
    for _ in range(2):
        one.connections = other.connections = 0
        engine.cut()
        turns.until(lambda: one.connections and other.connections)
        one.tell("c/1", "again")
        turns.until(lambda: other.words()[-1:] == ["again"])
        other.received.clear()


def test_an_engine_that_is_down(two: tuple[Node, Node], engine: Engine, turns: Turning) -> None:
    """`up` is false, nothing waits, and what was told meanwhile is told when it runs again."""
    one, other = two
    engine.kill()
    turns.until(lambda: not one.bus.up and not other.bus.up)
    one.tell("c/1", "meanwhile")
    assert other.bus.follow("c/5").called
    other.bus.unfollow("c/1")
    assert other.bus.follow("c/1").called
    engine.start()
    turns.until(lambda: one.connections == other.connections == 2)
    one.tell("c/5", "after")
    turns.until(lambda: other.words("c/5") == ["after"])
    assert set(other.words()) <= {"meanwhile"}  # told before the other one had connected, or after


def test_a_start_while_the_engine_is_down(node: NodeOf, engine: Engine, turns: Turning) -> None:
    """A node starts without it, and connects when it can."""
    engine.kill()
    one = node("one", wait=False)
    one.bus.follow("c/1")
    one.tell("c/1", "early")
    turns.for_seconds(0.1)
    assert not one.bus.up
    engine.start()
    turns.until(lambda: one.bus.up)
    assert one.connections == 1


def test_stopping_while_the_engine_is_down(node: NodeOf, engine: Engine, turns: Turning) -> None:
    """The fixture stops a bus that has never connected, and one that has lost its connection."""
    node("two")
    engine.kill()
    node("one", wait=False)
    engine.start()


def test_stopping(node: NodeOf, engine: Engine, turns: Turning) -> None:
    """What was told is sent before; then no connection is left, and nothing is heard."""
    one, other = node("one"), node("two")
    followed = other.bus.follow("c/1")
    turns.until(lambda: followed.called)
    for number in range(3000):
        one.tell("c/1", str(number))
    stopped: Deferred[None] = one.bus.stop()
    assert not one.bus.up
    turns.until(lambda: stopped.called)
    turns.until(lambda: len(other.received) == 3000)
    stopped = other.bus.stop()
    turns.until(lambda: stopped.called)
    turns.until(lambda: engine.connections() == 0)
    assert one.connections == other.connections == 1


def test_more_than_can_wait(node: NodeOf, engine: Engine, turns: Turning) -> None:
    """The oldest blocks are dropped, and counted."""
    one = node("one")
    engine.kill()
    turns.until(lambda: not one.bus.up)
    for number in range(10_100):
        one.tell("c/1", str(number))
    assert 100 <= one.bus.dropped <= 110  # with blocks of the bus's own
    engine.start()
    turns.until(lambda: one.bus.up)


def test_an_engine_that_hangs(
    two: tuple[Node, Node], engine: Engine, turns: Turning, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its connections stay open, but nothing arrives: the bus is down, and connects again."""
    monkeypatch.setattr(bus_module, "PROBE_SECONDS", 0.2)
    one, other = two
    engine.cut()  # from now on the new interval counts
    turns.until(lambda: one.connections == other.connections == 2)
    if isinstance(engine, Redis):
        engine.freeze()
    else:
        # Connections work, but no notification is sent.
        monkeypatch.setattr(notify_threads, "_NOTIFY", b"SELECT $1::text, $2::text")
    turns.until(lambda: not one.bus.up and not other.bus.up)
    if isinstance(engine, Redis):
        engine.thaw()
    else:
        monkeypatch.undo()
    turns.until(lambda: one.bus.up and other.bus.up)
    one.tell("c/1", "hello")
    turns.until(lambda: "hello" in other.words())


def test_a_block_of_entries(two: tuple[Node, Node], engine: Engine, turns: Turning) -> None:
    """Small ones come as they are; a notification has room for the last number of large ones."""
    one, other = two
    small = [BlockEntry(time.time_ns() // 10**6, bytes(range(256)) * 10, 7)] * 2
    large = [BlockEntry(5, b"\0\n '\\" * 800, None)] * 8
    for entries in (small, large):
        one.bus.tell("c/1", encode_entries("one", 1, 20, entries))
    turns.until(lambda: len(other.received) == 2)
    assert other.received[0] == ("c/1", Entries("one", 1, 20, small))
    whole = isinstance(engine, Redis)
    expected = Entries("one", 1, 20, large) if whole else Head("one", 1, 27)
    assert other.received[1] == ("c/1", expected)


def test_a_listener_that_fails(
    two: tuple[Node, Node], engine: Engine, turns: Turning, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next block is heard."""
    one, other = two
    calls = []

    def fails(*arguments: object) -> None:
        calls.append(arguments)
        raise RuntimeError("a defect")

    monkeypatch.setattr(other, "heard", fails)
    one.tell("c/1", "first", "second")
    turns.until(lambda: len(calls) == 2)
    monkeypatch.setattr(other, "connected", fails)
    engine.cut()
    turns.until(lambda: len(calls) == 3)
    assert other.bus.up
