"""ClientSession: what commands ask for is asked of the person."""

from __future__ import annotations

from typing import Any

import pytest

from pyconchat.client.interfaces import Cancelled
from tests.client.fakes import (
    DESK_COMMANDS,
    groups_in_hello,
    lines_of,
    without_ids,
)
from tests.client.people import MakeSession


def test_a_missing_argument_is_asked_for(make_session: MakeSession) -> None:
    """Each answer is sent with the request, which gets a new key."""
    me = make_session().enters("tea")
    (first,) = me.types("/msg")
    me.server.asks(first, "Recipient: ")
    question, secret, answer = me.screen.questions[0]
    assert (question, secret) == ("Recipient: ", False)
    answer.callback("bob")
    second = me.server.receives_one()
    me.server.asks(second, "Message: ")
    me.screen.questions[1][2].callback("hello")
    third = me.server.receives_one()
    assert without_ids(third) == {"group": "tea", "line": "/msg", "answers": ["bob", "hello"]}
    assert len({each["key"] for each in (first, second, third)}) == 3
    me.server.answers(third, type="sent", **{"with": "bob", "online": True, "seq": 1})
    assert me.sees() == ["* Sent to bob."]


def test_a_secret_is_asked_for(make_session: MakeSession, saved: Any) -> None:
    """The answer is not shown, and the new token is used from then on."""
    me = make_session().enters("tea")
    (request,) = me.types("/password")
    me.server.asks(request, "New password: ", secret=True)
    assert me.screen.questions[0][1] is True
    me.screen.questions[0][2].callback("new-word")
    again = me.server.receives_one()
    assert again["answers"] == ["new-word"]
    me.server.answers(again, type="password", text="Changed.", token="token-2")
    assert me.sees() == ["* Changed."]
    me.server.disconnects()
    assert me.fake.reconnects().receives_one()["token"] == "token-2"
    assert saved.token(me.session.address, "alice") == "token-2"


@pytest.mark.parametrize("secret", [None, 1, "true", []])
def test_only_true_is_secret(make_session: MakeSession, secret: Any) -> None:
    """A question with another value is asked as one that is not secret."""
    me = make_session().enters("tea")
    (request,) = me.types("/x")
    asked = {"re": request["id"], "ok": False, "code": "missing-argument", "error": "x"}
    me.server.sends({**asked, "ask": "What? ", "secret": secret})
    assert me.screen.questions[0][:2] == ("What? ", False)


def test_a_line_typed_ahead_is_the_answer(make_session: MakeSession) -> None:
    """As at the other doors: it may be a password, which must not be said in the group."""
    me = make_session().enters("tea")
    (request,) = me.types("/policy password", "hunter2", "hello")
    assert me.session.may_have_secret("hunter2")
    me.server.asks(request, "Password for the group: ", secret=True)
    again = me.server.receives_one()
    assert (again["line"], again["answers"]) == ("/policy password", ["hunter2"])
    assert me.screen.questions == []
    assert me.sees() == ["* The line that you typed ahead is the answer to: Password for the group"]
    me.server.answers(again)
    assert lines_of(me.server.receives()) == ["hello"]
    assert not me.session.may_have_secret("hello")


def test_a_command_typed_ahead_is_no_answer(make_session: MakeSession) -> None:
    """It is carried out instead of the one that asks, before the lines after it."""
    me = make_session().enters("tea")
    (request,) = me.types("/kick", "/members", "hello")
    me.server.asks(request, "Kick whom? ")
    request = me.server.receives_one()
    assert request["line"] == "/members"
    assert "answers" not in request
    me.server.answers(request)
    assert lines_of(me.server.receives()) == ["hello"]
    assert me.sees() == []


def test_nothing_is_said_while_a_question_is_open(make_session: MakeSession) -> None:
    """Neither a paste nor a line, until the command is answered."""
    me = make_session().enters("tea")
    (request,) = me.types("/kick")
    me.server.asks(request, "Kick whom? ")
    me.session.pasted(["pasted"])
    assert me.types("typed") == []
    me.screen.questions[0][2].callback("bob")
    again = me.server.receives_one()
    assert again["answers"] == ["bob"]
    me.server.answers(again)
    assert lines_of(me.server.receives()) == ["pasted", "typed"]


def test_an_unanswered_question(make_session: MakeSession) -> None:
    """Nothing is sent."""
    me = make_session().enters("tea")
    (request,) = me.types("/msg")
    me.server.asks(request, "Recipient: ")
    me.screen.questions[0][2].errback(Cancelled())
    assert me.sees() == ["* Cancelled."]
    assert me.server.receives() == []
    assert me.session.connection.unanswered == 0


def test_an_answer_belongs_to_the_group_of_its_request(make_session: MakeSession) -> None:
    """Even if another group is current when the person answers."""
    me = make_session().enters("tea", "coffee")
    (request,) = me.types("/kick")
    me.server.asks(request, "Kick whom? ")
    me.session.go("coffee")
    me.server.receives()
    me.screen.questions[0][2].callback("bob")
    assert me.server.receives_one()["group"] == "tea"


def test_an_answer_while_disconnected(make_session: MakeSession) -> None:
    """It waits for the connection as other requests do."""
    me = make_session().enters("tea")
    (request,) = me.types("/kick")
    me.server.asks(request, "Kick whom? ")
    me.server.disconnects()
    me.screen.questions[0][2].callback("bob")
    server = me.fake.reconnects()
    server.accepts_login(groups=groups_in_hello("tea"))
    assert {"group": "tea", "line": "/kick", "answers": ["bob"]} in map(
        without_ids, server.receives()
    )


def test_a_message_never_uploads_a_file(make_session: MakeSession) -> None:
    """A server that asks about a message, and then for a file, gets no file."""
    me = make_session().enters("tea")
    me.session.pasted(["hello"])
    me.server.asks(me.server.receives_one(), "Which file? ")
    me.screen.questions[0][2].callback("/etc/passwd")
    request = me.server.receives_one()
    me.server.answers(request, type="upload", ticket="t", name="x", offset=0, most=9, command="")
    assert me.session.transfers.active == []
    assert len(me.fake.connections) == 1


@pytest.mark.parametrize("secret", [True, False])
def test_a_command_as_the_answer_is_carried_out(make_session: MakeSession, secret: bool) -> None:
    """The server's and the client's own commands; what was asked for is not repeated."""
    me = make_session().enters("tea", "coffee", commands=DESK_COMMANDS)
    (request,) = me.types("/policy password")
    me.server.asks(request, "Password for the group: ", secret)
    me.screen.questions[0][2].callback(" /msg bob secret")
    (instead,) = me.server.receives()
    assert instead["line"] == "/msg bob secret"
    assert "answers" not in instead
    me.server.answers(instead)
    (request,) = me.types("/me")
    me.server.asks(request, "Do what? ")
    me.screen.questions[1][2].callback("/go coffee")
    assert me.session.groups.current is me.session.groups.get("coffee")


@pytest.mark.parametrize("code", ["wrong-password", "bad-argument", "too-long"])
def test_a_refused_password_is_asked_for_again(code: str, make_session: MakeSession) -> None:
    """What is typed next is another attempt, and must not be said in the group."""
    me = make_session().enters("tea")
    (request,) = me.types("/password")
    me.server.asks(request, "Current password: ", secret=True)
    me.screen.questions[0][2].callback("old-word")
    request = me.server.receives_one()
    me.server.asks(request, "New password: ", secret=True)
    me.screen.questions[1][2].callback("abc")
    me.server.refuses(me.server.receives_one(), code, "That is too short.")
    assert me.screen.questions[2][:2] == ("That is too short. Once more: ", True)
    assert me.types("ahead") == []
    me.screen.questions[2][2].callback("new-word")
    again = me.server.receives_one()
    assert (again["line"], again["answers"]) == ("/password", ["old-word", "new-word"])
    me.server.refuses(again, "too-many", "There were too many wrong passwords.")
    assert me.sees() == ["* There were too many wrong passwords."]
    assert len(me.screen.questions) == 3
    assert lines_of(me.server.receives()) == ["ahead"]
