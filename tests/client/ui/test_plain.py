"""The plain screen without a terminal: which of its lines are one message."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import pytest
from twisted.internet.testing import StringTransport

from pyconchat.client.lines import server_line
from pyconchat.client.ui.joined_lines import MAX_PAUSE
from pyconchat.client.ui.plain import PlainScreen
from tests.client.people import MakeSession, SessionUser

Pasting: TypeAlias = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def alice(make_session: MakeSession) -> SessionUser:
    """Somebody in the group tea."""
    return make_session().enters("tea")


@pytest.fixture
def paste(alice: SessionUser) -> Pasting:
    """Paste lines at the plain screen of alice; return what the server receives."""
    screen = PlainScreen(alice.session, alice.clock, lambda: None)
    screen.keeps_typed = True
    screen.makeConnection(StringTransport())
    alice.session.screen = alice.session._sender.screen = screen

    def paste(*lines: str, pause: float = 0.0) -> list[dict[str, Any]]:
        for line in lines:
            screen.dataReceived(f"{line}\n".encode())
            alice.clock.advance(pause)
        alice.clock.advance(MAX_PAUSE)
        return alice.server.receives()

    return paste


def texts(requests: list[dict[str, Any]]) -> list[str]:
    """Return what was typed; a message of several lines with their line feeds."""
    return [request.get("text") or request["line"] for request in requests]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["one"], ["one"]),
        (["if a:", "\tb", "", "    c"], ["if a:\n\tb\n\n    c"]),
        (["", "one", "two", "", ""], ["one\ntwo"]),
        (["", ""], []),
        (["//one"], ["//one"]),
        (["one", "/usr/bin/env", "two"], ["one\n/usr/bin/env\ntwo"]),
        (["one", "two", "/online", "three"], ["one\ntwo", "/online"]),
        ([str(n) for n in range(65)], ["\n".join(str(n) for n in range(64)), "64"]),
        (["one", "two", "leave"], ["one\ntwo", "leave"]),
    ],
)
def test_a_paste_is_one_message(paste: Pasting, lines: list[str], expected: list[str]) -> None:
    """With its blank lines and indentation; a command is carried out, in its turn."""
    assert texts(paste(*lines)) == expected


def test_lines_that_are_typed(paste: Pasting) -> None:
    """Each is a message."""
    assert texts(paste("one", "two", pause=MAX_PAUSE)) == ["one", "two"]


def test_a_line_after_a_command_waits(alice: SessionUser, paste: Pasting) -> None:
    """It may be the answer to the command's question, and is no message then."""
    (request,) = paste("/policy password", "secret", "good evening", "to you")
    alice.server.asks(request, "Password: ", secret=True)
    (answer,) = alice.server.receives()
    assert answer["answers"] == ["secret"]
    alice.server.answers(answer, type="done")
    assert texts(alice.server.receives()) == ["good evening", "to you"]


def test_a_paste_at_the_front_desk(alice: SessionUser, paste: Pasting) -> None:
    """Each line is a command."""
    (request,) = paste("/desk")
    alice.server.answers(request, type="desk")
    assert texts(paste("who", "groups")) == ["who"]


def test_a_paste_is_not_shown_again(alice: SessionUser, paste: Pasting) -> None:
    """The terminal shows it already."""
    (request,) = paste("one", "two")
    at = "2026-11-21T09:30:00.123Z"
    message = {"type": "message", "group": "tea", "seq": 5, "at": at, "from": "alice"}
    alice.server.sends({**message, "text": request["text"]})
    transport = alice.session.screen.transport  # type: ignore[attr-defined]
    assert b"two" not in transport.value()


def test_a_question_is_asked_again_below_what_is_shown(alice: SessionUser) -> None:
    """The reason of a server that has closed the connection, say; the answer is still hidden."""
    screen = PlainScreen(alice.session, alice.clock, lambda: None)
    transport = StringTransport()
    screen.makeConnection(transport)
    answers: list[str] = []
    screen.ask("Password: ", True).addCallback(answers.append)
    screen.show([server_line("No connection: You took too long to log in.")])
    shown = transport.value().decode()
    assert shown == "Password: \n* No connection: You took too long to log in.\nPassword: "
    screen.dataReceived(b"secret\n")
    assert answers == ["secret"]
    assert alice.server.receives() == []
