"""ServerConnection: pings, and connections without a byte."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from pyconchat.client.interfaces import ConnectionState
from pyconchat.client.net.connection import MAX_SILENCE, PING_AFTER, ServerConnection
from tests.client.fakes import (
    FakeServer,
    Recorder,
    lines_of,
)
from tests.client.net.connections import FakeLogin, advance, ask, make_connection


def test_pings(connection: ServerConnection, clock: Clock, fake: FakeServer) -> None:
    """One after each 20 s of silence."""
    fake.connection.accepts_login()
    advance(clock, PING_AFTER - 1)
    assert fake.connection.receives() == []
    advance(clock, 6)
    assert fake.connection.receives_one() == {"id": 0}
    fake.connection.sends({"re": 0, "ok": True})
    advance(clock, PING_AFTER - 1)
    assert fake.connection.receives() == []
    advance(clock, 6)
    assert fake.connection.receives_one() == {"id": 0}


def test_a_connection_with_pings_only(
    connection: ServerConnection, clock: Clock, fake: FakeServer
) -> None:
    """It lasts for hours, as long as the server answers."""
    fake.connection.accepts_login()
    for _ in range(3600):
        clock.advance(1)
        for _ping in fake.connection.receives():
            fake.connection.sends({"re": 0, "ok": True})
    assert len(fake.connections) == 1
    assert connection.state is ConnectionState.LIVE
    assert connection.unanswered == 0


def test_a_dead_connection(connection: ServerConnection, clock: Clock, fake: FakeServer) -> None:
    """After 35 s without a byte the client reconnects, and repeats the requests."""
    fake.connection.accepts_login()
    ask(connection, "one")
    dead = fake.connection
    advance(clock, MAX_SILENCE - 1)
    assert dead.is_open
    advance(clock, 6)
    assert dead.transport.disconnected
    server = fake.connection if fake.connection is not dead else fake.reconnects()
    server.accepts_login()
    assert lines_of(server.receives()) == ["one"]


def test_a_slow_line_is_not_silence(
    connection: ServerConnection, clock: Clock, fake: FakeServer, listener: Recorder
) -> None:
    """A slow network may take minutes for one line."""
    fake.connection.accepts_login()
    fake.connection.sends_bytes(b'{"type": "message", "group": "tea", "seq": 1, "text": "')
    for _ in range(300):
        clock.advance(1)
        fake.connection.sends_bytes(b"x")
    fake.connection.sends_bytes(b'"}\n')
    assert listener.texts == ["x" * 300]
    assert len(fake.connections) == 1


def test_a_person_may_take_their_time(
    clock: Clock, fake: FakeServer, login: FakeLogin, listener: Recorder
) -> None:
    """While somebody is asked, there is no timeout."""
    login.person = Deferred()
    make_connection(clock, fake, login, listener).start()
    advance(clock, 600)
    assert fake.connection.is_open
    assert len(fake.connections) == 1
    assert fake.connection.receives() == []


def test_a_server_that_does_not_answer_the_hello(
    connection: ServerConnection, clock: Clock, fake: FakeServer
) -> None:
    """The client reconnects."""
    assert fake.connection.receives_one()["hello"] == 1
    advance(clock, 300)
    assert len(fake.connections) > 1
