"""Pipe: each line of standard input is sent, and the client ends when all are stored."""

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

from pyconchat.client.interfaces import GaveUp
from pyconchat.client.net.address import Address
from pyconchat.client.net.json_protocol import Object
from pyconchat.client.net.login import ClientLogin
from pyconchat.client.net.saved import SavedState
from pyconchat.client.ui.pipe import MAX_UNANSWERED, Pipe, _pieces
from pyconchat.client.ui.unattended import MAX_SECONDS
from tests.client.examples import HOSTILE
from tests.client.fakes import FakeServer, join_answer, lines_of, message
from tests.client.people import NOON

ENTRY: dict[str, Object] = {
    "/groups tea": {"type": "groups", "groups": [{"group": "tea", "number": 1}], "more": 0},
    "/join tea": join_answer("tea"),
}
"""The answers to the requests with which a pipe enters the group tea."""


class RunningPipe:
    """A pipe into *group*; *ends* are the reasons with which it finished."""

    def __init__(
        self, fake: FakeServer, saved: SavedState, group: str, guest: bool, create: bool
    ) -> None:
        self.fake = fake
        self.clock: Clock = fake.clock
        self.ends: list[str] = []
        password = None if guest else "pass-word"
        login = ClientLogin(
            Address("host", 8000, "ci", group), saved, self._cannot_ask, print, password, guest=True
        )
        self.guest = guest
        self.pipe = Pipe(self.clock, fake, login, group, create, self.ends.append, lambda: NOON)
        self.transport = StringTransport()
        self.pipe.makeConnection(self.transport)

    async def _cannot_ask(self, question: str, secret: bool) -> str:
        raise GaveUp(f"nobody can answer: {question}")

    def starts(self) -> RunningPipe:
        """Connect."""
        self.pipe.connection.start()
        return self

    def enters(self, **fields: Any) -> RunningPipe:
        """Connect, log in, and enter the group."""
        self.starts()
        return self.is_accepted(**fields)

    def is_accepted(self, **fields: Any) -> RunningPipe:
        """Log in over the newest connection, and enter the group."""
        token = {} if not self.guest else {"token": None}
        self.fake.connection.accepts_login(name="ci", registered=not self.guest, **token, **fields)
        return self

    def joins(self) -> list[Object]:
        """Answer the requests before the lines, so that the group is entered; return the others."""
        others = []
        while received := self.fake.connection.receives():
            for request in received:
                answer = ENTRY.get(request.get("line", ""))
                if answer is not None:
                    self.fake.connection.answers(request, **answer)
                else:
                    others.append(request)
        return others

    def reads(self, data: str | bytes) -> RunningPipe:
        """Receive *data* as input."""
        self.pipe.dataReceived(data.encode() if isinstance(data, str) else data)
        return self

    def ends_input(self) -> RunningPipe:
        """End the input."""
        self.pipe.readConnectionLost()
        return self

    def stores(self, requests: list[Object]) -> None:
        """Answer *requests*, as a server does that has stored them."""
        for seq, request in enumerate(requests, 1):
            self.fake.connection.answers(request, seq=seq)

    def waits(self, seconds: float) -> None:
        """Let time pass, with a server that answers pings."""
        for _ in range(int(seconds)):
            self.clock.advance(1)
            if self.fake.connections and self.fake.connection.is_open:
                for request in self.fake.connection.receives():
                    if request.get("id") == 0:
                        self.fake.connection.answers(request)


MakePipe = Callable[..., RunningPipe]


@pytest.fixture
def make_pipe(fake: FakeServer, saved: SavedState) -> MakePipe:
    def make(group: str = "tea", guest: bool = False, create: bool = False) -> RunningPipe:
        return RunningPipe(fake, saved, group, guest, create)

    return make


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Fail if the block takes longer, as with an endless loop."""
    alarms: list[int] = []

    def late(number: int, _frame: object) -> None:
        alarms.append(number)  # in case the exception is caught
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


def test_each_line_is_a_message(make_pipe: MakePipe) -> None:
    """In order, whatever it begins with; the client ends when the last is stored."""
    pipe = make_pipe().enters()
    requests = pipe.reads("one\n/quit\n//two\n").joins()
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


def test_lines_wait_for_the_group(make_pipe: MakePipe) -> None:
    """Nothing is sent before the login and the join."""
    pipe = make_pipe().reads("one\ntwo\n").starts()
    pipe.is_accepted()
    (listing,) = pipe.fake.connection.receives()
    pipe.fake.connection.answers(listing, **ENTRY["/groups tea"])
    (join,) = pipe.fake.connection.receives()
    assert join["line"] == "/join tea"
    pipe.fake.connection.answers(join, **join_answer("tea"))
    assert lines_of(pipe.fake.connection.receives()) == ["one", "two"]


# The group.


def listed_without(pipe: RunningPipe, *names: str) -> None:
    """Answer that there is no group but *names*."""
    (listing,) = pipe.fake.connection.receives()
    groups = [{"group": name, "number": number} for number, name in enumerate(names, 1)]
    pipe.fake.connection.answers(listing, type="groups", groups=groups, more=0)


@pytest.mark.parametrize("guest", [True, False])
def test_a_group_that_does_not_exist(make_pipe: MakePipe, guest: bool) -> None:
    """Without --create it is not created; a name that contains it does not count."""
    pipe = make_pipe(guest=guest).reads("one\n").ends_input().starts().is_accepted()
    listed_without(pipe, "teatime")
    assert pipe.fake.connection.receives() == []
    assert pipe.ends == ["1 not sent: there is no group tea; --create creates it"]


def test_a_group_is_created_with_the_option(make_pipe: MakePipe) -> None:
    """By an account, whose group is permanent."""
    pipe = make_pipe(create=True).reads("one\n").ends_input().starts().is_accepted()
    listed_without(pipe)
    (create,) = pipe.fake.connection.receives()
    assert create["line"] == "/create tea"
    pipe.fake.connection.answers(create, **join_answer("tea", created=True))
    requests = pipe.fake.connection.receives()
    assert lines_of(requests) == ["one"]
    pipe.stores(requests)
    assert pipe.ends == [""]


def test_a_guest_creates_no_group(make_pipe: MakePipe) -> None:
    """It would end with the connection, and the messages with it."""
    pipe = make_pipe(guest=True, create=True).reads("one\n").ends_input().starts().is_accepted()
    listed_without(pipe)
    assert pipe.fake.connection.receives() == []
    assert "log in with a password" in pipe.ends[0]


def test_a_group_of_guests(make_pipe: MakePipe) -> None:
    """The guests there read the message, but it does not stay, so the status is not 0."""
    pipe = make_pipe(guest=True).reads("one\n").ends_input().starts().is_accepted()
    (listing,) = pipe.fake.connection.receives()
    pipe.fake.connection.answers(listing, **ENTRY["/groups tea"])
    (join,) = pipe.fake.connection.receives()
    pipe.fake.connection.answers(join, **join_answer("tea", temporary=True))
    pipe.stores(pipe.fake.connection.receives())
    assert "only guests" in pipe.ends[0]


def test_a_join_whose_answer_was_lost(make_pipe: MakePipe) -> None:
    """The server answers the repeated request with its number only; the client asks again."""
    pipe = make_pipe().reads("one\n").ends_input().starts().is_accepted()
    (listing,) = pipe.fake.connection.receives()
    pipe.fake.connection.answers(listing, **ENTRY["/groups tea"])
    (join,) = pipe.fake.connection.receives()
    pipe.fake.connection.answers(join, seq=3)
    assert lines_of(pipe.joins()) == ["one"]


# Texts.


@pytest.mark.parametrize("data", ["", "\n", "\n\n\r\n", "  \n\t\n", "\x00\x1b\n"])
def test_blank_lines(make_pipe: MakePipe, data: str) -> None:
    """They are not sent, and are no failures."""
    pipe = make_pipe().enters()
    assert pipe.reads(data).ends_input().joins() == []
    assert pipe.ends == [""]


@pytest.mark.parametrize(
    ("data", "texts"),
    [
        (b"one", ["one"]),
        (b"one\r\ntwo\r\n", ["one", "two"]),
        (b"  in \n", ["  in "]),
        (b"a\xffb\n", ["a\ufffdb"]),
        ("ä€😀\n".encode(), ["ä€😀"]),
        (b"a\x0bb\x0cc\n", ["a\nb\nc"]),
        (b"\x1b[31mFAILED\x1b[0m test_x\n", ["FAILED test_x"]),
        (b"\x1b]8;;http://h/\x1b\\link\x1b]8;;\x1b\\\n", ["link"]),
        (b"10%\r50%\r100%\n", ["100%"]),
        (b"\tindented\n", ["\tindented"]),
    ],
)
def test_texts_of_lines(make_pipe: MakePipe, data: bytes, texts: list[str]) -> None:
    """Only LF ends a line; the last line needs none; invalid UTF-8 is replaced."""
    pipe = make_pipe().enters()
    for byte in data:
        pipe.reads(bytes([byte]))
    assert [each["text"] for each in pipe.ends_input().joins()] == texts


def test_input_that_ends_before_the_login(make_pipe: MakePipe) -> None:
    """All of it is sent."""
    pipe = make_pipe().reads("one\ntw").ends_input()
    assert pipe.ends == []
    pipe.enters()
    requests = pipe.joins()
    assert lines_of(requests) == ["one", "tw"]
    pipe.stores(requests)
    assert pipe.ends == [""]


def test_no_input(make_pipe: MakePipe) -> None:
    """The client ends after the login."""
    pipe = make_pipe().ends_input()
    assert pipe.ends == []
    assert pipe.enters().joins() == []
    assert pipe.ends == [""]


@pytest.mark.parametrize("data", ["", "\n", "who", "who\n", "who\n\nexit\n"])
@pytest.mark.parametrize("group", ["", "tea"])
def test_nothing_is_done_without_a_server(make_pipe: MakePipe, group: str, data: str) -> None:
    """The client does not end as if it had been, however little there was to do."""
    pipe = make_pipe(group=group).reads(data).ends_input()
    pipe.fake.is_unreachable = True
    pipe.starts()
    pipe.waits(MAX_SECONDS - 1)
    assert pipe.ends == []
    pipe.waits(2)
    assert "no answer from the server for 60 s" in pipe.ends[0]


def test_input_that_cannot_be_read(make_pipe: MakePipe) -> None:
    """A folder, for instance: what was read is sent, and the client fails."""
    pipe = make_pipe().enters()
    pipe.reads("one\n").pipe.input_failed()
    requests = pipe.ends_input().joins()
    assert lines_of(requests) == ["one"]
    pipe.stores(requests)
    assert pipe.ends == ["1 not sent: standard input could not be read to its end"]


# Long lines.


@given(st.text("a é€😀\u0301", max_size=60), st.integers(4, 20))
def test_pieces(line: str, limit: int) -> None:
    """They are as long as possible, cut between characters, and complete."""
    pieces = _pieces(line, limit)
    assert "".join(pieces) == line
    assert all(len(piece.encode()) <= limit for piece in pieces)
    assert all(len(piece.encode()) > limit - 4 for piece in pieces[:-1])


def test_a_long_line_is_several_messages(make_pipe: MakePipe) -> None:
    """Each with as many bytes as the server allows."""
    pipe = make_pipe().enters(line_bytes=100)
    texts = lines_of(pipe.reads("€" * 100 + "\n").joins())
    assert "".join(texts) == "€" * 100
    assert [len(text) for text in texts] == [33, 33, 33, 1]


@pytest.mark.parametrize("limit", [1, 2, 3, True])
def test_an_impossible_limit(make_pipe: MakePipe, limit: Any) -> None:
    """A limit of one byte does not hang the client."""
    pipe = make_pipe().reads("😀 ä €\n").starts()
    with at_most(1.0):
        pipe.is_accepted(line_bytes=limit)
        pipe.joins()


@pytest.mark.parametrize("limit", [None, 0, -1, "x", [], 1.5, 10**30])
def test_an_invalid_limit(make_pipe: MakePipe, limit: Any) -> None:
    """The default is used, or no limit."""
    pipe = make_pipe().enters(line_bytes=limit)
    assert lines_of(pipe.reads("x" * 4096 + "\n").joins()) == ["x" * 4096]


def test_a_line_of_more_than_a_megabyte(make_pipe: MakePipe) -> None:
    """It is reported, and the other lines are sent."""
    pipe = make_pipe().enters(line_bytes=10**6)
    requests = pipe.reads("one\n" + "x" * (Pipe.MAX_LENGTH + 10) + "\ntwo\n").ends_input().joins()
    assert lines_of(requests) == ["one", "two"]
    pipe.stores(requests)
    assert pipe.ends == ["1 not sent: a line was longer than a megabyte"]


# Flow control.


def test_the_maximum_of_unanswered_messages(make_pipe: MakePipe) -> None:
    """When it is reached, no more input is read until the server answers."""
    pipe = make_pipe().enters()
    pipe.joins()
    pipe.reads("".join(f"{number}\n" for number in range(3 * MAX_UNANSWERED)))
    requests = pipe.fake.connection.receives()
    assert len(requests) == MAX_UNANSWERED
    assert pipe.transport.producerState == "paused"
    received = lines_of(requests)
    while requests:
        pipe.stores(requests)
        requests = pipe.fake.connection.receives()
        received += lines_of(requests)
    assert pipe.transport.producerState == "producing"
    assert received == [str(number) for number in range(3 * MAX_UNANSWERED)]
    pipe.ends_input()
    assert pipe.ends == [""]


def test_the_input_waits_for_the_server(make_pipe: MakePipe) -> None:
    """Before the login, nothing is read beyond the first piece."""
    pipe = make_pipe().reads("one\ntwo\n")
    assert pipe.transport.producerState == "paused"
    assert lines_of(pipe.enters().joins()) == ["one", "two"]
    assert pipe.transport.producerState == "producing"


def test_a_slow_reader_of_the_answers(make_pipe: MakePipe) -> None:
    """While the answers are not read, no commands are sent, and no input is read."""
    pipe = make_pipe(group="").enters()
    producer = pipe.transport.producer
    assert producer is not None
    producer.pauseProducing()
    pipe.reads("who\n")
    assert pipe.fake.connection.receives() == []
    assert pipe.transport.producerState == "paused"
    producer.resumeProducing()
    assert lines_of(pipe.fake.connection.receives()) == ["who"]
    assert pipe.transport.producerState == "producing"


def test_many_blank_lines(make_pipe: MakePipe) -> None:
    """More than are delivered in one turn of the reactor."""
    pipe = make_pipe().enters()
    pipe.reads("\n" * 2000).ends_input().joins()
    assert pipe.ends == []
    pipe.clock.pump([0] * 4)
    assert pipe.ends == [""]


# Reconnecting.


def test_reconnecting(make_pipe: MakePipe) -> None:
    """After the group is joined again, unanswered messages are sent again with their keys."""
    pipe = make_pipe().enters()
    first = pipe.reads("one\ntwo\nthree\n").ends_input().joins()
    pipe.stores(first[:1])
    pipe.fake.connection.disconnects()
    pipe.fake.reconnects()
    again = pipe.is_accepted().joins()
    assert again == first[1:]
    pipe.stores(again)
    assert pipe.ends == [""]


def test_reconnecting_before_the_join(make_pipe: MakePipe) -> None:
    """Nothing is sent twice."""
    pipe = make_pipe().reads("one\n").ends_input().starts().is_accepted()
    pipe.fake.connection.disconnects()
    pipe.fake.reconnects()
    requests = pipe.is_accepted().joins()
    assert lines_of(requests) == ["one"]
    pipe.stores(requests)
    assert pipe.ends == [""]


def test_unconfirmed_messages_of_a_guest(make_pipe: MakePipe) -> None:
    """They count as not sent, and are not sent again."""
    pipe = make_pipe(guest=True).enters()
    first = pipe.reads("one\ntwo\n").joins()
    pipe.stores(first[:1])
    pipe.fake.connection.disconnects()
    pipe.reads("three\n").ends_input()
    pipe.fake.reconnects()
    again = pipe.is_accepted().joins()
    assert lines_of(again) == ["three"]
    pipe.stores(again)
    assert pipe.ends == ["1 not sent: may not have arrived: two"]


def test_only_lines_are_unconfirmed(make_pipe: MakePipe) -> None:
    """A guest's unconfirmed join is no failure."""
    pipe = make_pipe(guest=True).reads("one\n").ends_input().starts().is_accepted()
    pipe.fake.connection.disconnects()
    pipe.fake.reconnects()
    requests = pipe.is_accepted().joins()
    assert lines_of(requests) == ["one"]
    pipe.stores(requests)
    assert pipe.ends == [""]


# Failures.


def test_refused_messages(make_pipe: MakePipe) -> None:
    """They are counted, each reason is reported once, and the others are sent."""
    pipe = make_pipe().enters()
    requests = pipe.reads("one\ntwo\nthree\nfour\n").ends_input().joins()
    pipe.fake.connection.refuses(requests[0], "busy", "Not so fast.")
    pipe.fake.connection.refuses(requests[1], "busy", "Not so fast.")
    pipe.fake.connection.refuses(requests[2], "bad-text", "Not that.")
    assert pipe.ends == []
    pipe.stores(requests[3:])
    assert pipe.ends == ["3 not sent: Not so fast.; Not that."]


def test_a_refusal_without_a_reason(make_pipe: MakePipe) -> None:
    """The report has a reason of the client's own."""
    pipe = make_pipe().enters()
    (request,) = pipe.reads("one\n").ends_input().joins()
    pipe.fake.connection.sends({"re": request["id"], "ok": False})
    (why,) = pipe.ends
    assert why.startswith("1 not sent")
    assert "None" not in why


def test_a_group_that_needs_approval(make_pipe: MakePipe) -> None:
    """The client ends, without waiting for the admin."""
    pipe = make_pipe().reads("one\ntwo\n").ends_input().starts().is_accepted()
    pipe.fake.connection.answers(pipe.fake.connection.receives_one(), **ENTRY["/groups tea"])
    pipe.fake.connection.answers(
        pipe.fake.connection.receives_one(), type="asked", group="tea", admin="bob"
    )
    assert pipe.ends == ["2 not sent: the group's admin has to approve first"]


def test_a_group_that_cannot_be_joined(make_pipe: MakePipe) -> None:
    """The server's reason is reported."""
    pipe = make_pipe().reads("one\n").ends_input().starts().is_accepted()
    pipe.fake.connection.answers(pipe.fake.connection.receives_one(), **ENTRY["/groups tea"])
    pipe.fake.connection.refuses(
        pipe.fake.connection.receives_one(), "banned", "You are banned from tea."
    )
    assert pipe.ends == ["1 not sent: You are banned from tea."]


def test_a_refused_login(make_pipe: MakePipe) -> None:
    """The reason is reported once, and nobody is asked."""
    pipe = make_pipe().reads("one\n").ends_input().starts()
    pipe.fake.connection.refuses_hello("wrong-password", "Wrong password.")
    assert pipe.ends == ["1 not sent: Wrong password."]
    pipe.waits(MAX_SECONDS + 5)
    assert len(pipe.ends) == 1


def test_kicked_off_the_server(make_pipe: MakePipe) -> None:
    """Messages without an answer count as not sent."""
    pipe = make_pipe().enters()
    pipe.reads("one\ntwo\n").joins()
    pipe.fake.connection.sends({"type": "end", "why": "put-off", "text": "You were kicked off."})
    assert pipe.ends == ["2 not sent: You were kicked off."]


def test_reasons_are_safe(make_pipe: MakePipe) -> None:
    """They go to a terminal, with text from the server and from the input."""
    pipe = make_pipe(guest=True).enters()
    requests = pipe.reads(f"one\n{HOSTILE}").ends_input().joins()
    pipe.fake.connection.refuses(requests[0], "x", HOSTILE)
    pipe.fake.connection.disconnects()
    pipe.fake.reconnects()
    pipe.is_accepted().joins()
    (why,) = pipe.ends
    assert why.isprintable()


# Timeouts.


def test_no_server(make_pipe: MakePipe) -> None:
    """The client gives up after a minute, with the reason."""
    pipe = make_pipe().reads("one\ntwo\n")
    pipe.fake.is_unreachable = True
    pipe.starts()
    pipe.waits(MAX_SECONDS - 1)
    assert pipe.ends == []
    pipe.waits(2)
    assert pipe.ends[0].startswith("2 not sent: no answer from the server for 60 s")


def test_a_server_without_a_hello(make_pipe: MakePipe) -> None:
    """The client gives up after a minute, and counts the lines."""
    pipe = make_pipe().reads("one\ntwo\n").starts()
    pipe.waits(MAX_SECONDS + 1)
    assert pipe.ends[0].startswith("2 not sent: no answer from the server for 60 s")


def test_a_server_that_does_not_answer_the_join(make_pipe: MakePipe) -> None:
    """The join itself does not count as a line."""
    pipe = make_pipe().reads("one\ntwo\n").starts().is_accepted()
    pipe.waits(MAX_SECONDS + 1)
    assert pipe.ends[0].startswith("2 not sent: no answer from the server for 60 s")


def test_a_server_that_does_not_answer(make_pipe: MakePipe) -> None:
    """The client gives up a minute after the line."""
    pipe = make_pipe().enters()
    pipe.reads("one\n").joins()
    pipe.waits(MAX_SECONDS + 1)
    assert pipe.ends[0].startswith("1 not sent: no answer from the server for 60 s")


@pytest.mark.parametrize("minutes", [2, 60])
def test_slow_input(make_pipe: MakePipe, minutes: int) -> None:
    """After an hour without input the connection is still used."""
    pipe = make_pipe().enters()
    pipe.joins()
    pipe.waits(minutes * 60)
    assert pipe.ends == []
    requests = pipe.reads("at last\n").ends_input().joins()
    assert lines_of(requests) == ["at last"]
    pipe.stores(requests)
    assert pipe.ends == [""]


def test_a_slow_server(make_pipe: MakePipe) -> None:
    """Each answer gives it another minute."""
    pipe = make_pipe().enters()
    requests = pipe.reads("one\ntwo\nthree\n").ends_input().joins()
    for request in requests:
        pipe.waits(MAX_SECONDS - 10)
        pipe.stores([request])
    assert pipe.ends == [""]


def test_events_are_no_answers(make_pipe: MakePipe) -> None:
    """They do not extend the timeout."""
    pipe = make_pipe().enters()
    pipe.reads("one\n").joins()
    for seq in range(1, 400):
        pipe.clock.advance(1)
        if not pipe.ends:
            pipe.fake.connection.sends(message(seq, "x"))
    assert pipe.ends != []


# At the front desk.


def test_at_the_front_desk(make_pipe: MakePipe) -> None:
    """Lines are commands, sent one after the other, and their answers are written."""
    pipe = make_pipe(group="").enters()
    pipe.reads("who\ngroups\n").ends_input()
    first = pipe.fake.connection.receives_one()
    assert (first["line"], "group" in first) == ("who", False)
    pipe.fake.connection.answers(first, type="who", people=[])
    second = pipe.fake.connection.receives_one()
    pipe.fake.connection.refuses(second, "x", "No groups.")
    assert pipe.transport.value() == b"* Online: 0\n"
    assert pipe.ends == ["1 not sent: No groups."]


def test_answers_are_safe(make_pipe: MakePipe) -> None:
    """Whatever text they contain."""
    pipe = make_pipe(group="").enters()
    pipe.reads("x\n")
    pipe.fake.connection.answers(pipe.fake.connection.receives_one(), type="done", text=HOSTILE)
    assert pipe.transport.value() == b"* evil\n"


def test_a_question_is_answered_by_the_next_line(make_pipe: MakePipe) -> None:
    """It may be a password: it is not said in the group to which a command has led."""
    pipe = make_pipe(group="").enters()
    server = pipe.fake.connection
    pipe.reads("join tea\n/policy password\nhunter2\nhello\n").ends_input()
    server.answers(server.receives_one(), **join_answer("tea"))
    server.asks(server.receives_one(), "Password: ", secret=True)
    again = server.receives_one()
    assert (again["line"], again["answers"]) == ("/policy password", ["hunter2"])
    server.answers(again)
    last = server.receives_one()
    assert (last["line"], "answers" in last) == ("hello", False)
    server.answers(last, seq=1)
    assert pipe.ends == [""]


@pytest.mark.parametrize("ended", [True, False])
def test_a_question_without_an_answer(make_pipe: MakePipe, ended: bool) -> None:
    """The command counts as failed, whether the input ends before the question or after it."""
    pipe = make_pipe(group="").enters()
    pipe.reads("policy password\n")
    if ended:
        pipe.ends_input()
    pipe.fake.connection.asks(pipe.fake.connection.receives_one(), "Password: ", secret=True)
    pipe.ends_input()
    assert pipe.ends == ["1 not sent: no answer to: Password"]


@pytest.mark.parametrize(("rest", "ends"), [("", ""), ("who\n", "1 not sent: the server ended")])
def test_the_command_that_disconnects(make_pipe: MakePipe, rest: str, ends: str) -> None:
    """It is no failure, unless lines follow it."""
    pipe = make_pipe(group="").enters()
    pipe.reads(f"exit\n{rest}").ends_input()
    server = pipe.fake.connection
    request = server.receives_one()
    server.answers(request)
    server.sends({"type": "end", "why": "bye", "text": "Bye."})
    server.disconnects()
    assert request["line"] == "exit"
    assert pipe.ends[0].startswith(ends)
    assert bool(pipe.ends[0]) is bool(ends)


def test_commands_after_reconnecting(make_pipe: MakePipe) -> None:
    """An unanswered command is sent again."""
    pipe = make_pipe(group="").enters()
    pipe.reads("who\ngroups\n").ends_input()
    first = pipe.fake.connection.receives_one()
    pipe.fake.connection.disconnects()
    server = pipe.fake.reconnects()
    pipe.is_accepted()
    assert server.receives_one() == first
    server.answers(first)
    server.answers(server.receives_one())
    assert pipe.ends == [""]


def test_nobody_reads_the_answers(make_pipe: MakePipe) -> None:
    """They are discarded, and the commands are sent all the same."""
    pipe = make_pipe(group="").enters()
    pipe.pipe.writeConnectionLost()
    pipe.reads("who\n").ends_input()
    pipe.fake.connection.answers(pipe.fake.connection.receives_one(), type="who", people=[])
    assert pipe.transport.value() == b""
    assert pipe.ends == [""]
    pipe.pipe.connectionLost(Failure(ConnectionDone()))
