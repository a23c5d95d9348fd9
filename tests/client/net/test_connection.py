"""Link: logs in, comes back, resumes, and makes each request until it is answered, once."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from pyconchat.client.net.connection import DEAD, QUIET, GaveUp, Link, State
from pyconchat.client.net.json_protocol import Object
from tests.client.fake_server import Call, FakeServer, Recorder, member_of, private, said
from tests.client.net.test_json_protocol import values
from tests.support.examples import QUICK, examples

ALICE = {"name": "alice", "token": "t"}
LIVE = {"type": "live"}

"""Without shrinking, which takes minutes; the objects are small."""


class Knows:
    """A login that knows what to say. *asks* waits for a person instead."""

    def __init__(self) -> None:
        self.refusals: list[Object | None] = []
        self.accepts: list[Object] = []
        self.problem: Exception | None = None
        self.asks: Deferred[Object] | None = None

    async def hello(self, refused: Object | None) -> Object:
        self.refusals.append(refused)
        if self.problem is not None:
            raise self.problem
        return await (self.asks if self.asks is not None else succeed(ALICE))

    def accepted(self, hello: Object) -> None:
        self.accepts.append(hello)


@pytest.fixture
def login() -> Knows:
    return Knows()


def make_link(clock: Clock, fake: FakeServer, login: Knows, listener: Recorder) -> Link:
    listener.link = Link(clock, fake, login, listener)
    return listener.link


@pytest.fixture
def link(clock: Clock, fake: FakeServer, login: Knows, listener: Recorder) -> Link:
    """A link that was told to start."""
    made = make_link(clock, fake, login, listener)
    made.start()
    return made


def waits(clock: Clock, seconds: float) -> None:
    """Let time pass in steps."""
    for _ in range(int(seconds)):
        clock.advance(1)


# The login.


def test_a_login(link: Link, fake: FakeServer, login: Knows, listener: Recorder) -> None:
    """The hello has the version and what the login says; the states tell how it goes."""
    assert fake.call.hears_one() == {"hello": 1, "since": {}, **ALICE}
    assert link.state is State.LOGGING_IN
    fake.call.welcomes(live=False)
    assert link.state is State.CATCHING_UP
    fake.call.says(LIVE)
    assert listener.states == [State.LOGGING_IN, State.CATCHING_UP, State.LIVE]
    assert [hello["name"] for hello in listener.hellos] == ["alice"]
    assert login.accepts == listener.hellos
    assert listener.events == [LIVE]


def test_a_greeting_for_people(link: Link, fake: FakeServer, listener: Recorder) -> None:
    """A server that took the client for a person greets it; that is skipped."""
    fake.call.sends(b"* Welcome to PyconChat.\nUsername: \n")
    fake.call.lets_in()
    assert link.state is State.LIVE
    assert fake.call.open


def test_a_refused_login_is_tried_otherwise(link: Link, fake: FakeServer, login: Knows) -> None:
    """The login is told of each refusal, and what it says then goes out on the same connection."""
    for code in ("bad-token", "wrong-password"):
        fake.call.hears()
        fake.call.refuses_hello(code)
        assert fake.call.hears_one()["hello"] == 1
    assert [each and each["code"] for each in login.refusals] == [
        None,
        "bad-token",
        "wrong-password",
    ]
    fake.call.welcomes()
    assert link.state is State.LIVE
    assert len(fake.calls) == 1


@pytest.mark.parametrize("ok", [None, False, 1, "true", [True], {}])
def test_only_true_is_a_welcome(link: Link, fake: FakeServer, login: Knows, ok: Any) -> None:
    """An answer that does not say ``true`` lets nobody in."""
    fake.call.says({"hello": 1, "ok": ok})
    assert link.state is State.LOGGING_IN
    assert len(login.refusals) == 2
    assert login.accepts == []


def test_who_gives_up_is_told_why_once(
    clock: Clock, fake: FakeServer, login: Knows, listener: Recorder
) -> None:
    """A login that knows no further ends the link, with its reason."""
    login.problem = GaveUp("No such luck.")
    link = make_link(clock, fake, login, listener)
    link.start()
    assert listener.ends == ["No such luck."]
    assert link.state is State.ENDED
    assert not fake.call.open
    assert fake.call.hears() == []


def test_a_login_that_cannot_be_now(
    clock: Clock, fake: FakeServer, login: Knows, listener: Recorder
) -> None:
    """A login that was told to come later comes later, on a new connection."""
    login.problem = ConnectionError("The server is busy.")
    link = make_link(clock, fake, login, listener)
    link.start()
    assert listener.ends == []
    assert not fake.call.open
    assert link.state is State.WAITING
    assert listener.failures == ["The server is busy"]
    login.problem = None
    fake.meets_again().lets_in()
    assert link.state is State.LIVE
    assert link.problem == ""


def test_an_answer_that_comes_too_early(
    clock: Clock, fake: FakeServer, login: Knows, listener: Recorder
) -> None:
    """A server that welcomes somebody who has not said hello yet has welcomed nobody."""
    login.asks = Deferred()
    link = make_link(clock, fake, login, listener)
    link.start()
    fake.call.welcomes(live=False)
    assert listener.hellos == []
    login.asks.callback(ALICE)
    assert fake.call.hears_one()["name"] == "alice"
    fake.call.welcomes()
    assert link.state is State.LIVE


def test_a_second_welcome_is_ignored(link: Link, fake: FakeServer, listener: Recorder) -> None:
    """A hello in the middle of a conversation changes nothing."""
    fake.call.lets_in()
    fake.call.welcomes(live=False, name="mallory")
    assert len(listener.hellos) == 1
    assert link.state is State.LIVE


# Coming back.


def test_it_comes_back(link: Link, fake: FakeServer, listener: Recorder) -> None:
    """After a cut the client logs in again by itself."""
    fake.call.lets_in()
    fake.call.cuts()
    assert link.state is State.WAITING
    fake.meets_again().lets_in()
    assert link.state is State.LIVE
    assert listener.ends == []


def test_attempts_are_further_and_further_apart(link: Link, clock: Clock, fake: FakeServer) -> None:
    """Attempts come at first soon, then less often, at most 16 s apart, and at no fixed time."""
    fake.call.lets_in()
    fake.away = True
    fake.attempts.clear()
    fake.attempts.append(clock.seconds())
    fake.call.cuts()
    for _ in range(2500):
        clock.advance(0.1)
    waits_ = [b - a for a, b in zip(fake.attempts, fake.attempts[1:], strict=False)]
    assert 0.3 <= waits_[0] <= 1.7
    for number, wait in enumerate(waits_, 1):
        shortest = min(0.3 * 1.6**number, 15.0)
        assert shortest - 0.11 <= wait <= shortest + 1.2
    assert max(waits_) <= 16.2
    jitter = {
        round(wait - min(0.3 * 1.6**number, 15.0), 1) for number, wait in enumerate(waits_, 1)
    }
    assert len(jitter) > 3


def test_it_comes_back_for_ever(link: Link, clock: Clock, fake: FakeServer) -> None:
    """A server that is away for a day is found again."""
    fake.away = True
    fake.call.cuts()
    for _ in range(24 * 60):
        clock.advance(60)
    fake.away = False
    fake.meets_again().lets_in()
    assert link.state is State.LIVE


def test_a_login_makes_the_next_wait_short_again(
    link: Link, clock: Clock, fake: FakeServer
) -> None:
    """Who was let in starts anew to count."""
    fake.away = True
    fake.call.cuts()
    for _ in range(100):
        clock.advance(1)
    fake.away = False
    fake.meets_again().lets_in()
    fake.call.cuts()
    clock.advance(1.5)
    assert fake.call.open


def test_cuts_during_the_login_are_waited_out_longer_and_longer(
    link: Link, clock: Clock, fake: FakeServer
) -> None:
    """A server that takes connections, and cuts them at once, is not hammered."""
    fake.attempts.clear()
    for _ in range(3000):
        if fake.call.open:
            fake.call.cuts()
        clock.advance(0.1)
    assert len(fake.attempts) < 35


def test_why_there_is_no_connection_is_told_once(
    link: Link, clock: Clock, fake: FakeServer, listener: Recorder
) -> None:
    """The reason is told when it is new, not at each attempt."""
    fake.call.lets_in()
    fake.away = True
    fake.call.cuts()
    waits(clock, 100)
    assert len(listener.failures) == 1
    assert link.problem == listener.failures[0]


# Cut at every point.


def cut_while_asked(call: Call, login: Knows) -> None:
    call.cuts()


def cut_in_the_middle_of_the_answer(call: Call, login: Knows) -> None:
    call.sends(b'{"hello": 1, "ok": true, "na')
    call.cuts()


def cut_after_the_welcome(call: Call, login: Knows) -> None:
    call.welcomes(live=False)
    call.cuts()


def cut_when_live(call: Call, login: Knows) -> None:
    call.welcomes()
    call.cuts()


def cut_after_a_refusal(call: Call, login: Knows) -> None:
    call.refuses_hello("bad-token")
    call.cuts()


def cut_in_the_packet_of_the_welcome(call: Call, login: Knows) -> None:
    """The answer, and nonsense for which the client itself cuts, in one packet."""
    call.sends(b'{"hello": 1, "ok": true, "registered": true}\nnonsense\n')


@pytest.mark.parametrize(
    "cut",
    [
        cut_while_asked,
        cut_in_the_middle_of_the_answer,
        cut_after_the_welcome,
        cut_when_live,
        cut_after_a_refusal,
        cut_in_the_packet_of_the_welcome,
    ],
)
def test_cut_at_every_point_of_the_login(
    link: Link,
    fake: FakeServer,
    login: Knows,
    listener: Recorder,
    complaints: list[str],
    cut: Callable[[Call, Knows], None],
) -> None:
    """Wherever the login is cut, the next one is whole, and what was asked is asked."""
    answered: list[Object] = []
    link.ask(answered.append, group="tea", line="hi")
    cut(fake.call, login)
    assert link.state is State.WAITING
    call = fake.meets_again()
    call.lets_in(name="alice")
    assert link.state is State.LIVE
    request = call.hears_one()
    assert (request["id"], request["line"]) == (1, "hi")
    call.answers(request, seq=1)
    assert len(answered) == 1
    assert link.under_way == 0
    assert (listener.ends, listener.doubts, complaints) == ([], [], [])


def test_cut_while_a_person_is_asked(
    clock: Clock, fake: FakeServer, login: Knows, listener: Recorder
) -> None:
    """A person who takes too long is not asked again: what they say goes to the next connection."""
    asked: Deferred[Object] = Deferred()
    login.asks = asked
    link = make_link(clock, fake, login, listener)
    link.start()
    fake.call.cuts()
    assert link.state is State.WAITING
    waits(clock, 60)
    assert len(fake.calls) == 1
    login.asks = None
    asked.callback(ALICE)
    assert fake.call.hears() == []
    fake.meets_again().lets_in()
    assert link.state is State.LIVE


STORY: list[Object] = [
    {"hello": 1, "ok": True, "name": "alice", "registered": True, "groups": []},
    said(4, "missed in tea"),
    private(7, "missed of bob"),
    LIVE,
    said(5, "in tea"),
    {"re": 1, "ok": True, "seq": 5},
    said(2, "in coffee", "coffee"),
    private(8, "of bob"),
    {"re": 2, "ok": True},
    said(6, "more in tea"),
]


def noting(answers: list[int]) -> Callable[[Object], None]:
    """Something to call with an answer, that keeps which request it is for."""
    return lambda answer: answers.append(answer["re"])


def test_cut_at_every_byte(clock: Clock) -> None:
    """Wherever a conversation is cut, each entry is heard once, and each answer comes once."""
    stream = b"".join(json.dumps(each).encode() + b"\n" for each in STORY)
    entries = [each for each in STORY if "seq" in each and "type" in each]
    texts = [each["text"] for each in entries]
    for offset in range(len(stream) + 1):
        clock, listener, login = Clock(), Recorder(), Knows()
        fake = FakeServer(clock)
        link = make_link(clock, fake, login, listener)
        answers: list[int] = []
        link.ask(noting(answers), group="tea", line="one")
        link.ask(noting(answers), group="tea", line="two")
        link.start()
        fake.call.sends(stream[:offset])
        heard = fake.call.hears()
        fake.call.cuts()
        call = fake.meets_again()
        since = call.hears_one()["since"]
        missed = [
            each
            for each in entries
            if each["seq"] > since.get(each.get("group") or f"@{each['with']}", 0)
        ]
        call.welcomes(*missed)
        again = call.hears()
        for request in again:
            call.answers(request)
        assert listener.texts == texts, stream[:offset][-40:]
        assert sorted(answers) == [1, 2]
        assert link.under_way == 0
        # The same again is the same again: the server can tell.
        before = {request["id"]: request for request in heard if "id" in request}
        assert all(before.get(request["id"], request) == request for request in again)
        assert listener.ends == []


# Resuming.


def test_since_has_the_last_number_of_each_conversation(link: Link, fake: FakeServer) -> None:
    """Groups by name, private conversations by @ and the partner; without what has no number."""
    fake.call.lets_in(said(3, "a"), said(9, "b", "coffee"))
    fake.call.says(
        said(4, "c"),
        private(2, "d"),
        private(1, "e", "Carol"),
        {"type": "joined", "group": "coffee", "seq": 12, "name": "bob", "via": "open"},
        {"type": "server-kicked", "group": None, "seq": 77, "name": "bob", "by": "root"},
        {"type": "presence", "name": "bob", "online": False},
    )
    fake.call.cuts()
    assert fake.meets_again().hears_one()["since"] == {
        "tea": 4,
        "coffee": 12,
        "@bob": 2,
        "@Carol": 1,
    }


def test_what_comes_again_after_a_cut_is_not_heard_again(
    link: Link, fake: FakeServer, listener: Recorder
) -> None:
    """Entries up to the last number that was seen are dropped, each in its own conversation."""
    fake.call.lets_in()
    fake.call.says(said(1, "one"), said(2, "two"), private(1, "private"))
    fake.call.cuts()
    fake.meets_again().lets_in(
        said(1, "one"), said(2, "two"), said(3, "three"), private(1, "private"), private(2, "more")
    )
    assert listener.texts == ["one", "two", "private", "three", "more"]


def test_gaps_are_no_reason_to_wait(link: Link, fake: FakeServer, listener: Recorder) -> None:
    """Numbers that the account may not read are left out by the server."""
    fake.call.lets_in()
    fake.call.says(said(1, "one"), said(17, "two"), said(18, "three"))
    assert listener.texts == ["one", "two", "three"]


@pytest.mark.parametrize("seq", [None, True, "7", 1.5, [1], {}])
def test_a_number_that_is_none(link: Link, fake: FakeServer, listener: Recorder, seq: Any) -> None:
    """An event with a number that is none is heard, and does not count."""
    fake.call.lets_in()
    fake.call.says(said(1, "x") | {"seq": seq})
    assert listener.texts == ["x"]
    fake.call.cuts()
    assert fake.meets_again().hears_one()["since"] == {}


def test_a_group_that_was_made_anew(link: Link, fake: FakeServer, listener: Recorder) -> None:
    """A group that was closed and created again counts from 1, and nothing in it is lost."""
    fake.call.lets_in()
    fake.call.says(said(50, "the old group"))
    fake.call.says({"type": "left", "group": "tea", "seq": 51, "name": "alice", "why": "left"})
    made = {"type": "created", "group": "tea", "seq": 1, "number": 2, "name": "tea"}
    fake.call.says({**made, "by": "alice", "policy": "open", "guest": False})
    fake.call.says(said(2, "the new group"))
    assert listener.texts == ["the old group", "the new group"]
    fake.call.cuts()
    assert fake.meets_again().hears_one()["since"] == {"tea": 2}


def test_a_group_that_was_made_anew_while_away(
    link: Link, fake: FakeServer, listener: Recorder
) -> None:
    """A number beyond the newest is of another time; then the server sends what was missed."""
    fake.call.lets_in(said(50, "the old group"))
    fake.call.cuts()
    groups = member_of("tea")
    groups[0]["head"] = 2
    fake.meets_again().lets_in(said(1, "a new one"), said(2, "it is"), groups=groups)
    assert listener.texts == ["the old group", "a new one", "it is"]


def test_a_guest_who_comes_back_is_heard(link: Link, fake: FakeServer, listener: Recorder) -> None:
    """A guest is somebody else after each connection: their private words count from 1 again."""
    fake.call.lets_in()
    fake.call.says(private(1, "hello"), private(2, "I have to go"))
    fake.call.says(private(1, "I am back", at="2026-11-21T10:00:00.000Z"))
    assert listener.texts == ["hello", "I have to go", "I am back"]


# Requests.


def texts_of(requests: list[Object]) -> list[str]:
    return [request["line"] for request in requests]


def ask(link: Link, *lines: str, answered: Callable[[Object], None] = lambda _: None) -> None:
    for line in lines:
        link.ask(answered, group="tea", line=line)


def test_requests_have_ids_and_keys_of_their_own(
    link: Link, clock: Clock, login: Knows, fake: FakeServer
) -> None:
    """No two requests have the same key, nor do those of two clients; the server takes the keys."""
    fake.call.lets_in()
    ask(link, "one", "two")
    other_server, other = FakeServer(clock), Recorder()
    make_link(clock, other_server, login, other).start()
    other_server.call.lets_in()
    ask(other.link, "three")
    requests = [*fake.call.hears(), *other_server.call.hears()]
    keys = [request["key"] for request in requests]
    assert len({*keys}) == 3
    assert all(key.isascii() and key.isprintable() and len(key) <= 64 for key in keys)
    assert [request["id"] for request in requests] == [1, 2, 1]


def test_what_is_asked_while_away_goes_out_later_in_order(link: Link, fake: FakeServer) -> None:
    """Requests wait for the login, also those that are made during it; then they go out at once."""
    ask(link, "one")
    assert len(fake.call.hears()) == 1  # the hello alone
    fake.call.welcomes(live=False)
    ask(link, "two")
    assert texts_of(fake.call.hears()) == ["one", "two"]
    fake.call.cuts()
    ask(link, "three")
    call = fake.meets_again()
    assert call.hears_one()["hello"] == 1
    call.welcomes()
    assert texts_of(call.hears()) == ["one", "two", "three"]
    assert link.under_way == 3


def test_what_was_not_answered_goes_out_again_under_its_key(link: Link, fake: FakeServer) -> None:
    """The same id and key, in the same order; what was answered does not go out again."""
    fake.call.lets_in()
    answered: list[Object] = []
    ask(link, "one", "two", "three", "four", answered=answered.append)
    first = fake.call.hears()
    fake.call.answers(first[1])
    for _ in range(3):
        fake.call.cuts()
        call = fake.meets_again()
        call.lets_in()
        assert call.hears() == [first[0], first[2], first[3]]
    for request in first:
        fake.call.answers(request)
    assert [answer["re"] for answer in answered] == [2, 1, 3, 4]
    assert link.under_way == 0


def test_an_answer_counts_once(link: Link, fake: FakeServer) -> None:
    """A second answer, and one to what nobody asked, is nothing."""
    fake.call.lets_in()
    answered: list[Object] = []
    ask(link, "one", answered=answered.append)
    for re in (7, 1, 1, 0, -1, True, "1", 1.5, None, [1], {"a": 1}):
        fake.call.says({"re": re, "ok": True})
    assert len(answered) == 1


@pytest.mark.parametrize("re", [True, "1", 1.0, [1], {}, None])
def test_only_the_same_number_is_an_answer(link: Link, fake: FakeServer, re: Any) -> None:
    """True is not 1, and neither is a text."""
    fake.call.lets_in()
    ask(link, "one")
    fake.call.says({"re": re, "ok": True})
    assert link.under_way == 1
    assert fake.call.open


def test_who_asks_in_an_answer_is_heard(link: Link, fake: FakeServer) -> None:
    """An answer may lead to another request, which goes out after those before it."""
    fake.call.lets_in()
    ask(link, "one", answered=lambda _: ask(link, "three"))
    ask(link, "two")
    first = fake.call.hears()
    fake.call.answers(first[0])
    assert texts_of(first + fake.call.hears()) == ["one", "two", "three"]


# Guests.


@pytest.fixture
def guest(link: Link, fake: FakeServer) -> Link:
    """A link that is in as a guest."""
    fake.call.lets_in(registered=False, token=None)
    assert link.guest
    return link


def test_a_guest_resumes_nothing(guest: Link, fake: FakeServer, listener: Recorder) -> None:
    """The conversations of a guest ended with the connection: they begin at 1 again."""
    fake.call.says(said(9, "before"))
    fake.call.cuts()
    call = fake.meets_again()
    assert call.hears_one()["since"] == {}
    call.welcomes(said(1, "after"), registered=False)
    assert listener.texts == ["before", "after"]


def test_what_a_guest_sent_is_in_doubt(guest: Link, fake: FakeServer, listener: Recorder) -> None:
    """It is not said again, for the server cannot tell that it was; what was not sent yet is."""
    answered: list[Object] = []
    ask(guest, "one", "two", answered=answered.append)
    guest.ask(answered.append, group="tea", text="/three")
    fake.call.answers(fake.call.hears()[0])
    fake.call.cuts()
    ask(guest, "four")
    call = fake.meets_again()
    call.lets_in(registered=False)
    assert listener.doubts == ["two", "/three"]
    assert texts_of(call.hears()) == ["four"]
    assert guest.under_way == 1
    assert [each.get("code") for each in answered] == [None, "in-doubt", "in-doubt"]


def test_doubt_survives_a_second_cut(guest: Link, fake: FakeServer, listener: Recorder) -> None:
    """A cut in the middle of the next login changes nothing about that, and it is told once."""
    ask(guest, "one")
    fake.call.cuts()
    ask(guest, "two")
    fake.meets_again().cuts()
    assert listener.doubts == []
    call = fake.meets_again()
    call.lets_in(registered=False)
    assert listener.doubts == ["one"]
    assert texts_of(call.hears()) == ["two"]
    call.cuts()
    fake.meets_again().lets_in(registered=False)
    assert listener.doubts == ["one", "two"]


def test_groups_come_before_what_waits(
    clock: Clock, fake: FakeServer, login: Knows, listener: Recorder
) -> None:
    """What the listener asks when it is told of the hello goes out before what has waited."""
    link = make_link(clock, fake, login, listener)
    said_hello = listener.said_hello

    def rejoins(hello: Object) -> None:
        said_hello(hello)
        link.ask(lambda _: None, line="/join tea")

    listener.said_hello = rejoins  # type: ignore[method-assign]
    link.start()
    fake.call.lets_in(registered=False)
    fake.call.answers(fake.call.hears_one())
    fake.call.cuts()
    ask(link, "waited")
    call = fake.meets_again()
    call.lets_in(registered=False)
    assert texts_of(call.hears()) == ["/join tea", "waited"]
    assert listener.doubts == []


def test_a_guest_who_has_registered_meanwhile(
    guest: Link, fake: FakeServer, listener: Recorder
) -> None:
    """Who chose a password is the same person after the cut: nothing is in doubt."""
    guest.ask(lambda _: None, line="/password")
    fake.call.answers(fake.call.hears_one(), type="password", text="Done.", token="token-2")
    ask(guest, "one")
    request = fake.call.hears_one()
    fake.call.cuts()
    call = fake.meets_again()
    call.lets_in(registered=True)
    assert listener.doubts == []
    assert call.hears() == [request]


# Signs of life.


def test_a_quiet_server_is_asked_for_a_sign_of_life(
    link: Link, clock: Clock, fake: FakeServer
) -> None:
    """After 20 s of silence it is asked; who answers is not asked again for as long."""
    fake.call.lets_in()
    waits(clock, QUIET - 1)
    assert fake.call.hears() == []
    waits(clock, 6)
    assert fake.call.hears_one() == {"id": 0}
    fake.call.says({"re": 0, "ok": True})
    waits(clock, QUIET - 1)
    assert fake.call.hears() == []
    waits(clock, 6)
    assert fake.call.hears_one() == {"id": 0}


def test_a_server_that_answers_is_kept(link: Link, clock: Clock, fake: FakeServer) -> None:
    """Nobody has to say anything for hours, as long as the server answers."""
    fake.call.lets_in()
    for _ in range(3600):
        clock.advance(1)
        for _ping in fake.call.hears():
            fake.call.says({"re": 0, "ok": True})
    assert len(fake.calls) == 1
    assert link.state is State.LIVE
    assert link.under_way == 0


def test_a_dead_connection_is_given_up(link: Link, clock: Clock, fake: FakeServer) -> None:
    """After 35 s without a byte there is another connection, and what was asked goes out there."""
    fake.call.lets_in()
    ask(link, "one")
    dead = fake.call
    waits(clock, DEAD - 1)
    assert dead.open
    waits(clock, 6)
    assert dead.transport.disconnected
    call = fake.call if fake.call is not dead else fake.meets_again()
    call.lets_in()
    assert texts_of(call.hears()) == ["one"]


def test_a_long_line_on_its_way_is_a_sign_of_life(
    link: Link, clock: Clock, fake: FakeServer, listener: Recorder
) -> None:
    """A slow network may take minutes for one line."""
    fake.call.lets_in()
    fake.call.sends(b'{"type": "message", "group": "tea", "seq": 1, "text": "')
    for _ in range(300):
        clock.advance(1)
        fake.call.sends(b"x")
    fake.call.sends(b'"}\n')
    assert listener.texts == ["x" * 300]
    assert len(fake.calls) == 1


def test_a_person_may_think_about_their_password(
    clock: Clock, fake: FakeServer, login: Knows, listener: Recorder
) -> None:
    """While somebody is asked, silence is nothing bad."""
    login.asks = Deferred()
    make_link(clock, fake, login, listener).start()
    waits(clock, 600)
    assert fake.call.open
    assert len(fake.calls) == 1
    assert fake.call.hears() == []


def test_a_server_that_does_not_answer_the_hello(
    link: Link, clock: Clock, fake: FakeServer
) -> None:
    """A connection that dies during the login is given up too: nobody waits for ever."""
    assert fake.call.hears_one()["hello"] == 1
    waits(clock, 300)
    assert len(fake.calls) > 1


# The end.


@pytest.mark.parametrize("why", ["stopping", "late", "trouble"])
def test_ends_after_which_it_comes_back(
    link: Link, fake: FakeServer, listener: Recorder, why: str
) -> None:
    """A server that stops, or has trouble, may be back soon."""
    fake.call.lets_in()
    fake.call.says({"type": "end", "why": why, "text": "Bye."})
    fake.call.cuts()
    assert listener.ends == []
    fake.meets_again().lets_in()
    assert link.state is State.LIVE


@pytest.mark.parametrize(
    "why", ["put-off", "password", "everywhere", "bad-json", "wrong-password", "something-new"]
)
def test_ends_for_good(link: Link, fake: FakeServer, listener: Recorder, why: str) -> None:
    """Who was put off, or whose password was changed, is told so, once."""
    fake.call.lets_in()
    fake.call.says({"type": "end", "why": why, "text": "You were kicked off."})
    fake.call.says({"type": "end", "why": why, "text": "Really."})
    fake.call.cuts()
    assert listener.ends == ["You were kicked off."]
    assert link.state is State.ENDED
    assert State.WAITING not in listener.states


def test_bye_needs_no_words(link: Link, fake: FakeServer, listener: Recorder) -> None:
    """Who said goodbye is not told why it ended."""
    fake.call.lets_in()
    fake.call.says({"type": "end", "why": "bye", "text": "Bye."})
    assert listener.ends == [""]


@pytest.mark.parametrize("why", [None, 1, [], ["late"], {}, True, ""])
@pytest.mark.parametrize("text", [None, 1, [], {"a": 1}])
def test_an_end_that_makes_no_sense(
    link: Link, fake: FakeServer, listener: Recorder, why: Any, text: Any
) -> None:
    """It is an end all the same, with some words."""
    fake.call.lets_in()
    fake.call.says({"type": "end", "why": why, "text": text})
    assert len(listener.ends) == 1
    assert listener.ends[0]


def test_stop_while_waiting(link: Link, clock: Clock, fake: FakeServer) -> None:
    """A link that is to stop does not come back."""
    fake.call.lets_in()
    fake.call.cuts()
    stopped: list[object] = []
    link.stop().addCallback(stopped.append)
    waits(clock, 60)
    assert stopped == [None]
    assert len(fake.calls) == 1
    assert clock.getDelayedCalls() == []


@pytest.mark.parametrize("when", ["connecting", "asked", "hello", "live"])
def test_stop(
    clock: Clock,
    fake: FakeServer,
    login: Knows,
    listener: Recorder,
    complaints: list[str],
    when: str,
) -> None:
    """Stopping ends the connection, whatever was going on, and leaves nothing behind."""
    fake.slow = when == "connecting"
    login.asks = Deferred() if when == "asked" else None
    link = make_link(clock, fake, login, listener)
    link.start()
    if when == "live":
        fake.call.lets_in()
    stopped: list[object] = []
    link.stop().addCallback(stopped.append)
    waits(clock, 60)
    assert stopped == [None]
    assert not any(call.open for call in fake.calls)
    assert len(fake.attempts) == 1
    assert listener.ends == []
    assert clock.getDelayedCalls() == []
    assert complaints == []


# What servers may send.


@pytest.mark.parametrize("stage", ["before the hello is answered", "catching up", "live"])
def test_a_server_that_makes_no_sense(
    link: Link, fake: FakeServer, listener: Recorder, complaints: list[str], stage: str
) -> None:
    """Objects of every shape are heard or passed over, and requests are answered after them."""
    if stage != "before the hello is answered":
        fake.call.lets_in(live=stage == "live")
    wrong: list[Any] = [None, True, -1, 10**30, 1.5, "", "text", [], [None], {}, {"x": {"y": 1}}]
    for field in ("re", "type", "seq", "group", "with", "at", "from", "text", "id", "key"):
        for value in wrong:
            fake.call.says({"type": "message", "group": "tea", field: value}, {field: value})
    assert fake.call.open
    if stage == "before the hello is answered":
        fake.call.lets_in()
    answered: list[Object] = []
    ask(link, "one", answered=answered.append)
    fake.call.answers(fake.call.hears()[-1])
    assert len(answered) == 1
    assert (listener.ends, listener.failures, complaints) == ([], [], [])


def test_numbers_that_are_too_large(link: Link, fake: FakeServer) -> None:
    """A server that has counted to 10**30 can be told so."""
    fake.call.lets_in(said(10**30, "many"))
    fake.call.cuts()
    assert fake.meets_again().hears_one()["since"] in ({"tea": 10**30}, {})


objects = st.dictionaries(
    st.sampled_from(["hello", "re", "type", "ok", "seq", "group", "with", "why", "text", "code"]),
    st.sampled_from([1, 0, True, "live", "end", "bye", "late", "message", "tea"]) | values,
    max_size=6,
)


@settings(max_examples=examples(40), deadline=None, phases=QUICK)
@given(st.lists(objects, max_size=12), st.lists(objects, max_size=12))
def test_no_objects_raise(before: list[Object], after: list[Object]) -> None:
    """Whatever objects come, before and after the login: none of them makes the link fail."""
    clock, login, listener = Clock(), Knows(), Recorder()
    fake = FakeServer(clock)
    link = make_link(clock, fake, login, listener)
    link.start()
    ask(link, "one", "two")
    for each in before:
        fake.call.says(each)
    if not login.accepts:
        fake.call.welcomes(live=False)
    for each in after:
        if fake.call.open:
            fake.call.says(each)
    assert listener.failures == []
    assert len(login.accepts) >= 1
