"""ServerConnection: repeats requests until they are answered, but not those of guests."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from pyconchat.client.interfaces import UNCONFIRMED
from pyconchat.client.net.connection import ServerConnection
from pyconchat.client.net.json_protocol import Object
from tests.client.fakes import (
    FakeServer,
    Recorder,
    lines_of,
    message,
)
from tests.client.net.connections import FakeLogin, ask, make_connection

# Requests.


def test_ids_and_keys(
    connection: ServerConnection, clock: Clock, login: FakeLogin, fake: FakeServer
) -> None:
    """No two requests have the same key, nor do those of two clients."""
    fake.connection.accepts_login()
    ask(connection, "one", "two")
    other_server, other = FakeServer(clock), Recorder()
    make_connection(clock, other_server, login, other).start()
    other_server.connection.accepts_login()
    ask(other.connection, "three")
    requests = [*fake.connection.receives(), *other_server.connection.receives()]
    keys = [request["key"] for request in requests]
    assert len({*keys}) == 3
    assert all(key.isascii() and key.isprintable() and len(key) <= 64 for key in keys)
    assert [request["id"] for request in requests] == [1, 2, 1]


def test_requests_wait_for_the_login(connection: ServerConnection, fake: FakeServer) -> None:
    """Then they are sent in order."""
    ask(connection, "one")
    assert len(fake.connection.receives()) == 1  # the hello alone
    fake.connection.accepts_hello(live=False)
    ask(connection, "two")
    assert lines_of(fake.connection.receives()) == ["one", "two"]
    fake.connection.disconnects()
    ask(connection, "three")
    server = fake.reconnects()
    assert server.receives_one()["hello"] == 1
    server.accepts_hello()
    assert lines_of(server.receives()) == ["one", "two", "three"]
    assert connection.unanswered == 3


def test_unanswered_requests_are_sent_again(connection: ServerConnection, fake: FakeServer) -> None:
    """With the same id and key, in the same order; answered ones are not sent again."""
    fake.connection.accepts_login()
    answered: list[Object] = []
    ask(connection, "one", "two", "three", "four", answered=answered.append)
    first = fake.connection.receives()
    fake.connection.answers(first[1])
    for _ in range(3):
        fake.connection.disconnects()
        server = fake.reconnects()
        server.accepts_login()
        assert server.receives() == [first[0], first[2], first[3]]
    for request in first:
        fake.connection.answers(request)
    assert [answer["re"] for answer in answered] == [2, 1, 3, 4]
    assert connection.unanswered == 0


def test_a_second_answer(connection: ServerConnection, fake: FakeServer) -> None:
    """It is ignored, and so is an answer to no request."""
    fake.connection.accepts_login()
    answered: list[Object] = []
    ask(connection, "one", answered=answered.append)
    for re in (7, 1, 1, 0, -1, True, "1", 1.5, None, [1], {"a": 1}):
        fake.connection.sends({"re": re, "ok": True})
    assert len(answered) == 1


@pytest.mark.parametrize("re", [True, "1", 1.0, [1], {}, None])
def test_an_invalid_request_id(connection: ServerConnection, fake: FakeServer, re: Any) -> None:
    """True is not 1, and neither is a text."""
    fake.connection.accepts_login()
    ask(connection, "one")
    fake.connection.sends({"re": re, "ok": True})
    assert connection.unanswered == 1
    assert fake.connection.is_open


def test_a_request_from_an_answer(connection: ServerConnection, fake: FakeServer) -> None:
    """A request that is made when an answer arrives is sent after those before it."""
    fake.connection.accepts_login()
    ask(connection, "one", answered=lambda _: ask(connection, "three"))
    ask(connection, "two")
    first = fake.connection.receives()
    fake.connection.answers(first[0])
    assert lines_of(first + fake.connection.receives()) == ["one", "two", "three"]


# Guests.


@pytest.fixture
def guest(connection: ServerConnection, fake: FakeServer) -> ServerConnection:
    """A connection that is logged in as a guest."""
    fake.connection.accepts_login(registered=False, token=None)
    assert connection.guest
    return connection


def test_a_guest_does_not_resume(
    guest: ServerConnection, fake: FakeServer, listener: Recorder
) -> None:
    """A guest's conversations end with the connection, and start at 1 again."""
    fake.connection.sends(message(9, "before"))
    fake.connection.disconnects()
    server = fake.reconnects()
    assert server.receives_one()["since"] == {}
    server.accepts_hello(message(1, "after"), registered=False)
    assert listener.texts == ["before", "after"]


def test_unconfirmed_requests_of_a_guest(
    guest: ServerConnection, fake: FakeServer, listener: Recorder
) -> None:
    """They are reported and not sent again; what was not sent before is sent."""
    answered: list[Object] = []
    ask(guest, "one", "two", answered=answered.append)
    guest.ask(answered.append, group="tea", text="/three")
    fake.connection.answers(fake.connection.receives()[0])
    fake.connection.disconnects()
    ask(guest, "four")
    server = fake.reconnects()
    server.accepts_login(registered=False)
    assert listener.lines == ["two", "/three"]
    assert lines_of(server.receives()) == ["four"]
    assert guest.unanswered == 1
    assert [each.get("code") for each in answered] == [None, UNCONFIRMED, UNCONFIRMED]


def test_unconfirmed_requests_after_two_losses(
    guest: ServerConnection, fake: FakeServer, listener: Recorder
) -> None:
    """They are reported once, after the next login."""
    ask(guest, "one")
    fake.connection.disconnects()
    ask(guest, "two")
    fake.reconnects().disconnects()
    assert listener.lines == []
    server = fake.reconnects()
    server.accepts_login(registered=False)
    assert listener.lines == ["one"]
    assert lines_of(server.receives()) == ["two"]
    server.disconnects()
    fake.reconnects().accepts_login(registered=False)
    assert listener.lines == ["one", "two"]


def test_requests_of_the_listener_are_sent_first(
    clock: Clock, fake: FakeServer, login: FakeLogin, listener: Recorder
) -> None:
    """Those that it makes at the login are sent before those that waited."""
    connection = make_connection(clock, fake, login, listener)
    logged_in = listener.logged_in

    def rejoins(hello: Object) -> None:
        logged_in(hello)
        connection.ask(lambda _: None, line="/join tea")

    listener.logged_in = rejoins  # type: ignore[method-assign]
    connection.start()
    fake.connection.accepts_login(registered=False)
    fake.connection.answers(fake.connection.receives_one())
    fake.connection.disconnects()
    ask(connection, "waiting")
    server = fake.reconnects()
    server.accepts_login(registered=False)
    assert lines_of(server.receives()) == ["/join tea", "waiting"]
    assert listener.lines == []


def test_a_guest_who_has_registered(
    guest: ServerConnection, fake: FakeServer, listener: Recorder
) -> None:
    """Their requests are sent again after the connection is lost."""
    guest.ask(lambda _: None, line="/password")
    fake.connection.answers(
        fake.connection.receives_one(), type="password", text="Done.", token="token-2"
    )
    ask(guest, "one")
    request = fake.connection.receives_one()
    fake.connection.disconnects()
    server = fake.reconnects()
    server.accepts_login(registered=True)
    assert listener.lines == []
    assert server.receives() == [request]
