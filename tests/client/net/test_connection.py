"""ServerConnection: logs in, reconnects, resumes, and repeats requests until they are answered."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from pyconchat.client.interfaces import UNCONFIRMED, ConnectionState, GaveUp
from pyconchat.client.net.connection import MAX_SILENCE, PING_AFTER, ServerConnection
from pyconchat.client.net.json_protocol import Object
from pyconchat.client.net.opening import WAIT
from tests.client.examples import values
from tests.client.fakes import (
    FakeConnection,
    FakeServer,
    Recorder,
    groups_in_hello,
    lines_of,
    message,
    private_message,
)
from tests.support.examples import QUICK, examples

ALICE = {"name": "alice", "token": "t"}
LIVE = {"type": "live"}


class FakeLogin:
    """A login that says who it is, or waits for *person*, or fails with *problem*."""

    def __init__(self) -> None:
        self.refusals: list[Object | None] = []
        self.accepted_hellos: list[Object] = []
        self.problem: Exception | None = None
        self.person: Deferred[Object] | None = None

    async def hello(self, refused: Object | None) -> Object:
        self.refusals.append(refused)
        if self.problem is not None:
            raise self.problem
        return await (self.person if self.person is not None else succeed(ALICE))

    def accepted(self, hello: Object) -> None:
        self.accepted_hellos.append(hello)


@pytest.fixture
def login() -> FakeLogin:
    return FakeLogin()


def make_connection(
    clock: Clock, fake: FakeServer, login: FakeLogin, listener: Recorder
) -> ServerConnection:
    listener.connection = ServerConnection(clock, fake, login, listener)
    return listener.connection


@pytest.fixture
def connection(
    clock: Clock, fake: FakeServer, login: FakeLogin, listener: Recorder
) -> ServerConnection:
    """A connection that was started."""
    connection = make_connection(clock, fake, login, listener)
    connection.start()
    return connection


def advance(clock: Clock, seconds: float) -> None:
    """Let time pass in steps."""
    for _ in range(int(seconds)):
        clock.advance(1)


# The login.


def test_a_login(
    connection: ServerConnection, fake: FakeServer, login: FakeLogin, listener: Recorder
) -> None:
    """The hello has the version and the login's fields, and the states follow each other."""
    assert fake.connection.receives_one() == {"hello": 1, "since": {}, "missed": 200, **ALICE}
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


# Reconnecting.


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


# Connections that are lost.


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


# Resuming.


def test_since(connection: ServerConnection, fake: FakeServer) -> None:
    """The last number of each conversation: a group's name, or @ and a partner."""
    fake.connection.accepts_login(message(3, "a"), message(9, "b", "coffee"))
    fake.connection.sends(
        message(4, "c"),
        private_message(2, "d"),
        private_message(1, "e", "Carol"),
        {"type": "joined", "group": "coffee", "seq": 12, "name": "bob", "via": "open"},
        {"type": "server-kicked", "group": None, "seq": 77, "name": "bob", "by": "root"},
        {"type": "presence", "name": "bob", "online": False},
    )
    fake.connection.disconnects()
    assert fake.reconnects().receives_one()["since"] == {
        "tea": 4,
        "coffee": 12,
        "@bob": 2,
        "@Carol": 1,
    }


def test_repeated_entries(
    connection: ServerConnection, fake: FakeServer, listener: Recorder
) -> None:
    """They are dropped, by the numbers of each conversation."""
    fake.connection.accepts_login()
    fake.connection.sends(message(1, "one"), message(2, "two"), private_message(1, "private"))
    fake.connection.disconnects()
    fake.reconnects().accepts_login(
        message(1, "one"),
        message(2, "two"),
        message(3, "three"),
        private_message(1, "private"),
        private_message(2, "more"),
    )
    assert listener.texts == ["one", "two", "private", "three", "more"]


def test_gaps_in_the_numbers(
    connection: ServerConnection, fake: FakeServer, listener: Recorder
) -> None:
    """The server leaves out the entries that the account may not read."""
    fake.connection.accepts_login()
    fake.connection.sends(message(1, "one"), message(17, "two"), message(18, "three"))
    assert listener.texts == ["one", "two", "three"]


@pytest.mark.parametrize("seq", [None, True, "7", 1.5, [1], {}])
def test_an_invalid_number(
    connection: ServerConnection, fake: FakeServer, listener: Recorder, seq: Any
) -> None:
    """The event is received, and its number is ignored."""
    fake.connection.accepts_login()
    fake.connection.sends(message(1, "x") | {"seq": seq})
    assert listener.texts == ["x"]
    fake.connection.disconnects()
    assert fake.reconnects().receives_one()["since"] == {}


def test_a_group_that_was_created_again(
    connection: ServerConnection, fake: FakeServer, listener: Recorder
) -> None:
    """Its numbers start at 1, and nothing in it is dropped."""
    fake.connection.accepts_login()
    fake.connection.sends(message(50, "the old group"))
    fake.connection.sends(
        {"type": "left", "group": "tea", "seq": 51, "name": "alice", "why": "left"}
    )
    created = {"type": "created", "group": "tea", "seq": 1, "number": 2, "name": "tea"}
    fake.connection.sends({**created, "by": "alice", "policy": "open", "guest": False})
    fake.connection.sends(message(2, "the new group"))
    assert listener.texts == ["the old group", "the new group"]
    fake.connection.disconnects()
    assert fake.reconnects().receives_one()["since"] == {"tea": 2}


def test_a_group_that_was_created_again_while_disconnected(
    connection: ServerConnection, fake: FakeServer, listener: Recorder
) -> None:
    """It is recognized because its last number is before the client's."""
    fake.connection.accepts_login(message(50, "the old group"))
    fake.connection.disconnects()
    groups = groups_in_hello("tea")
    groups[0]["head"] = 2
    fake.reconnects().accepts_login(message(1, "a new one"), message(2, "it is"), groups=groups)
    assert listener.texts == ["the old group", "a new one", "it is"]


def test_a_partner_who_is_another_guest(
    connection: ServerConnection, fake: FakeServer, listener: Recorder
) -> None:
    """The private conversation with a guest of the same name starts at 1 again."""
    fake.connection.accepts_login()
    fake.connection.sends(private_message(1, "hello"), private_message(2, "I have to go"))
    fake.connection.sends(private_message(1, "I am back", at="2026-11-21T10:00:00.000Z"))
    assert listener.texts == ["hello", "I have to go", "I am back"]


# Requests.


def ask(
    connection: ServerConnection, *lines: str, answered: Callable[[Object], None] = lambda _: None
) -> None:
    """Send *lines* to the group tea."""
    for line in lines:
        connection.ask(answered, group="tea", line=line)


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


# Silence.


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


# The end.


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
    """The client shows the reason and ends: a retry would fail too."""
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


# Invalid objects from the server.


@pytest.mark.parametrize("stage", ["before the hello is answered", "catching up", "live"])
def test_invalid_objects(
    connection: ServerConnection,
    fake: FakeServer,
    listener: Recorder,
    logged_failures: list[str],
    stage: str,
) -> None:
    """They are received or ignored, and requests are answered after them."""
    if stage != "before the hello is answered":
        fake.connection.accepts_login(live=stage == "live")
    wrong: list[Any] = [None, True, -1, 10**30, 1.5, "", "text", [], [None], {}, {"x": {"y": 1}}]
    for field in ("re", "type", "seq", "group", "with", "at", "from", "text", "id", "key"):
        for value in wrong:
            fake.connection.sends({"type": "message", "group": "tea", field: value}, {field: value})
    assert fake.connection.is_open
    if stage == "before the hello is answered":
        fake.connection.accepts_login()
    answered: list[Object] = []
    ask(connection, "one", answered=answered.append)
    fake.connection.answers(fake.connection.receives()[-1])
    assert len(answered) == 1
    assert (listener.ends, listener.failures, logged_failures) == ([], [], [])


def test_huge_numbers(connection: ServerConnection, fake: FakeServer) -> None:
    """A number of 10**30 is sent back, or left out."""
    fake.connection.accepts_login(message(10**30, "many"))
    fake.connection.disconnects()
    assert fake.reconnects().receives_one()["since"] in ({"tea": 10**30}, {})


objects = st.dictionaries(
    st.sampled_from(["hello", "re", "type", "ok", "seq", "group", "with", "why", "text", "code"]),
    st.sampled_from([1, 0, True, "live", "end", "bye", "late", "message", "tea"]) | values,
    max_size=6,
)


@settings(max_examples=examples(40), deadline=None, phases=QUICK)
@given(st.lists(objects, max_size=12), st.lists(objects, max_size=12))
def test_random_objects(before: list[Object], after: list[Object]) -> None:
    """Before and after the login: none of them ends the connection with an exception."""
    clock, login, listener = Clock(), FakeLogin(), Recorder()
    fake = FakeServer(clock)
    connection = make_connection(clock, fake, login, listener)
    connection.start()
    ask(connection, "one", "two")
    for each in before:
        fake.connection.sends(each)
    if not login.accepted_hellos:
        fake.connection.accepts_hello(live=False)
    for each in after:
        if fake.connection.is_open:
            fake.connection.sends(each)
    assert listener.failures == []
    assert len(login.accepted_hellos) >= 1


def test_a_server_that_closes_without_a_byte(
    connection: ServerConnection, fake: FakeServer, listener: Recorder
) -> None:
    """As a port for TLS does: the third time before any login, the client ends with a hint."""
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
