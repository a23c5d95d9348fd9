"""Places: a line that was typed for the front desk is not posted to a group, nor the reverse."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from pyconchat.domain.moves import GRACE
from pyconchat.testing import TestUser
from tests.support.groups import Tea, Visit

AGAIN = "* You are in tea now: send it again to say it there."
AGAIN_TO_LEAVE = "* You are in tea now: send it again to leave."
AT_THE_DESK = (
    "* You are at the front desk now, where that is a command: send it again to carry it out."
)


@pytest.fixture
def dave(tea: Tea, visit: Visit) -> TestUser:
    """Somebody at the front desk whose request to join tea has just been approved."""
    dave = visit("dave", "password d")
    dave.types("/join tea")
    tea.alice.types("/approve dave")
    for each in (*tea, dave):
        each.sees()
    return dave


def put_out(how: str, tea: Tea, visit: Visit) -> None:
    """Move bob out of tea by others, or from another device."""
    if how == "leaves on another device":
        tea.alice.types("/policy open")  # otherwise leaving asks
        visit("bob", "password b").types("/leave tea")
    else:
        tea.alice.types(f"/{how} bob")
    for each in tea:
        each.sees()


@pytest.mark.parametrize(
    "line",
    [
        "message carol the pin is 9731",
        "MESSAGE carol 9731",
        "mesage carol the pin is 9731",
        "w carol 9731",
        "password",
        "join other 9731",
        "3",
        "leave",
        " who",
    ],
)
def test_a_desk_command_is_not_said_in_the_group(line: str, dave: TestUser, tea: Tea) -> None:
    """After an approval during the typing; sent again, it is executed."""
    assert dave.types(line) == [AGAIN_TO_LEAVE if line == "leave" else AGAIN]
    assert tea.bob.sees() == []
    dave.types(line)
    assert tea.bob.sees() == ([f"dave: {line}"] if line != "leave" else [])  # it steps out


def test_other_lines_are_said_at_once(dave: TestUser, tea: Tea) -> None:
    """They could not have been meant for the front desk; and so are commands with a slash."""
    dave.types("Hello team!", "/msg carol psst", "a message")
    assert tea.bob.sees() == ["dave: Hello team!", "dave: a message"]
    assert tea.carol.sees() == ["dave: Hello team!", "dave (private): psst", "dave: a message"]


def test_what_was_typed_long_before_is_not_said_either(
    dave: TestUser, tea: Tea, clock: Clock
) -> None:
    """The first line at any time, all lines for some seconds; later lines are said."""
    dave.types("hello")
    assert dave.types("message carol 1") == [AGAIN]
    clock.advance(GRACE)
    assert dave.types("message carol 2") == []
    assert tea.bob.sees() == ["dave: hello", "dave: message carol 2"]


def test_the_first_line_is_not_said_an_hour_later(dave: TestUser, tea: Tea, clock: Clock) -> None:
    """It may have waited on the screen."""
    clock.advance(3600)
    assert dave.types("message carol 9731") == [AGAIN]
    assert tea.bob.sees() == []


@pytest.mark.parametrize("how", ["kick", "ban", "leaves on another device"])
@pytest.mark.parametrize(
    "line", ["exit strategy", "quit smoking", "leave tea", "who knows?", "3", "join us", "me too"]
)
def test_a_message_is_no_command_after_a_kick(how: str, line: str, tea: Tea, visit: Visit) -> None:
    """A kick during the typing does not disconnect; sent again, the line is a command."""
    put_out(how, tea, visit)
    assert tea.bob.types(line) == [AT_THE_DESK]
    assert not tea.bob.peer.closed
    assert tea.bob.types(line) != [AT_THE_DESK]


def test_commands_with_a_slash_work_at_once_after_a_kick(tea: Tea, visit: Visit) -> None:
    """They mean the same at both places."""
    put_out("kick", tea, visit)
    assert tea.bob.types("/quit") == ["* Bye."]


@pytest.mark.parametrize("way", ["leave", "/leave", "/desk", "qqq"])
def test_who_goes_to_the_desk_themselves_can_go_on(way: str, tea: Tea) -> None:
    """No line is doubtful after a move of one's own."""
    tea.alice.types("/policy open")  # otherwise leaving asks
    tea.bob.sees()
    tea.bob.types(way)
    assert tea.bob.types("exit") == ["* Bye."]


def test_who_enters_a_group_themselves_can_talk(tea: Tea, visit: Visit) -> None:
    """Also after a kick."""
    put_out("kick", tea, visit)
    tea.alice.types("/policy open")
    tea.bob.types("/join tea", "who knows?")
    assert "bob: who knows?" in tea.alice.sees()


# A space before a command.


@pytest.mark.parametrize(
    "line",
    [
        "  /password x",
        "\t/password x",
        "\u00a0/PASSWORD x",
        "\u3000/password x",
        "\ufeff/password x",
        "\u200b/pasword x",
        "\x07/password x",
        "\x1b[1m/password x",
        " /9 x",
        " /nick x",
    ],
)
def test_a_command_after_spaces_is_not_said(line: str, tea: Tea) -> None:
    """Nor after invisible characters; the refusal names the ways to send it."""
    (shown,) = tea.alice.types(line)
    assert shown.startswith("* Not sent: /")
    assert "x" not in shown.split()
    assert tea.bob.sees() == []
    tea.alice.types(f"/{line.lstrip()}" if line.startswith((" ", "\t")) else "//password x")
    assert len(tea.bob.sees()) == 1


@pytest.mark.parametrize(
    "line", [" /usr/bin", " leave", "and /who", " / ", "  a /password", "  //x"]
)
def test_other_spaces_and_slashes_are_said(line: str, tea: Tea) -> None:
    """Unchanged."""
    tea.alice.types(line)
    assert tea.bob.sees() == [f"alice: {line}"]


# A slash that begins no command.


@pytest.mark.parametrize(
    "line",
    [
        "/usr/bin/env is a path",
        "/etc/apt/sources.list",
        "/* a comment */",
        "/** @param x */",
        "// TODO: fix me",
        "//",
        "/**/",
        "/.hidden",
    ],
)
def test_what_cannot_be_a_command_is_said(line: str, tea: Tea) -> None:
    """As it stands: pasted paths and comments of programs."""
    assert tea.alice.types(line) == []
    assert tea.bob.sees() == [f"alice: {line}"]


@pytest.mark.parametrize(
    "line",
    [
        "/password/x",
        "/*password x",
        "/.PASSWORD x",
        "/9/x",
        "/nick/x",
        "/ password x",
        "/\u200bpassword x",
        "/\u3000password x",
        "/pasword x",
        "/",
        "/usr is one word",
    ],
)
def test_what_may_be_meant_as_a_command_is_not_said(line: str, tea: Tea) -> None:
    """Even if there is no such command: it is refused."""
    (shown,) = tea.alice.types(line)
    assert shown.startswith("* ")
    assert tea.bob.sees() == []


def test_two_slashes_send_a_message_that_begins_with_one(tea: Tea) -> None:
    """Unless a space follows them."""
    tea.alice.types("//help", "//usr/bin", "// help")
    assert tea.bob.sees() == ["alice: /help", "alice: /usr/bin", "alice: // help"]
