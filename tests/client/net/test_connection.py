"""ServerConnection: logs in."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from pyconchat.client.interfaces import ConnectionState, GaveUp
from pyconchat.client.net.connection import OPTIONS, ServerConnection
from tests.client.fakes import (
    FakeServer,
    Recorder,
)
from tests.client.net.connections import ALICE, LIVE, FakeLogin, make_connection


def test_a_login(
    connection: ServerConnection, fake: FakeServer, login: FakeLogin, listener: Recorder
) -> None:
    """The hello has the version and the login's fields, and the states follow each other."""
    assert fake.connection.receives_one() == {"hello": 1, "since": {}, **OPTIONS, **ALICE}
    assert connection.state is ConnectionState.LOGGING_IN
    fake.connection.accepts_hello(live=False)
    assert connection.state is ConnectionState.CATCHING_UP
    fake.connection.sends(LIVE)
    assert listener.states == [
        ConnectionState.LOGGING_IN,
        ConnectionState.CATCHING_UP,
        ConnectionState.LIVE,
    ]
    assert [hello["name"] for hello in listener.hellos] == ["alice"]
    assert login.accepted_hellos == listener.hellos
    assert listener.events == [LIVE]


def test_a_greeting_for_people(
    connection: ServerConnection, fake: FakeServer, listener: Recorder
) -> None:
    """It is skipped: the server sends it before it knows what the client is."""
    fake.connection.sends_bytes(b"* Welcome to PyconChat.\nUsername: \n")
    fake.connection.accepts_login()
    assert connection.state is ConnectionState.LIVE
    assert fake.connection.is_open


def test_a_refused_hello(connection: ServerConnection, fake: FakeServer, login: FakeLogin) -> None:
    """The login gets each refusal; its next hello is sent on the same connection."""
    for code in ("bad-token", "wrong-password"):
        fake.connection.receives()
        fake.connection.refuses_hello(code)
        assert fake.connection.receives_one()["hello"] == 1
    assert [each and each["code"] for each in login.refusals] == [
        None,
        "bad-token",
        "wrong-password",
    ]
    fake.connection.accepts_hello()
    assert connection.state is ConnectionState.LIVE
    assert len(fake.connections) == 1


@pytest.mark.parametrize("ok", [None, False, 1, "true", [True], {}])
def test_only_true_accepts_a_hello(
    connection: ServerConnection, fake: FakeServer, login: FakeLogin, ok: Any
) -> None:
    """Any other value of ``ok`` is a refusal."""
    fake.connection.sends({"hello": 1, "ok": ok})
    assert connection.state is ConnectionState.LOGGING_IN
    assert len(login.refusals) == 2
    assert login.accepted_hellos == []


def test_a_login_that_gives_up(
    clock: Clock, fake: FakeServer, login: FakeLogin, listener: Recorder
) -> None:
    """The connection ends for good, with the login's reason."""
    login.problem = GaveUp("No such luck.")
    connection = make_connection(clock, fake, login, listener)
    connection.start()
    assert listener.ends == ["No such luck."]
    assert connection.state is ConnectionState.ENDED
    assert not fake.connection.is_open
    assert fake.connection.receives() == []


def test_a_login_that_is_refused_for_now(
    clock: Clock, fake: FakeServer, login: FakeLogin, listener: Recorder
) -> None:
    """The client tries again, on a new connection."""
    login.problem = ConnectionError("The server is busy.")
    connection = make_connection(clock, fake, login, listener)
    connection.start()
    assert listener.ends == []
    assert not fake.connection.is_open
    assert connection.state is ConnectionState.WAITING
    assert listener.failures == ["The server is busy"]
    login.problem = None
    fake.reconnects().accepts_login()
    assert connection.state is ConnectionState.LIVE
    assert connection.problem == ""


def test_an_answer_before_the_hello(
    clock: Clock, fake: FakeServer, login: FakeLogin, listener: Recorder
) -> None:
    """It is ignored."""
    login.person = Deferred()
    connection = make_connection(clock, fake, login, listener)
    connection.start()
    fake.connection.accepts_hello(live=False)
    assert listener.hellos == []
    login.person.callback(ALICE)
    assert fake.connection.receives_one()["name"] == "alice"
    fake.connection.accepts_hello()
    assert connection.state is ConnectionState.LIVE


def test_a_second_answer_to_the_hello(
    connection: ServerConnection, fake: FakeServer, listener: Recorder
) -> None:
    """It is ignored."""
    fake.connection.accepts_login()
    fake.connection.accepts_hello(live=False, name="mallory")
    assert len(listener.hellos) == 1
    assert connection.state is ConnectionState.LIVE
