"""The command table: names, aliases, questions and help."""

from __future__ import annotations

import re

import pytest

from pyconchat.chat.chat import Chat
from pyconchat.commands import TABLE, find_command
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.names import COMMAND_WORDS
from tests.support.groups import Tea, Visit

# Every command that was promised: its other names, and its number in the front desk's menu.
PROMISED: dict[str, tuple[set[str], str]] = {
    "join": (set(), "1"),
    "create": (set(), "2"),
    "leave": ({"qqq"}, ""),
    "desk": (set(), ""),
    "groups": (set(), ""),
    "requests": ({"viewRequests", "1"}, ""),
    "approve": ({"approveRequest", "2"}, ""),
    "reject": ({"rejectRequest"}, ""),
    "invite": (set(), ""),
    "members": ({"allMembers", "4"}, ""),
    "online": ({"onlineMembers", "5"}, ""),
    "admin": ({"whoAdmin", "7"}, ""),
    "transfer": ({"changeAdmin", "6"}, ""),
    "kick": ({"kickMember", "8"}, ""),
    "ban": (set(), ""),
    "unban": (set(), ""),
    "bans": (set(), ""),
    "policy": (set(), ""),
    "topic": (set(), ""),
    "send": ({"fileTransfer", "9"}, ""),
    "msg": ({"message"}, ""),
    "me": (set(), ""),
    "who": (set(), ""),
    "history": (set(), ""),
    "search": (set(), ""),
    "ignore": (set(), ""),
    "unignore": (set(), ""),
    "password": (set(), ""),
    "claim": (set(), ""),
    "operator": (set(), ""),
    "help": (set(), ""),
    "quit": ({"disconnect", "3", "exit"}, "3"),
}

# What is asked for, where it is needed and missing, before anything else.
QUESTIONS = {
    "join": "Group: ",
    "create": "Group: ",
    "approve": "Approve whom? ",
    "reject": "Reject whom? ",
    "invite": "Invite whom? ",
    "transfer": "Make whom the admin? ",
    "kick": "Kick whom? ",
    "ban": "Ban whom? ",
    "unban": "Unban whom? ",
    "policy": "Policy (open, approval, invite, password PW): ",
    "topic": "New topic (- for none): ",
    "send": "Which file? ",
    "get": "Which file? A number or a name: ",
    "remove": "Remove which file? Its number: ",
    "msg": "Recipient: ",
    "me": "Do what? ",
    "search": "Search for? ",
    "ignore": "Ignore whom? ",
    "unignore": "Unignore whom? ",
    "claim": "Code: ",
    "operator": "Make whom an operator? ",
}


def odd(word: str) -> str:
    """Return *word* with every other letter in the other case."""
    return "".join(c.upper() if i % 2 else c.lower() for i, c in enumerate(word))


ALL_NAMES = [(name, other) for name, (also, _) in PROMISED.items() for other in {name} | also]
ALL_NAMES.sort()


def test_every_promised_command_is_there() -> None:
    """Each with all of its names, and its place in the menu; no name is lost."""
    table = {command.name: command for command in TABLE}
    for name, (also, menu) in PROMISED.items():
        assert also <= set(table[name].also), name
        assert table[name].menu == menu, name


def test_no_name_is_given_twice() -> None:
    """Whatever the case of its letters, a name means one command; so does a menu number."""
    names = [each.lower() for command in TABLE for each in (command.name, *command.also)]
    assert len(names) == len(set(names))
    menu = [command.menu for command in TABLE if command.menu]
    assert len(menu) == len(set(menu))


def test_every_command_explains_itself() -> None:
    """Each has a summary of one sentence."""
    for command in TABLE:
        assert command.summary.endswith("."), command.name
        assert "\n" not in command.summary


@pytest.mark.parametrize(("name", "alias"), ALL_NAMES)
def test_names_match_whatever_their_case(name: str, alias: str) -> None:
    """With a slash everywhere; at the front desk words without one too."""
    for written in (alias, alias.upper(), alias.lower(), odd(alias)):
        found = find_command(f"/{written} some words", at_desk=False)
        assert (found.command.name, found.rest) == (name, "some words")
        assert find_command(f"/{written}", at_desk=True).command.name == name
        if not alias.isdigit():
            assert find_command(f"{written} x", at_desk=True).command.name == name


@pytest.mark.parametrize(("number", "name"), [("1", "join"), ("2", "create"), ("3", "quit")])
def test_numbers_are_the_menu_at_the_front_desk_and_commands_with_a_slash(
    number: str, name: str
) -> None:
    """``1`` joins at the desk, while ``/1`` lists requests everywhere."""
    assert find_command(number, at_desk=True).command.name == name
    other = {"1": "requests", "2": "approve", "3": "quit"}[number]
    assert find_command(f"/{number}", at_desk=True).command.name == other


@pytest.mark.parametrize(
    "line",
    ["/nosuch", "/", "/ join", "/0", "/10", "/é", "/jo\x1b[31min", "/{name}", "/" + "x" * 99],
)
def test_an_unknown_command_is_refused_in_one_printable_line(line: str) -> None:
    """It says what to do, and repeats nothing that a terminal would obey."""
    with pytest.raises(Refused) as caught:
        find_command(line, at_desk=False)
    assert caught.value.code is Code.UNKNOWN_COMMAND
    assert "/help" in caught.value.sentence
    assert caught.value.sentence.isprintable()
    assert len(caught.value.sentence) < 120


@pytest.mark.parametrize(
    ("typed", "meant"), [("/aprove", "approve"), ("/memebrs", "members"), ("/exot", "quit")]
)
def test_a_slip_of_the_finger_gets_a_hint(typed: str, meant: str) -> None:
    """The nearest command is named."""
    with pytest.raises(Refused) as caught:
        find_command(typed, at_desk=False)
    assert f"/{meant}" in caught.value.sentence


@pytest.mark.parametrize(
    "word", ["4", "9", "hello", "Hello everybody", "²", "99999999999999999999"]
)
def test_at_the_front_desk_nobody_reads_what_is_said(word: str) -> None:
    """What is no command there is refused, and says how to find company."""
    with pytest.raises(Refused) as caught:
        find_command(word, at_desk=True)
    assert caught.value.code is Code.UNKNOWN_COMMAND
    assert "help" in caught.value.sentence


def test_bare_words_cannot_be_names() -> None:
    """The words of the old systems that stand alone are kept free of people and groups."""
    for word in ("message", "who", "join", "leave", "exit", "help", "qqq"):
        assert word in COMMAND_WORDS


# Questions.


def test_the_questions_here_are_all() -> None:
    """Every command with a needed argument is tested below."""
    assert set(QUESTIONS) == {
        command.name for command in TABLE if re.search(r"/\S+ [^[\s]", command.help.usage)
    }


@pytest.mark.parametrize("answer", ["", "   "])
@pytest.mark.parametrize("name", QUESTIONS)
def test_what_is_missing_is_asked_for_and_nothing_cancels(
    name: str, answer: str, tea: Tea, visit: Visit, chat: Chat
) -> None:
    """A needed argument is asked for; an empty answer cancels and changes nothing."""
    alice = tea.alice
    for applicant in (visit("dave"), visit("erin")):  # two, so that none is the default
        applicant.types("/join tea")
    alice.types("/ban frank", "/ban grace")
    log, accounts = alice.log(), len(list(chat.groups))
    alice.peer.answers = [answer]
    assert alice.types(f"/{name}") == ["* Cancelled."]
    assert alice.peer.asked == [QUESTIONS[name]]
    assert alice.log() == log
    assert len(list(chat.groups)) == accounts
    assert alice.types("/members")[0] == "* 3 members of tea:"


def test_the_second_question_cancels_too(tea: Tea) -> None:
    """A recipient without a message is nothing."""
    tea.alice.peer.answers = ["bob", ""]
    assert tea.alice.types("message", "/message") == ["* Cancelled."]
    assert tea.alice.peer.asked == ["Recipient: ", "Message: "]
    assert tea.bob.sees() == ["alice: message"]


@pytest.mark.parametrize(
    ("line", "answers", "shown"),
    [
        ("/Invite", ["dave"], "alice invited dave, who may join without asking."),
        ("/TRANSFER", ["BOB"], "bob is the admin now, appointed by alice."),
        ("/8", ["bob"], "bob was kicked by alice."),
        ("/bAn", ["bob"], "bob was banned by alice."),
        ("/policy", ["OPEN"], "alice changed the policy to open."),
        ("/policy", ["password", "secret"], "alice changed the policy to password."),
        ("/topic", ["Green tea"], "alice changed the topic: Green tea"),
        ("/topic", ["-"], "alice removed the topic."),
        ("/message", ["bob", "psst"], "Sent to bob."),
        ("/Ignore", ["bob"], "You no longer see what bob says"),
    ],
)
def test_an_answer_is_as_good_as_an_argument(
    line: str, answers: list[str], shown: str, tea: Tea, visit: Visit
) -> None:
    """What is answered is done."""
    visit("dave")
    tea.alice.peer.answers = answers
    assert any(shown in each for each in tea.alice.types(line))
    assert tea.alice.peer.answers == []


@pytest.mark.parametrize(
    ("line", "usage"),
    [
        ("/members of tea", "[FILTER]"),
        ("/desk now", "nothing follows it"),
        ("/history 5 6", "[N]"),
        ("/invite bob and carol", "NAME"),
        ("/join", "Group: "),
        ("/ignore bob carol", "NAME"),
        ("/claim a b", "CODE"),
    ],
)
def test_too_much_is_refused(line: str, usage: str, tea: Tea) -> None:
    """An argument too many is refused with what the command takes, and nothing is done."""
    tea.alice.peer.answers = [""]
    shown = tea.alice.types(line)
    assert len(shown) == 1
    assert usage in shown[0] or tea.alice.peer.asked == [usage]
    assert tea.bob.sees() == []


@pytest.mark.parametrize(
    "line",
    [
        "/kick not/a/name",
        "/ban -x",
        "/msg \u202eevil hi",
        "/invite leave",
        "/approve a,b;c",
        "/ignore é",
    ],
)
def test_names_that_are_no_names(line: str, tea: Tea) -> None:
    """They are refused in one line, which repeats nothing of them."""
    (shown,) = tea.alice.types(line)
    assert shown.startswith("* ")
    assert "\u202e" not in shown


# Help.


@pytest.mark.parametrize("line", ["/help", "/HELP"])
def test_help_lists_every_command(line: str, tea: Tea) -> None:
    """Each with what it takes, what it does, and its other names; in a group also //text."""
    shown = "\n".join(tea.alice.types(line))
    for command in TABLE:
        assert command.help.usage in shown, command.name
        assert command.summary in shown
        for other in command.also:
            assert f"/{other}" in shown
    assert "//text" in shown


def test_help_at_the_front_desk(visit: Visit) -> None:
    """There it shows the menu too, and says that the slash may be left out."""
    alice = visit("alice")
    for line in ("help", "HELP", "/help"):
        shown = "\n".join(alice.types(line))
        assert "1 join a group   2 create a group   3 exit" in shown
        assert "without its slash" in shown
        for command in TABLE:
            assert command.help.usage in shown


@pytest.mark.parametrize(("name", "alias"), ALL_NAMES)
def test_help_for_one_command(name: str, alias: str, visit: Visit) -> None:
    """By any of its names, with or without slash, in any case."""
    alice = visit("alice")
    command = next(each for each in TABLE if each.name == name)
    for written in (alias, f"/{odd(alias)}"):
        usage, *rest = alice.types(f"/help {written}")
        assert usage == f"* {command.help.usage}"
        assert command.summary in rest[0]


def test_help_for_no_command(visit: Visit) -> None:
    """It says that there is none, with a hint."""
    (shown,) = visit("alice").types("/help aprove")
    assert "no command /aprove" in shown
    assert "/approve" in shown
