"""Pipe: every line of standard input is said, and the end comes when all are stored."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from pyconchat.client.net.address import Address
from pyconchat.client.net.connection import GaveUp
from pyconchat.client.net.json_protocol import Object
from pyconchat.client.net.login import ClientLogin
from pyconchat.client.net.saved import Folder
from pyconchat.client.ui.pipe import MAX_UNDER_WAY, PATIENCE, Pipe, _pieces
from tests.client.conftest import NOON
from tests.client.fake_server import Call, FakeServer, said
from tests.client.net.test_json_protocol import HOSTILE
from tests.client.test_session import entered, lines_of


class Fed:
    """A pipe into *group*, and what comes of it."""

    def __init__(self, fake: FakeServer, folder: Folder, group: str, guest: bool) -> None:
        self.fake = fake
        self.clock: Clock = fake.clock
        self.ends: list[str] = []
        password = None if guest else "pass-word"
        login = ClientLogin(
            Address("host", 8000, "ci", group), folder, self._nobody, print, password, guest=True
        )
        self.guest = guest
        self.pipe = Pipe(self.clock, fake, login, group, self.ends.append, lambda: NOON)
        self.transport = StringTransport()
        self.pipe.makeConnection(self.transport)

    async def _nobody(self, question: str, secret: bool) -> str:
        raise GaveUp(f"nobody can be asked here: {question}")

    def starts(self) -> Fed:
        self.pipe.link.start()
        return self

    def enters(self, **fields: Any) -> Fed:
        """Connect, log in, and enter the group."""
        self.starts()
        return self.is_let_in(**fields)

    def is_let_in(self, **fields: Any) -> Fed:
        """Log in over the newest connection, and enter the group."""
        token = {} if not self.guest else {"token": None}
        self.fake.call.lets_in(name="ci", registered=not self.guest, **token, **fields)
        return self

    def joins(self) -> list[Object]:
        """Answer what wants to join; return the other requests."""
        others = []
        for request in self.fake.call.hears():
            if request.get("line") == "/join tea":
                self.fake.call.answers(request, **entered("tea"))
            else:
                others.append(request)
        return others + self.fake.call.hears()

    def feeds(self, data: str | bytes) -> Fed:
        self.pipe.dataReceived(data.encode() if isinstance(data, str) else data)
        return self

    def ends_input(self) -> Fed:
        self.pipe.readConnectionLost()
        return self

    def stores(self, requests: list[Object]) -> None:
        """Answer *requests* as a server that has stored them."""
        for seq, request in enumerate(requests, 1):
            self.fake.call.answers(request, seq=seq)

    def waits(self, seconds: float) -> None:
        """Let time pass, with a server that answers signs of life."""
        for _ in range(int(seconds)):
            self.clock.advance(1)
            if self.fake.calls and self.fake.call.open:
                for request in self.fake.call.hears():
                    if request.get("id") == 0:
                        self.fake.call.answers(request)


Feed = Callable[..., Fed]


@pytest.fixture
def feed(fake: FakeServer, folder: Folder) -> Feed:
    def make(group: str = "tea", guest: bool = False) -> Fed:
        return Fed(fake, folder, group, guest)

    return make


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Stop what takes longer, as a loop without an end."""
    alarms: list[int] = []

    def late(number: int, _frame: object) -> None:
        alarms.append(number)  # whoever takes the exception for a failure of theirs
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert not alarms, f"it took more than {seconds} s"


# Lines.


def test_each_line_is_a_message(feed: Feed) -> None:
    """In order, whatever it begins with, and the end comes when the last is stored."""
    pipe = feed().enters()
    requests = pipe.feeds("one\n/quit\n//two\n").joins()
    assert [(each["group"], each["text"]) for each in requests] == [
        ("tea", "one"),
        ("tea", "/quit"),
        ("tea", "//two"),
    ]
    pipe.ends_input()
    pipe.stores(requests[:2])
    assert pipe.ends == []
    pipe.stores(requests[2:])
    assert pipe.ends == [""]


def test_nothing_is_said_before_we_are_in(feed: Feed) -> None:
    """What comes early waits for the login and the group."""
    pipe = feed().feeds("one\ntwo\n").starts()
    pipe.is_let_in()
    (join,) = pipe.fake.call.hears()
    assert join["line"] == "/join tea"
    pipe.fake.call.answers(join, **entered("tea"))
    assert lines_of(pipe.fake.call.hears()) == ["one", "two"]


@pytest.mark.parametrize("data", ["", "\n", "\n\n\r\n", "  \n\t\n", "\x00\x1b\n"])
def test_blank_lines(feed: Feed, data: str) -> None:
    """Nothing to say is nothing, and no failure."""
    pipe = feed().enters()
    assert pipe.feeds(data).ends_input().joins() == []
    assert pipe.ends == [""]


@pytest.mark.parametrize(
    ("data", "texts"),
    [
        (b"one", ["one"]),
        (b"one\r\ntwo\r\n", ["one", "two"]),
        (b"  in \n", ["  in "]),
        (b"a\xffb\n", ["a\ufffdb"]),
        ("ä€😀\n".encode(), ["ä€😀"]),
        (b"a\x0bb\x0cc\n", ["a\x0bb\x0cc"]),
    ],
)
def test_what_lines_become(feed: Feed, data: bytes, texts: list[str]) -> None:
    """Only a line end ends a line; the last needs none; what is no text is shown to be none."""
    pipe = feed().enters()
    for byte in data:
        pipe.feeds(bytes([byte]))
    assert [each["text"] for each in pipe.ends_input().joins()] == texts


def test_the_input_is_over_before_the_login(feed: Feed) -> None:
    """All of it is said all the same."""
    pipe = feed().feeds("one\ntw").ends_input()
    assert pipe.ends == []
    pipe.enters()
    requests = pipe.joins()
    assert lines_of(requests) == ["one", "tw"]
    pipe.stores(requests)
    assert pipe.ends == [""]


def test_no_input_at_all(feed: Feed) -> None:
    """Who has nothing to say is done when they are in."""
    pipe = feed().ends_input()
    assert pipe.ends == []
    assert pipe.enters().joins() == []
    assert pipe.ends == [""]


# Long lines.


@given(st.text("a é€😀\u0301", max_size=60), st.integers(4, 20))
def test_pieces(line: str, limit: int) -> None:
    """Pieces are as long as they may be, cut between characters, and nothing is lost."""
    pieces = _pieces(line, limit)
    assert "".join(pieces) == line
    assert all(len(piece.encode()) <= limit for piece in pieces)
    assert all(len(piece.encode()) > limit - 4 for piece in pieces[:-1])


def test_a_long_line_is_several_messages(feed: Feed) -> None:
    """Of as many bytes as the server takes."""
    pipe = feed().enters(line_bytes=100)
    texts = lines_of(pipe.feeds("€" * 100 + "\n").joins())
    assert "".join(texts) == "€" * 100
    assert [len(text) for text in texts] == [33, 33, 33, 1]


@pytest.mark.parametrize("limit", [1, 2, 3, True])
def test_a_limit_that_makes_no_sense(feed: Feed, limit: Any) -> None:
    """A server that takes lines of one byte does not hang the client."""
    pipe = feed().feeds("😀 ä €\n").starts()
    with at_most(1.0):
        pipe.is_let_in(line_bytes=limit)
        pipe.joins()


@pytest.mark.parametrize("limit", [None, 0, -1, "x", [], 1.5, 10**30])
def test_a_limit_that_is_none(feed: Feed, limit: Any) -> None:
    """Then it is as many as by default, or no limit."""
    pipe = feed().enters(line_bytes=limit)
    assert lines_of(pipe.feeds("x" * 4096 + "\n").joins()) == ["x" * 4096]


def test_a_line_of_more_than_a_megabyte(feed: Feed) -> None:
    """It fails, and says so; the others are said."""
    pipe = feed().enters(line_bytes=10**6)
    requests = pipe.feeds("one\n" + "x" * (Pipe.MAX_LENGTH + 10) + "\ntwo\n").ends_input().joins()
    assert lines_of(requests) == ["one", "two"]
    pipe.stores(requests)
    assert pipe.ends == ["1 not sent: a line was longer than a megabyte"]


# Much at once.


def test_much_is_read_as_fast_as_it_is_stored(feed: Feed) -> None:
    """So many lines wait for their answers, so many are read ahead; then the input waits."""
    pipe = feed().enters()
    pipe.joins()
    pipe.feeds("".join(f"{number}\n" for number in range(3 * MAX_UNDER_WAY)))
    requests = pipe.fake.call.hears()
    assert len(requests) == MAX_UNDER_WAY
    assert pipe.transport.producerState == "paused"
    heard = lines_of(requests)
    while requests:
        pipe.stores(requests)
        requests = pipe.fake.call.hears()
        heard += lines_of(requests)
    assert pipe.transport.producerState == "producing"
    assert heard == [str(number) for number in range(3 * MAX_UNDER_WAY)]
    pipe.ends_input()
    assert pipe.ends == [""]


def test_the_input_waits_for_the_server(feed: Feed) -> None:
    """While there is none, nothing is read beyond what came at once."""
    pipe = feed().feeds("one\ntwo\n")
    assert pipe.transport.producerState == "paused"
    assert lines_of(pipe.enters().joins()) == ["one", "two"]
    assert pipe.transport.producerState == "producing"


def test_a_slow_reader_of_the_answers(feed: Feed) -> None:
    """While the answers are not read, no more commands are sent, and no more input is read."""
    pipe = feed(group="").enters()
    producer = pipe.transport.producer
    assert producer is not None
    producer.pauseProducing()
    pipe.feeds("who\n")
    assert pipe.fake.call.hears() == []
    assert pipe.transport.producerState == "paused"
    producer.resumeProducing()
    assert lines_of(pipe.fake.call.hears()) == ["who"]
    assert pipe.transport.producerState == "producing"


def test_many_blank_lines(feed: Feed) -> None:
    """More lines than are read in one turn of the reactor, with nothing to send in them."""
    pipe = feed().enters()
    pipe.feeds("\n" * 2000).ends_input().joins()
    assert pipe.ends == []
    pipe.clock.pump([0] * 4)
    assert pipe.ends == [""]


# Cuts.


def test_a_cut(feed: Feed) -> None:
    """What was not answered goes out again under its key, after the group was entered again."""
    pipe = feed().enters()
    first = pipe.feeds("one\ntwo\nthree\n").ends_input().joins()
    pipe.stores(first[:1])
    pipe.fake.call.cuts()
    pipe.fake.meets_again()
    again = pipe.is_let_in().joins()
    assert again == first[1:]
    pipe.stores(again)
    assert pipe.ends == [""]


def test_a_cut_before_the_group_was_entered(feed: Feed) -> None:
    """Nothing is said twice."""
    pipe = feed().feeds("one\n").ends_input().starts().is_let_in()
    pipe.fake.call.cuts()
    pipe.fake.meets_again()
    requests = pipe.is_let_in().joins()
    assert lines_of(requests) == ["one"]
    pipe.stores(requests)
    assert pipe.ends == [""]


def test_a_guests_doubt(feed: Feed) -> None:
    """What a guest had sent may not have arrived: it is counted, and not said again."""
    pipe = feed(guest=True).enters()
    first = pipe.feeds("one\ntwo\n").joins()
    pipe.stores(first[:1])
    pipe.fake.call.cuts()
    pipe.feeds("three\n").ends_input()
    pipe.fake.meets_again()
    again = pipe.is_let_in().joins()
    assert lines_of(again) == ["three"]
    pipe.stores(again)
    assert pipe.ends == ["1 not sent: may not have arrived: two"]


def test_only_lines_are_in_doubt(feed: Feed) -> None:
    """A guest who was cut while joining joins again; every line is said, so nothing has failed."""
    pipe = feed(guest=True).feeds("one\n").ends_input().starts().is_let_in()
    pipe.fake.call.cuts()
    pipe.fake.meets_again()
    requests = pipe.is_let_in().joins()
    assert lines_of(requests) == ["one"]
    pipe.stores(requests)
    assert pipe.ends == [""]


# Failures.


def test_what_was_refused_is_counted(feed: Feed) -> None:
    """The others are said; each reason is told once."""
    pipe = feed().enters()
    requests = pipe.feeds("one\ntwo\nthree\nfour\n").ends_input().joins()
    pipe.fake.call.refuses(requests[0], "busy", "Not so fast.")
    pipe.fake.call.refuses(requests[1], "busy", "Not so fast.")
    pipe.fake.call.refuses(requests[2], "bad-text", "Not that.")
    assert pipe.ends == []
    pipe.stores(requests[3:])
    assert pipe.ends == ["3 not sent: Not so fast.; Not that."]


def test_a_refusal_without_a_reason(feed: Feed) -> None:
    """None is no reason."""
    pipe = feed().enters()
    (request,) = pipe.feeds("one\n").ends_input().joins()
    pipe.fake.call.says({"re": request["id"], "ok": False})
    (why,) = pipe.ends
    assert why.startswith("1 not sent")
    assert "None" not in why


def test_a_group_that_needs_approval(feed: Feed) -> None:
    """Nobody waits for an admin."""
    pipe = feed().feeds("one\ntwo\n").ends_input().starts().is_let_in()
    pipe.fake.call.answers(pipe.fake.call.hears_one(), type="asked", group="tea", admin="bob")
    assert pipe.ends == ["2 not sent: the group's admin has to approve first"]


def test_a_group_that_cannot_be_entered(feed: Feed) -> None:
    """The server's reason is told."""
    pipe = feed().feeds("one\n").ends_input().starts().is_let_in()
    pipe.fake.call.refuses(pipe.fake.call.hears_one(), "banned", "You are banned from tea.")
    assert pipe.ends == ["1 not sent: You are banned from tea."]


def test_a_login_that_cannot_be(feed: Feed) -> None:
    """Nobody is asked; the reason is told, once."""
    pipe = feed().feeds("one\n").ends_input().starts()
    pipe.fake.call.refuses_hello("wrong-password", "Wrong password.")
    assert pipe.ends == ["1 not sent: Wrong password."]
    pipe.waits(PATIENCE + 5)
    assert len(pipe.ends) == 1


def test_put_off(feed: Feed) -> None:
    """What was under way then was not sent."""
    pipe = feed().enters()
    pipe.feeds("one\ntwo\n").joins()
    pipe.fake.call.says({"type": "end", "why": "put-off", "text": "You were kicked off."})
    assert pipe.ends == ["2 not sent: You were kicked off."]


def test_reasons_of_others_are_safe(feed: Feed) -> None:
    """They go to a terminal; so may a line of the input, which nobody knows."""
    pipe = feed(guest=True).enters()
    requests = pipe.feeds(f"one\n{HOSTILE}").ends_input().joins()
    pipe.fake.call.refuses(requests[0], "x", HOSTILE)
    pipe.fake.call.cuts()
    pipe.fake.meets_again()
    pipe.is_let_in().joins()
    (why,) = pipe.ends
    assert why.isprintable()


# Patience.


def test_no_server(feed: Feed) -> None:
    """After a minute without one it is given up, with the reason."""
    pipe = feed().feeds("one\ntwo\n")
    pipe.fake.away = True
    pipe.starts()
    pipe.waits(PATIENCE - 1)
    assert pipe.ends == []
    pipe.waits(2)
    assert pipe.ends[0].startswith("2 not sent: no answer from the server for 60 s")


def test_a_server_that_says_nothing(feed: Feed) -> None:
    """The same; the count is that of the lines."""
    pipe = feed().feeds("one\ntwo\n").starts()
    pipe.waits(PATIENCE + 1)
    assert pipe.ends[0].startswith("2 not sent: no answer from the server for 60 s")


def test_a_server_that_does_not_let_us_into_the_group(feed: Feed) -> None:
    """What we asked ourselves is no line."""
    pipe = feed().feeds("one\ntwo\n").starts().is_let_in()
    pipe.waits(PATIENCE + 1)
    assert pipe.ends[0].startswith("2 not sent: no answer from the server for 60 s")


def test_a_server_that_does_not_answer(feed: Feed) -> None:
    """A line that is not answered for a minute is given up."""
    pipe = feed().enters()
    pipe.feeds("one\n").joins()
    pipe.waits(PATIENCE + 1)
    assert pipe.ends[0].startswith("1 not sent: no answer from the server for 60 s")


@pytest.mark.parametrize("minutes", [2, 60])
def test_an_input_that_takes_its_time(feed: Feed, minutes: int) -> None:
    """A build that is silent for an hour is no reason to give up a server that answers."""
    pipe = feed().enters()
    pipe.joins()
    pipe.waits(minutes * 60)
    assert pipe.ends == []
    requests = pipe.feeds("at last\n").ends_input().joins()
    assert lines_of(requests) == ["at last"]
    pipe.stores(requests)
    assert pipe.ends == [""]


def test_answers_make_patient(feed: Feed) -> None:
    """A server that is slow, but answers, is waited for."""
    pipe = feed().enters()
    requests = pipe.feeds("one\ntwo\nthree\n").ends_input().joins()
    for request in requests:
        pipe.waits(PATIENCE - 10)
        pipe.stores([request])
    assert pipe.ends == [""]


def test_what_others_say_is_no_answer(feed: Feed) -> None:
    """A lively group does not hide that a line is never answered."""
    pipe = feed().enters()
    pipe.feeds("one\n").joins()
    for seq in range(1, 400):
        pipe.clock.advance(1)
        if not pipe.ends:
            pipe.fake.call.says(said(seq, "x"))
    assert pipe.ends != []


# At the front desk.


def test_at_the_front_desk(feed: Feed) -> None:
    """Lines are commands, one after the other, and their answers are written."""
    pipe = feed(group="").enters()
    pipe.feeds("who\ngroups\n").ends_input()
    first = pipe.fake.call.hears_one()
    assert (first["line"], "group" in first) == ("who", False)
    pipe.fake.call.answers(first, type="who", people=[])
    second = pipe.fake.call.hears_one()
    pipe.fake.call.refuses(second, "x", "No groups.")
    assert pipe.transport.value() == b"* Online: 0\n"
    assert pipe.ends == ["1 not sent: No groups."]


def test_answers_are_clean(feed: Feed) -> None:
    """Whatever is in them."""
    pipe = feed(group="").enters()
    pipe.feeds("x\n")
    pipe.fake.call.answers(pipe.fake.call.hears_one(), type="done", text=HOSTILE)
    assert pipe.transport.value() == b"* [2J]0;x31mevil\n"


def test_commands_after_a_cut(feed: Feed) -> None:
    """At the front desk too, what was not answered is asked again, once."""
    pipe = feed(group="").enters()
    pipe.feeds("who\ngroups\n").ends_input()
    first = pipe.fake.call.hears_one()
    pipe.fake.call.cuts()
    call: Call = pipe.fake.meets_again()
    pipe.is_let_in()
    assert call.hears_one() == first
    call.answers(first)
    call.answers(call.hears_one())
    assert pipe.ends == [""]


def test_nobody_reads_the_answers(feed: Feed) -> None:
    """Then they are not written, and the commands are carried out all the same."""
    pipe = feed(group="").enters()
    pipe.pipe.writeConnectionLost()
    pipe.feeds("who\n").ends_input()
    pipe.fake.call.answers(pipe.fake.call.hears_one(), type="who", people=[])
    assert pipe.transport.value() == b""
    assert pipe.ends == [""]
    pipe.pipe.connectionLost(Failure(ConnectionDone()))
