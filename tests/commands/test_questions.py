"""Questions: for permitted commands only; an answer may be a command."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from pyconchat.chat.chat import Chat
from pyconchat.commands import TABLE, Command
from pyconchat.commands.command import Right
from pyconchat.domain.errors import Code, MustAsk, Refused
from pyconchat.domain.events import Policy
from pyconchat.domain.replies import Reply
from pyconchat.testing import TestUser
from tests.support.groups import Tea, Visit, find_group

FILLERS = {"name": "carol", "group": "tea", "policy": "open", "command": "who", "file": "a.txt"}
"""A possible value for each kind of argument; "9" for the others, which suits all of them."""


def line_of(command: Command) -> str:
    """Return a line with a value for each argument of *command*, but no group after them."""
    arguments = command.args.help[:-1] if command.args.group else command.args.help
    values = [FILLERS.get(each.kind, "9") for each in arguments]
    return " ".join([f"/{command.name}", *values])


# Rights before questions.


@pytest.mark.parametrize("place", ["in the group", "at the desk"])
@pytest.mark.parametrize("command", TABLE, ids=lambda command: command.name)
def test_nobody_is_asked_in_vain(command: Command, place: str, tea: Tea) -> None:
    """A forbidden command is refused before any question, as with all arguments."""
    alone, full = tea.bob, tea.carol
    if place == "at the desk":
        alone.types("/desk")
        full.types("/desk")
    refused = full.types(line_of(command))
    if not any(each.startswith(("* Only ", "* You are at the front desk")) for each in refused):
        assert command.right in (None, Right()), "the rules let them"
        return
    assert full.peer.asked == []
    if command.args.help and command.args.help[0].kind == "group":
        return  # the right depends on the group, which has to be asked for first
    shown = alone.types(f"/{command.name}")
    assert alone.peer.asked == []
    if command.shows_alone:
        return
    if place == "at the desk":  # with arguments, the refusal is that the last one is not a group
        shown, refused = [each[0].split(":")[0].split(",")[0] for each in (shown, refused)]
    assert shown == refused


@pytest.mark.parametrize("line", ["/policy password", "/create tea password"])
def test_the_second_question_is_not_asked_in_vain_either(line: str, tea: Tea) -> None:
    """A password that would be of no use."""
    (shown,) = tea.bob.types(line)
    assert shown.startswith("* ")
    assert tea.bob.peer.asked == []


@pytest.mark.parametrize(
    ("who", "line"),
    [
        ("bob", "/policy password longer than one"),
        ("bob", "/create tea password longer than one"),
        ("alice", "/create den password longer than one"),
        ("alice", "/create den password"),
        ("bob", "/join cave wrong password"),
        ("alice", "/join cave wrong password"),
        ("alice", "/join cave"),
    ],
)
def test_no_password_is_hashed_in_vain(
    who: str, line: str, tea: Tea, chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A password is not hashed if the rules refuse the command."""
    tea.carol.types("/create cave password the right one")
    tea.carol.types("/ban bob")
    tea.alice.types(*(f"/create room{number}" for number in range(199)))  # as many as she may
    hashed: list[object] = []
    for method in ("hash", "verify"):
        monkeypatch.setattr(chat.hasher, method, lambda *args: hashed.append(args))
    user = {"alice": tea.alice, "bob": tea.bob}[who]
    assert user.types(line)[0].startswith("* ")
    assert (hashed, user.peer.asked) == ([], [])


def test_the_right_is_checked_again_after_the_question(tea: Tea, visit: Visit) -> None:
    """An admin who transfers adminship during the question is refused."""
    question: Deferred[str] = Deferred()
    other = visit("alice", "password a")
    tea.alice.peer.ask = lambda prompt, secret=False: question  # type: ignore[method-assign]
    tea.alice.types("/kick")
    other.types("/join tea", "/transfer bob")
    tea.alice.sees()
    question.callback("carol")
    assert tea.alice.sees() == ["* Only the admin, bob, can kick."]


# Answers that are commands.


@pytest.mark.parametrize(
    "asking", ["/policy password", "/me", "/kick", "/msg", "/create x password"]
)
def test_a_command_as_the_answer_is_carried_out(asking: str, tea: Tea, chat: Chat) -> None:
    """Also for a secret question; the original command is not executed."""
    log = tea.alice.log()
    tea.alice.peer.answers = [" /MESSAGE bob the pin is 9731"]
    assert tea.alice.types(asking) == ["* Sent to bob."]
    assert tea.bob.sees() == ["alice (private): the pin is 9731"]
    assert tea.alice.log() == log
    assert len(chat.groups) == 1


def test_a_policy_is_no_password(tea: Tea, chat: Chat) -> None:
    """The second thought counts: invite, not a group whose password is a command."""
    tea.alice.peer.answers = ["/policy invite"]
    assert "* alice changed the policy to invite." in tea.alice.types("/policy password")
    assert find_group(chat, "tea").group.policy is Policy.INVITE


def test_a_command_as_the_answer_may_ask_as_well(tea: Tea) -> None:
    """One question follows the other."""
    tea.alice.peer.answers = ["/kick", "/msg", "bob", "psst"]
    assert tea.alice.types("/me") == ["* Sent to bob."]
    assert tea.alice.peer.asked == ["Do what? ", "Kick whom? ", "Recipient: ", "Message: "]


@pytest.mark.parametrize("answer", ["/mgs bob the pin is 9731", "/nick al"])
def test_a_mistyped_command_is_no_answer_either(answer: str, tea: Tea) -> None:
    """It is refused, and sent to no one."""
    tea.alice.peer.answers = [answer]
    (shown,) = tea.alice.types("/me")
    assert "9731" not in shown
    assert tea.bob.sees() == []


@pytest.mark.parametrize("answer", ["/etc/passwd", "//quit", "/shrug", "/", "and/or"])
def test_other_slashes_are_answers(answer: str, tea: Tea) -> None:
    """Only a command cancels."""
    tea.alice.peer.answers = [answer]
    tea.alice.types("/me")
    assert tea.bob.sees() == [f"~ alice {answer}"]


def test_words_that_are_no_names_leave_at_the_front_desk(visit: Visit) -> None:
    """``exit`` cannot be the name that was asked for; as the text of a message it can."""
    alice, bob = visit("alice", "", "who", "bob", "exit", "exit"), visit("bob")
    assert alice.types("1")[0].startswith("* Online: 2")
    assert alice.types("message") == ["* Sent to bob."]
    assert bob.sees() == ["alice (guest, private): exit"]
    assert alice.types("message") == ["* Bye."]
    assert alice.peer.closed


def executed(user: TestUser, line: str, *answers: str) -> list[Reply | Refused]:
    """Return the result of a program's request with *answers*."""
    user.peer.program = True
    user.peer.answers = list(answers)
    results: list[Reply | Refused] = []
    place = find_group(user.chat, "tea")
    done = user.session.command(line, place, results.append)

    def refused(failure: Failure) -> None:
        failure.trap(Refused)
        results.append(failure.value)  # type: ignore[arg-type]

    done.addErrback(refused)
    user.tick()
    return results


def test_programs_are_answered_alike(tea: Tea) -> None:
    """The command in the answer takes the place of the request, and its questions follow."""
    (question,) = executed(tea.alice, "/me", "/msg bob")
    assert isinstance(question, MustAsk)
    assert question.question == "Message: "
    executed(tea.alice, "/me", "/msg bob", "psst")
    assert tea.bob.sees() == ["alice (private): psst"]
    (cancelled,) = executed(tea.alice, "/me", "")
    assert isinstance(cancelled, Refused)
    assert cancelled.code is Code.CANCELLED


# Passwords.


@pytest.mark.parametrize("line", ["/policy password /msg", "/create nest password /etc/x"])
def test_a_password_is_no_command(line: str, tea: Tea, chat: Chat) -> None:
    """It could not be typed as an answer, so it cannot be set."""
    (shown,) = tea.alice.types(line)
    assert shown == "* A password cannot begin with /, as commands do."
    assert len(chat.groups) == 1
    assert find_group(chat, "tea").group.policy is Policy.APPROVAL
