"""The bus over Redis: passwords, databases, TLS, and other servers than Redis."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol

from pyconchat.bus import kept_connection, redis_protocols
from pyconchat.bus.opening import BadBus, open_bus
from tests.support.bus_nodes import Node
from tests.support.certificates import make_certificate
from tests.support.reactor import Turning
from tests.support.redis import RedisServer

ESCAPED = "p%40ss%2Fw%3Ard"
PASSWORD = "p@ss/w:rd"
ATTEMPTS_SECONDS = 0.15  # for some attempts to connect


pytestmark = pytest.mark.usefixtures("short_delays")


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    """A server with a password."""
    server = RedisServer("--requirepass", PASSWORD)
    server.start()
    yield server
    server.close()


NodeOf = Callable[..., Node]


@pytest.fixture
def node(turns: Turning) -> Iterator[NodeOf]:
    """Start a node at a URL; all are stopped in the end."""
    nodes: list[Node] = []

    def start(name: str, url: str, chat: str = "chat") -> Node:
        node = Node(name, turns, url, "dbname=unused", chat)
        nodes.append(node)
        node.bus.follow("c/1")
        node.bus.start()
        return node

    yield start
    stopped = [each.bus.stop() for each in nodes]
    turns.until(lambda: all(each.called for each in stopped))


@pytest.mark.parametrize("login", ["", ":wrong@", "nobody:wrong@"])
def test_a_wrong_password(login: str, redis: RedisServer, node: NodeOf, turns: Turning) -> None:
    """The bus tries again until the password is the right one."""
    one = node("one", f"redis://{login}127.0.0.1:{redis.port}")
    turns.for_seconds(ATTEMPTS_SECONDS)
    assert not one.bus.up
    authorized = redis_command(redis)
    authorized(b"ACL", b"SETUSER", b"nobody", b"on", b">wrong", b"allcommands", b"allchannels")
    authorized(b"CONFIG", b"SET", b"requirepass", b"wrong" if login else b"")
    try:
        turns.until(lambda: one.bus.up)
    finally:
        authorized = redis_command(redis, b"wrong" if login else b"")
        authorized(b"ACL", b"DELUSER", b"nobody")
        authorized(b"CONFIG", b"SET", b"requirepass", PASSWORD.encode())


def redis_command(redis: RedisServer, password: bytes = PASSWORD.encode()) -> Callable[..., None]:
    """Return a function that executes a command after a login."""

    def execute(*words: bytes) -> None:
        answers = redis.commands(*([(b"AUTH", password)] if password else []), words)
        assert b"-" not in {line[:1] for line in answers.split(b"\r\n")}, answers

    return execute


def test_no_permission(redis: RedisServer, node: NodeOf, turns: Turning) -> None:
    """A user who may not publish, or not subscribe, does not make the bus seem up."""
    execute = redis_command(redis)
    for allowed in (b"+subscribe", b"+publish"):
        execute(*(b"ACL", b"SETUSER", b"half", b"reset", b"on", b">pw", b"allchannels"))
        execute(*(b"ACL", b"SETUSER", b"half", b"+auth", b"+select", allowed))
        one = node(allowed[1:].decode(), f"redis://half:pw@127.0.0.1:{redis.port}")
        turns.for_seconds(ATTEMPTS_SECONDS)
        assert not one.bus.up


def test_databases_and_chats_are_apart(redis: RedisServer, node: NodeOf, turns: Turning) -> None:
    """Redis shares channels among its databases; the bus does not, nor among chats."""
    url = f"redis://:{ESCAPED}@127.0.0.1:{redis.port}"
    one, two = node("one", url), node("two", url)
    others = [node("three", f"{url}/1"), node("four", url, "another chat")]
    turns.until(lambda: all(each.bus.up for each in (one, two, *others)))
    one.tell("c/1", "hello")
    turns.until(lambda: two.words() == ["hello"])
    turns.for_seconds(ATTEMPTS_SECONDS)
    assert [each.received for each in others] == [[], []]


def test_many_topics(
    redis: RedisServer, node: NodeOf, turns: Turning, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are subscribed by several commands, each with a bounded number of channels."""
    monkeypatch.setattr(redis_protocols, "MAX_CHANNELS", 3)
    url = f"redis://:{ESCAPED}@127.0.0.1:{redis.port}"
    one, two = node("one", url), node("two", url)
    topics = [f"c/{number}" for number in range(10)]
    for topic in topics:
        two.bus.follow(topic)
    for times in (1, 2):
        turns.until(lambda times=times: one.connections == two.connections == times)
        for topic in topics:
            one.tell(topic, "hello")
        turns.until(lambda: [topic for topic, _ in two.received] == topics)
        two.received.clear()
        redis_command(redis)(b"CLIENT", b"KILL", b"TYPE", b"pubsub")


def test_a_large_load(
    redis: RedisServer, node: NodeOf, turns: Turning, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Redis has not confirmed is bounded, by number and by size; the rest waits, in order."""
    monkeypatch.setattr(redis_protocols, "MAX_UNCONFIRMED", 7)
    monkeypatch.setattr(redis_protocols, "MAX_UNCONFIRMED_BYTES", 3000)
    url = f"redis://:{ESCAPED}@127.0.0.1:{redis.port}"
    one, two = node("one", url), node("two", url)
    turns.until(lambda: one.bus.up and two.bus.up)
    words = [f"{number}" * (1 + number % 300) for number in range(300)]
    one.tell("c/1", *words)
    turns.until(lambda: len(two.received) == len(words))
    assert two.words() == words


def test_tls(tmp_path: Path, node: NodeOf, turns: Turning) -> None:
    """``rediss`` needs a certificate that is trusted, and that is the host's."""
    make_certificate(tmp_path / "pem")
    file = str(tmp_path / "pem")
    options = ("--tls-cert-file", file, "--tls-key-file", file, "--tls-auth-clients", "no")
    server = RedisServer(*options, tls=True)
    try:
        server.start()
        url = f"rediss://localhost:{server.port}/0"
        one = node("one", f"{url}?ssl_ca_certs={file}")
        untrusting = node("two", url)
        other_host = node("three", f"rediss://127.0.0.2:{server.port}/0?ssl_ca_certs={file}")
        turns.until(lambda: one.bus.up)
        turns.for_seconds(ATTEMPTS_SECONDS)
        assert not untrusting.bus.up
        assert not other_host.bus.up
    finally:
        server.close()


@pytest.mark.parametrize("content", [None, "not a certificate"])
def test_certificates_that_cannot_be_read(
    content: str | None, tmp_path: Path, node: NodeOf
) -> None:
    """The reason names the file."""
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(BadBus, match=r"bus\.url: .*ca\.pem"):
        node("one", f"rediss://localhost?ssl_ca_certs={file}")


class Stranger(Protocol):
    """Answers everything with *answer*."""

    answer = b""

    def dataReceived(self, data: bytes) -> None:
        if self.answer:
            assert self.transport is not None
            self.transport.write(self.answer)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"+OK\r\n" * 5,
        b":1\r\n",
        b"*3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$1\r\nx\r\n" * 3,
        b"*1\r\n*1\r\n*0\r\n",
        b"-LOADING\r\n",
    ],
)
def test_a_server_that_is_not_redis(
    answer: bytes, node: NodeOf, turns: Turning, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bus disconnects and retries; it receives nothing."""
    monkeypatch.setattr(kept_connection, "CONNECT_SECONDS", 0.1)
    factory = Factory.forProtocol(Stranger)
    factory.noisy = False
    connections: list[Protocol] = []

    def build(_address: object) -> Protocol:
        protocol = Stranger()
        protocol.answer = answer
        connections.append(protocol)
        return protocol

    monkeypatch.setattr(factory, "buildProtocol", build)
    port = turns.reactor.listenTCP(0, factory, interface="127.0.0.1")
    try:
        one = node("one", f"redis://127.0.0.1:{port.getHost().port}")
        turns.until(lambda: len(connections) >= 4)
        assert not one.bus.up
        assert one.received == []
        stopped: Deferred[None] = one.bus.stop()
        turns.until(lambda: stopped.called)
    finally:
        closed = port.stopListening()
        turns.until(lambda: closed is None or closed.called)


def test_a_bus_that_cannot_be(turns: Turning) -> None:
    """SQLite has one node; a bus for more is an error."""
    listener = Node("one", turns, "", "")
    assert listener.bus.up
    with pytest.raises(BadBus, match="PostgreSQL"):
        open_bus("redis://h", "", "chat", "one", listener, turns.reactor)
