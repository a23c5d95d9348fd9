"""The command table: names, aliases, questions and help."""

from __future__ import annotations

import re

import pytest

from pyconchat.chat.chat import Chat
from pyconchat.commands import TABLE, Command, find_command
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.names import COMMAND_WORDS
from tests.support.groups import Tea, Visit

# Every promised command: its other names, and its number in the front desk's menu.
PROMISED: dict[str, tuple[set[str], str]] = {
    "join": (set(), "1"),
    "create": (set(), "2"),
    "leave": ({"part"}, ""),
    "qqq": (set(), ""),
    "delete": (set(), ""),
    "desk": (set(), ""),
    "groups": ({"list"}, ""),
    "requests": ({"viewRequests", "1"}, ""),
    "approve": ({"approveRequest", "2"}, ""),
    "reject": ({"rejectRequest"}, ""),
    "invite": (set(), ""),
    "members": ({"allMembers", "4", "names"}, ""),
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
    "msg": ({"message", "w"}, ""),
    "query": (set(), ""),
    "r": (set(), ""),
    "me": (set(), ""),
    "who": (set(), ""),
    "whois": (set(), ""),
    "away": (set(), ""),
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

# Commands of other chats that are explained.
ELSEWHERE = ("nick", "clear")

# The question for the first argument, if it is required and missing.
QUESTIONS = {
    "join": "Group: ",
    "create": "Group: ",
    "delete": "Group: ",
    "approve": "Approve whom? (names, or all) ",
    "reject": "Reject whom? ",
    "invite": "Invite whom? ",
    "transfer": "Make whom the admin? ",
    "kick": "Kick whom? ",
    "ban": "Ban whom? ",
    "unban": "Unban whom? ",
    "quiet": "Make whom quiet? ",
    "send": "Which file? ",
    "get": "Which file? A number or a name: ",
    "remove": "Remove which file? Its number: ",
    "msg": "Recipient: ",
    "r": "Message: ",
    "me": "Do what? ",
    "edit": "Correct it to: ",
    "reply": "Which message? Its number: ",
    "react": "Which message? Its number: ",
    "search": "Search for? ",
    "mute": "Mute which group? ",
    "whois": "About whom? ",
    "unignore": "Unignore whom? ",
    "claim": "Code: ",
    "operator": "Make whom an operator? ",
    "announce": "Text: ",
}


def brief(command: Command) -> str:
    """Return the usage of *command* in the list of all: without optional parts."""
    needed = [each.label for each in command.help.arguments if not each.optional]
    return " ".join([f"/{command.name}", *needed])


def mixed_case(word: str) -> str:
    """Return *word* with alternating cases."""
    return "".join(c.upper() if i % 2 else c.lower() for i, c in enumerate(word))


ALL_NAMES = [(name, other) for name, (also, _) in PROMISED.items() for other in {name} | also]
ALL_NAMES.sort()


def test_every_promised_command_exists() -> None:
    """With all of its names, and its place in the menu."""
    table = {command.name: command for command in TABLE}
    for name, (also, menu) in PROMISED.items():
        assert also <= set(table[name].also), name
        assert table[name].menu == menu, name


def test_names_are_unique() -> None:
    """In any case of their letters; so are the menu's numbers."""
    names = [each.lower() for command in TABLE for each in (command.name, *command.also)]
    assert len(names) == len(set(names))
    menu = [command.menu for command in TABLE if command.menu]
    assert len(menu) == len(set(menu))


def test_every_command_has_a_summary() -> None:
    """Of one line that ends in a full stop."""
    for command in TABLE:
        assert command.summary.endswith("."), command.name
        assert "\n" not in command.summary


@pytest.mark.parametrize(("name", "alias"), ALL_NAMES)
def test_names_match_in_any_case(name: str, alias: str) -> None:
    """With a slash everywhere; at the front desk words also without one."""
    for written in (alias, alias.upper(), alias.lower(), mixed_case(alias)):
        found = find_command(f"/{written} some words", at_desk=False)
        assert (found.command.name, found.rest) == (name, "some words")
        assert find_command(f"/{written}", at_desk=True).command.name == name
        if not alias.isdigit():
            assert find_command(f"{written} x", at_desk=True).command.name == name


@pytest.mark.parametrize(("number", "name"), [("1", "join"), ("2", "create"), ("3", "quit")])
def test_numbers_with_and_without_a_slash(number: str, name: str) -> None:
    """``1`` is the menu's join at the desk, while ``/1`` lists requests everywhere."""
    assert find_command(number, at_desk=True).command.name == name
    other = {"1": "requests", "2": "approve", "3": "quit"}[number]
    assert find_command(f"/{number}", at_desk=True).command.name == other


@pytest.mark.parametrize(
    "line",
    ["/nosuch", "/", "/ join", "/0", "/10", "/é", "/jo\x1b[31min", "/{name}", "/" + "x" * 99],
)
def test_an_unknown_command_is_refused_in_one_printable_line(line: str) -> None:
    """The refusal names /help, and repeats no control characters."""
    with pytest.raises(Refused) as caught:
        find_command(line, at_desk=False)
    assert caught.value.code is Code.UNKNOWN_COMMAND
    assert "/help" in caught.value.sentence
    assert caught.value.sentence.isprintable()
    assert len(caught.value.sentence) < 120


@pytest.mark.parametrize(
    ("typed", "meant"), [("/aprove", "approve"), ("/memebrs", "members"), ("/onlin", "online")]
)
def test_a_mistyped_command_gets_a_hint(typed: str, meant: str) -> None:
    """The refusal names the nearest command."""
    with pytest.raises(Refused) as caught:
        find_command(typed, at_desk=False)
    assert f"/{meant}" in caught.value.sentence


def one_change(word: str) -> set[str]:
    """Return all words that differ from *word* by one mistake at the keyboard."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    halves = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    return {
        *(one + other[1:] for one, other in halves),
        *(one + letter + other for one, other in halves for letter in letters),
        *(one + letter + other[1:] for one, other in halves for letter in letters if other),
        *(one + other[1] + other[0] + other[2:] for one, other in halves if len(other) > 1),
    }


def test_nothing_that_ends_something_is_suggested() -> None:
    """Every name of every command, mistyped in every way: a hint, but never to leave or remove."""
    names = {name.lower(): c for c in TABLE for name in (c.name, *c.also) if not name.isdigit()}
    ending = {command.name for command in TABLE if command.ends}
    assert ending >= {"leave", "quit", "kick", "ban", "remove", "reject"}
    for name, command in names.items():
        for typed in one_change(name) - names.keys() - {"", *"0123456789"}:
            with pytest.raises(Refused) as caught:
                find_command(f"/{typed}", at_desk=False)
            hint = re.search(r"did you mean /(\w+)\?", caught.value.sentence)
            assert hint is None or hint[1] not in ending, typed
            if not command.ends and len(name) > 3 and typed not in ELSEWHERE:
                assert hint is not None, typed


@pytest.mark.parametrize("typed", ["/clear", "/nick", "/exot", "/leav", "/xyzzy", "/apov"])
def test_no_hint_is_better_than_a_wrong_one(typed: str) -> None:
    """For two changes, and for commands that leave, end or remove something."""
    with pytest.raises(Refused) as caught:
        find_command(typed, at_desk=False)
    assert "did you mean" not in caught.value.sentence


@pytest.mark.parametrize("name", ELSEWHERE)
def test_commands_of_other_chats_are_explained(name: str) -> None:
    """In one line, where this chat has no command for it."""
    for typed in (f"/{name}", f"/{name.upper()} some words"):
        with pytest.raises(Refused) as caught:
            find_command(typed, at_desk=False)
        assert caught.value.sentence.startswith(f"/{name}: ")


@pytest.mark.parametrize(
    "word", ["4", "9", "hello", "Hello everybody", "²", "99999999999999999999"]
)
def test_at_the_front_desk_messages_are_refused(word: str) -> None:
    """The refusal names help."""
    with pytest.raises(Refused) as caught:
        find_command(word, at_desk=True)
    assert caught.value.code is Code.UNKNOWN_COMMAND
    assert "help" in caught.value.sentence


def test_command_words_cannot_be_names() -> None:
    """Words that are commands without a slash are no names of people or groups."""
    for word in ("message", "who", "join", "leave", "exit", "help", "qqq"):
        assert word in COMMAND_WORDS


# Questions.


def test_all_questions_are_tested() -> None:
    """QUESTIONS has every command with a required argument."""
    assert set(QUESTIONS) == {
        command.name
        for command in TABLE
        if not all(each.optional for each in command.help.arguments)
    }


@pytest.mark.parametrize("answer", ["", "   "])
@pytest.mark.parametrize("name", QUESTIONS)
def test_missing_arguments_are_asked_and_an_empty_answer_cancels(
    name: str, answer: str, tea: Tea, visit: Visit, chat: Chat
) -> None:
    """A cancelled command changes nothing."""
    alice = tea.alice
    alice.types(f"/claim {chat.accounts.claim_code}")  # so that she has every right
    for applicant in (visit("dave"), visit("erin")):  # two, so that none is the default
        applicant.types("/join tea")
    alice.types("/ban frank", "/ban grace", "hello", "/msg bob hi")
    log, groups = alice.log(), len(list(chat.groups))
    alice.peer.answers = [answer]
    assert alice.types(f"/{name}") == ["* Cancelled."]
    assert alice.peer.asked == [QUESTIONS[name]]
    assert alice.log() == log
    assert len(list(chat.groups)) == groups
    assert alice.types("/members")[0] == "* 3 members of tea:"


def test_the_second_question_cancels_too(tea: Tea) -> None:
    """An empty message is not sent."""
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
        ("/policy password", ["secret"], "alice changed the policy to password."),
        ("/message", ["bob", "psst"], "Sent to bob."),
        ("/Unignore", ["bob"], "You do not ignore bob."),
    ],
)
def test_answers_replace_arguments(
    line: str, answers: list[str], shown: str, tea: Tea, visit: Visit
) -> None:
    """The command is executed with the answer."""
    visit("dave")
    tea.alice.peer.answers = answers
    assert any(shown in each for each in tea.alice.types(line))
    assert tea.alice.peer.answers == []


@pytest.mark.parametrize(
    ("line", "usage"),
    [
        ("/members of them", "[FILTER after NAME]"),
        ("/desk now", "the command takes none"),
        ("/history 5 6", "/history N before WHAT"),
        ("/invite bob and carol", "NAME"),
        ("/join", "Group: "),
        ("/ignore bob carol", "NAME"),
        ("/claim a b", "CODE"),
    ],
)
def test_too_many_arguments_are_refused(line: str, usage: str, tea: Tea) -> None:
    """The refusal shows the usage, and nothing is executed."""
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
def test_invalid_names_are_refused(line: str, tea: Tea) -> None:
    """In one line, without control characters."""
    (shown,) = tea.alice.types(line)
    assert shown.startswith("* ")
    assert "\u202e" not in shown


# Help.


@pytest.mark.parametrize("line", ["/help", "/HELP"])
def test_help_lists_every_command(line: str, tea: Tea) -> None:
    """By subject, with usage, on one screen of 80 columns and 24 lines; in a group also //text."""
    lines = tea.alice.types(line)
    shown = "\n".join(lines)
    for command in TABLE:
        assert brief(command) in shown, command.name
    assert "//text" in shown
    assert len(lines) < 24  # one line is the person's own
    assert max(map(len, lines)) <= 80
    headings = [each[2:].split(":")[0] for each in lines[1:] if each[2] not in " /"]
    assert headings == ["Talk", "Groups", "Files", "Moderators", "Operators", "You"]


def test_help_at_the_front_desk(visit: Visit) -> None:
    """It also shows the menu, and says that the slash is optional."""
    alice = visit("alice")
    for line in ("help", "HELP", "/help"):
        lines = alice.types(line)
        assert len(lines) < 24
        shown = "\n".join(lines)
        assert "1 join a group   2 create a group   3 exit" in shown
        assert "without its slash" in shown
        for command in TABLE:
            assert brief(command) in shown


@pytest.mark.parametrize(("name", "alias"), ALL_NAMES)
def test_help_for_one_command(name: str, alias: str, visit: Visit) -> None:
    """By any of its names, with or without slash, in any case."""
    alice = visit("alice")
    command = next(each for each in TABLE if each.name == name)
    for written in (alias, f"/{mixed_case(alias)}"):
        usage, *rest = alice.types(f"/help {written}")
        assert usage == f"* {command.help.usage}"
        assert command.summary in rest[0]
        assert all(f"/{other}" in rest[1] for other in command.also)


def test_help_for_an_unknown_command(visit: Visit) -> None:
    """The refusal names the nearest command."""
    (shown,) = visit("alice").types("/help aprove")
    assert "no command /aprove" in shown
    assert "/approve" in shown
