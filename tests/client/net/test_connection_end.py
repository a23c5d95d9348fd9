"""ServerConnection: why and how it ends."""

from __future__ import annotations

import json
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from pyconchat.client.interfaces import ConnectionState
from pyconchat.client.net.connection import ServerConnection
from pyconchat.client.net.opening import WAIT
from tests.client.fakes import (
    FakeServer,
    Recorder,
    private_message,
)
from tests.client.net.connections import FakeLogin, advance, make_connection


@pytest.mark.parametrize("why", ["stopping", "late", "trouble"])
def test_temporary_ends(
    connection: ServerConnection, fake: FakeServer, listener: Recorder, why: str
) -> None:
    """The client reconnects to a server that stops or has trouble."""
    fake.connection.accepts_login()
    fake.connection.sends({"type": "end", "why": why, "text": "Bye."})
    fake.connection.disconnects()
    assert listener.ends == []
    fake.reconnects().accepts_login()
    assert connection.state is ConnectionState.LIVE


@pytest.mark.parametrize("why", ["put-off", "password", "everywhere", "bad-json", "something-new"])
def test_final_ends(
    connection: ServerConnection, fake: FakeServer, listener: Recorder, why: str
) -> None:
    """The server's reason is reported once, and the client does not reconnect."""
    fake.connection.accepts_login()
    fake.connection.sends({"type": "end", "why": why, "text": "You were kicked off."})
    fake.connection.sends({"type": "end", "why": why, "text": "Really."})
    fake.connection.disconnects()
    assert listener.ends == ["You were kicked off."]
    assert connection.state is ConnectionState.ENDED
    assert ConnectionState.WAITING not in listener.states


def test_too_many_wrong_passwords(
    connection: ServerConnection, fake: FakeServer, listener: Recorder
) -> None:
    """The server's reason is shown, and the client connects again, to ask for another password."""
    fake.connection.receives()
    text = "There were too many wrong passwords."
    fake.connection.sends({"type": "end", "why": "wrong-password", "text": text})
    fake.connection.disconnects()
    assert listener.ends == []
    assert text.rstrip(".") in listener.failures
    fake.reconnects().accepts_login()


@pytest.mark.parametrize(
    ("opening", "reason"),
    [
        (b"* There are too many connections from your address; close one.\n", "too many"),
        (b"* Welcome.\nUsername: * You took too long.\n", "You took too long"),
    ],
)
def test_the_reason_of_a_server_that_closes(
    connection: ServerConnection,
    fake: FakeServer,
    listener: Recorder,
    opening: bytes,
    reason: str,
) -> None:
    """It is shown, and the next attempt comes later, because each counts against the limits."""
    fake.connection.sends_bytes(opening)
    fake.connection.disconnects()
    assert reason in listener.failures[-1]
    advance(fake.clock, WAIT - 1)
    assert len(fake.connections) == 1
    advance(fake.clock, 2)
    fake.connection.accepts_login()
    assert connection.state is ConnectionState.LIVE


@pytest.mark.parametrize(
    ("opening", "reason"),
    [
        (b"\x15\x03\x01\x00\x02\x02\x46", "--tls"),
        (b"HTTP/1.0 400 Bad request\r\n\r\n", "web server"),
        (b'<!DOCTYPE HTML><p>Bad request syntax ({"hello":1})', "web server"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "Another server"),
        (b"ERROR :This port is for IRC clients.\r\n", "for IRC clients"),
        (b"220 mail.example.org ESMTP", "Another server"),
    ],
)
def test_a_server_of_another_protocol(
    connection: ServerConnection,
    fake: FakeServer,
    listener: Recorder,
    opening: bytes,
    reason: str,
) -> None:
    """The client says so and ends: trying again would not help."""
    fake.connection.sends_bytes(opening)
    fake.connection.disconnects()
    (end,) = listener.ends
    assert reason in end


def test_the_hello_is_bounded(
    connection: ServerConnection, fake: FakeServer, listener: Recorder
) -> None:
    """After messages of 5,000 people it still fits in a server's line; the newest are in it."""
    fake.connection.accepts_login()
    for number in range(5000):
        fake.connection.sends(private_message(7, "hi", f"partner{number}"))
    fake.connection.disconnects()
    (hello,) = fake.reconnects().receives()
    assert len(json.dumps(hello)) < 12_000
    assert hello["since"]["@partner4999"] == 7
    assert "@partner0" not in hello["since"]


def test_a_wanted_end(connection: ServerConnection, fake: FakeServer, listener: Recorder) -> None:
    """After a goodbye, no reason is reported."""
    fake.connection.accepts_login()
    fake.connection.sends({"type": "end", "why": "bye", "text": "Bye."})
    assert listener.ends == [""]


@pytest.mark.parametrize("why", [None, 1, [], ["late"], {}, True, ""])
@pytest.mark.parametrize("text", [None, 1, [], {"a": 1}])
def test_an_invalid_end(
    connection: ServerConnection, fake: FakeServer, listener: Recorder, why: Any, text: Any
) -> None:
    """The connection ends for good, with some reason."""
    fake.connection.accepts_login()
    fake.connection.sends({"type": "end", "why": why, "text": text})
    assert len(listener.ends) == 1
    assert listener.ends[0]


def test_stop_while_waiting(connection: ServerConnection, clock: Clock, fake: FakeServer) -> None:
    """The client does not reconnect."""
    fake.connection.accepts_login()
    fake.connection.disconnects()
    stopped: list[object] = []
    connection.stop().addCallback(stopped.append)
    advance(clock, 60)
    assert stopped == [None]
    assert len(fake.connections) == 1
    assert clock.getDelayedCalls() == []


@pytest.mark.parametrize("when", ["connecting", "asked", "hello", "live"])
def test_stop(
    clock: Clock,
    fake: FakeServer,
    login: FakeLogin,
    listener: Recorder,
    logged_failures: list[str],
    when: str,
) -> None:
    """Stopping closes the connection in every state, and leaves nothing behind."""
    fake.is_hanging = when == "connecting"
    login.person = Deferred() if when == "asked" else None
    connection = make_connection(clock, fake, login, listener)
    connection.start()
    if when == "live":
        fake.connection.accepts_login()
    stopped: list[object] = []
    connection.stop().addCallback(stopped.append)
    advance(clock, 60)
    assert stopped == [None]
    assert not any(each.is_open for each in fake.connections)
    assert len(fake.attempts) == 1
    assert listener.ends == []
    assert clock.getDelayedCalls() == []
    assert logged_failures == []


def test_a_server_that_closes_without_a_byte(
    connection: ServerConnection, fake: FakeServer, listener: Recorder
) -> None:
    """As a port for TLS does: the third time before any login, the client says so and ends."""
    for _ in range(2):
        fake.connection.disconnects()
        assert listener.ends == []
        fake.reconnects()
    fake.connection.disconnects()
    (end,) = listener.ends
    assert "--tls" in end


def test_a_proxy_whose_server_is_away(
    connection: ServerConnection, fake: FakeServer, listener: Recorder
) -> None:
    """It closes without a byte too; after a login, that is no reason to end."""
    fake.connection.accepts_login()
    fake.connection.disconnects()
    for _ in range(5):
        fake.reconnects().disconnects()
    fake.reconnects().accepts_login()
    assert listener.ends == []
