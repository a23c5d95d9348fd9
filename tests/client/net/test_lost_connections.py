"""ServerConnection: a connection that is lost at any point."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from pyconchat.client.interfaces import ConnectionState
from pyconchat.client.net.connection import ServerConnection
from pyconchat.client.net.json_protocol import Object
from tests.client.fakes import (
    FakeConnection,
    FakeServer,
    Recorder,
    message,
    private_message,
)
from tests.client.net.connections import ALICE, LIVE, FakeLogin, advance, make_connection


def before_the_answer(server: FakeConnection) -> None:
    server.disconnects()


def within_the_answer(server: FakeConnection) -> None:
    server.sends_bytes(b'{"hello": 1, "ok": true, "na')
    server.disconnects()


def while_catching_up(server: FakeConnection) -> None:
    server.accepts_hello(live=False)
    server.disconnects()


def when_live(server: FakeConnection) -> None:
    server.accepts_hello()
    server.disconnects()


def after_a_refusal(server: FakeConnection) -> None:
    server.refuses_hello("bad-token")
    server.disconnects()


def in_the_packet_of_the_answer(server: FakeConnection) -> None:
    """The answer and an invalid line, after which the client disconnects, in one packet."""
    server.sends_bytes(b'{"hello": 1, "ok": true, "registered": true}\nnonsense\n')


@pytest.mark.parametrize(
    "lose",
    [
        before_the_answer,
        within_the_answer,
        while_catching_up,
        when_live,
        after_a_refusal,
        in_the_packet_of_the_answer,
    ],
)
def test_a_connection_lost_during_the_login(
    connection: ServerConnection,
    fake: FakeServer,
    login: FakeLogin,
    listener: Recorder,
    logged_failures: list[str],
    lose: Callable[[FakeConnection], None],
) -> None:
    """The next login succeeds, and the requests are sent."""
    answered: list[Object] = []
    connection.ask(answered.append, group="tea", line="hi")
    lose(fake.connection)
    assert connection.state is ConnectionState.WAITING
    server = fake.reconnects()
    server.accepts_login(name="alice")
    assert connection.state is ConnectionState.LIVE
    request = server.receives_one()
    assert (request["id"], request["line"]) == (1, "hi")
    server.answers(request, seq=1)
    assert len(answered) == 1
    assert connection.unanswered == 0
    assert (listener.ends, listener.lines, logged_failures) == ([], [], [])


def test_a_connection_lost_while_a_person_is_asked(
    clock: Clock, fake: FakeServer, login: FakeLogin, listener: Recorder
) -> None:
    """They are not asked again: their answer is for the next connection."""
    asked: Deferred[Object] = Deferred()
    login.person = asked
    connection = make_connection(clock, fake, login, listener)
    connection.start()
    fake.connection.disconnects()
    assert connection.state is ConnectionState.WAITING
    advance(clock, 60)
    assert len(fake.connections) == 1
    login.person = None
    asked.callback(ALICE)
    assert fake.connection.receives() == []
    fake.reconnects().accepts_login()
    assert connection.state is ConnectionState.LIVE


STORY: list[Object] = [
    {"hello": 1, "ok": True, "name": "alice", "registered": True, "groups": []},
    message(4, "missed in tea"),
    private_message(7, "missed from bob"),
    LIVE,
    message(5, "in tea"),
    {"re": 1, "ok": True, "seq": 5},
    message(2, "in coffee", "coffee"),
    private_message(8, "from bob"),
    {"re": 2, "ok": True},
    message(6, "more in tea"),
]


def recorder(answers: list[int]) -> Callable[[Object], None]:
    """Return a callback that records to which request an answer belongs."""
    return lambda answer: answers.append(answer["re"])


def test_a_connection_lost_at_every_byte(clock: Clock) -> None:
    """Each entry is received once, and each request is answered once."""
    stream = b"".join(json.dumps(each).encode() + b"\n" for each in STORY)
    entries = [each for each in STORY if "seq" in each and "type" in each]
    texts = [each["text"] for each in entries]
    for offset in range(len(stream) + 1):
        clock, listener, login = Clock(), Recorder(), FakeLogin()
        fake = FakeServer(clock)
        connection = make_connection(clock, fake, login, listener)
        answers: list[int] = []
        connection.ask(recorder(answers), group="tea", line="one")
        connection.ask(recorder(answers), group="tea", line="two")
        connection.start()
        fake.connection.sends_bytes(stream[:offset])
        received = fake.connection.receives()
        fake.connection.disconnects()
        server = fake.reconnects()
        since = server.receives_one()["since"]
        missed = [
            each
            for each in entries
            if each["seq"] > since.get(each.get("group") or f"@{each['with']}", 0)
        ]
        server.accepts_hello(*missed)
        again = server.receives()
        for request in again:
            server.answers(request)
        assert listener.texts == texts, stream[:offset][-40:]
        assert sorted(answers) == [1, 2]
        assert connection.unanswered == 0
        # A repeated request is the same as before, so the server recognizes it.
        before = {request["id"]: request for request in received if "id" in request}
        assert all(before.get(request["id"], request) == request for request in again)
        assert listener.ends == []
