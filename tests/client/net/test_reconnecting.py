"""ServerConnection: reconnects, and when."""

from __future__ import annotations

from twisted.internet.task import Clock

from pyconchat.client.interfaces import ConnectionState
from pyconchat.client.net.connection import ServerConnection
from tests.client.fakes import (
    FakeServer,
    Recorder,
)
from tests.client.net.connections import advance


def test_reconnecting(connection: ServerConnection, fake: FakeServer, listener: Recorder) -> None:
    """When the connection is lost, the client logs in again."""
    fake.connection.accepts_login()
    fake.connection.disconnects()
    assert connection.state is ConnectionState.WAITING
    fake.reconnects().accepts_login()
    assert connection.state is ConnectionState.LIVE
    assert listener.ends == []


def test_the_intervalsbetween_attempts(
    connection: ServerConnection, clock: Clock, fake: FakeServer
) -> None:
    """They grow from 0.3 s to at most 16 s, with jitter."""
    fake.connection.accepts_login()
    fake.is_unreachable = True
    fake.attempts.clear()
    fake.attempts.append(clock.seconds())
    fake.connection.disconnects()
    for _ in range(2500):
        clock.advance(0.1)
    intervals = [b - a for a, b in zip(fake.attempts, fake.attempts[1:], strict=False)]
    assert 0.3 <= intervals[0] <= 1.7
    for number, wait in enumerate(intervals, 1):
        shortest = min(0.3 * 1.6**number, 15.0)
        assert shortest - 0.11 <= wait <= shortest + 1.2
    assert max(intervals) <= 16.2
    jitter = {
        round(wait - min(0.3 * 1.6**number, 15.0), 1) for number, wait in enumerate(intervals, 1)
    }
    assert len(jitter) > 3


def test_reconnecting_after_a_day(
    connection: ServerConnection, clock: Clock, fake: FakeServer
) -> None:
    """The client does not give up."""
    fake.is_unreachable = True
    fake.connection.disconnects()
    for _ in range(24 * 60):
        clock.advance(60)
    fake.is_unreachable = False
    fake.reconnects().accepts_login()
    assert connection.state is ConnectionState.LIVE


def test_the_first_wait_after_a_login(
    connection: ServerConnection, clock: Clock, fake: FakeServer
) -> None:
    """It is short again."""
    fake.is_unreachable = True
    fake.connection.disconnects()
    for _ in range(100):
        clock.advance(1)
    fake.is_unreachable = False
    fake.reconnects().accepts_login()
    fake.connection.disconnects()
    clock.advance(1.5)
    assert fake.connection.is_open


def test_the_intervalsafter_failed_logins(
    connection: ServerConnection, clock: Clock, fake: FakeServer
) -> None:
    """They grow too, if the server closes each connection before the login."""
    fake.attempts.clear()
    for _ in range(3000):
        if fake.connection.is_open:
            fake.connection.disconnects()
        clock.advance(0.1)
    assert len(fake.attempts) < 35


def test_why_connecting_failed(
    connection: ServerConnection, clock: Clock, fake: FakeServer, listener: Recorder
) -> None:
    """The reason is reported when it is new, not at each attempt."""
    fake.connection.accepts_login()
    fake.is_unreachable = True
    fake.connection.disconnects()
    advance(clock, 100)
    assert len(listener.failures) == 1
    assert connection.problem == listener.failures[0]
