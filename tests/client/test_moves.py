"""ClientSession: lines that were typed for a place where the person no longer is."""

from __future__ import annotations

import pytest

from tests.client.fakes import DESK_COMMANDS
from tests.client.people import MakeSession


@pytest.mark.parametrize("line", ["exit strategy", "3", "message me", "EXIT"])
def test_a_message_is_no_command_after_a_kick(make_session: MakeSession, line: str) -> None:
    """A line that was being typed is not taken at the front desk until it is sent again."""
    me = make_session().enters("tea", commands=DESK_COMMANDS)
    kicked = {"type": "kicked", "group": "tea", "seq": 1, "at": "2026-11-21T09:30:00Z"}
    me.server.sends({**kicked, "name": "alice", "by": "bob", "reason": ""})
    me.sees()
    assert me.types(line) == []
    assert me.sees() == ["* You are at the front desk now: send it again to carry it out."]
    assert [each["line"] for each in me.types(line)] == [line]


@pytest.mark.parametrize("line", ["message carol the pin is 9731", "mesage carol 9731", "3"])
def test_a_desk_command_is_not_said_after_an_approval(make_session: MakeSession, line: str) -> None:
    """A private line that was being typed is not said in the group until it is sent again."""
    me = make_session().starts()
    me.server.accepts_login(groups=[], commands=DESK_COMMANDS)
    (request,) = me.types("/join tea")
    me.server.answers(request, type="asked", group="tea", admin="bob", online=True)
    joined = {"type": "joined", "group": "tea", "seq": 1, "at": "2026-11-21T09:30:00Z"}
    me.server.sends({**joined, "name": "alice", "via": "approval", "by": "bob", "guest": False})
    me.clock.advance(0)  # read markers
    me.server.receives()
    me.sees()
    assert me.types(line) == []
    assert me.sees() == ["* You are in tea now: send it again to say it there."]
    assert [each["line"] for each in me.types(line, "hello")] == [line, "hello"]


@pytest.mark.parametrize("leave", ["/leave", "leave", "qqq"])
def test_no_line_is_doubtful_after_ones_own_move(make_session: MakeSession, leave: str) -> None:
    """Leaving, and going to a group."""
    me = make_session().enters("tea", "coffee", commands=DESK_COMMANDS)
    me.types("/go coffee")
    assert [each["line"] for each in me.types("message me")] == ["message me"]
    (request,) = me.types(leave)
    left = {"type": "left", "group": "coffee", "seq": 1, "at": "2026-11-21T09:30:00Z"}
    me.server.sends({**left, "name": "alice", "why": "left"})
    me.server.answers(request)
    assert [each["line"] for each in me.types("exit")] == ["exit"]


def test_a_move_after_a_question_is_ones_own(make_session: MakeSession) -> None:
    """The command is running again when its question is answered."""
    me = make_session().enters("tea", commands=DESK_COMMANDS)
    (request,) = me.types("/leave")
    me.server.asks(request, "Leave tea for good? yes or no: ")
    me.screen.questions[0][2].callback("yes")
    (request,) = me.server.receives()
    left = {"type": "left", "group": "tea", "seq": 1, "at": "2026-11-21T09:30:00Z"}
    me.server.sends({**left, "name": "alice", "why": "left"})
    me.server.answers(request)
    assert [each["line"] for each in me.types("message me")] == ["message me"]


def test_kicked_from_the_current_group(make_session: MakeSession) -> None:
    """What is typed afterwards is not sent to that group."""
    me = make_session().enters("tea")
    kicked = {"type": "kicked", "group": "tea", "seq": 1, "at": "2026-11-21T09:30:00Z"}
    me.server.sends({**kicked, "name": "alice", "by": "bob", "reason": ""})
    assert me.sees() == ["09:30 * You were kicked from tea by bob."]
    assert "group" not in me.types("hi")[0]
