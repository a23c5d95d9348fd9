"""Commands in the sentences of all doors, as an IRC client sends them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import pyconchat
from pyconchat.commands import is_command_name
from pyconchat.domain.errors import Code, Refused
from pyconchat.doors.irc.hints import sentence_of, typed
from tests.support.irc import IrcServer

SERVICE = "/msg PyconChat"


@pytest.mark.parametrize(
    ("sentence", "channel", "expected"),
    [
        ("use /leave.", "#tea", f"use {SERVICE} leave #tea."),
        ("use /leave.", "", f"use {SERVICE} leave #GROUP."),
        ("/leave GROUP leaves one", "", f"{SERVICE} leave #GROUP leaves one"),
        ("see /bans.", "#tea", f"see {SERVICE} bans #tea."),
        ("see /bans.", "", f"see {SERVICE} bans."),
        ("see /members.", "", f"see {SERVICE} members #GROUP."),
        ("/join tea first", "#pub", "/join #tea first"),
        ("/join #tea KEY", "", "/join #tea KEY"),
        ("/msg NAME TEXT writes", "", "/msg NAME TEXT writes"),
        ("/quit, or /quit everywhere", "", f"/quit, or {SERVICE} quit everywhere"),
        ("/approve NAME, /reject NAME", "#tea",
         f"{SERVICE} approve #tea NAME, {SERVICE} reject #tea NAME"),
        ("/usr/bin or 1/2 or and/or", "", "/usr/bin or 1/2 or and/or"),
    ],
)  # fmt: skip
def test_commands_are_sent_to_the_service(sentence: str, channel: str, expected: str) -> None:
    """Other than those that every client has itself."""
    assert typed(sentence, channel) == expected


def test_only_the_template_of_a_refusal_names_commands() -> None:
    """Fields are names and words of people."""
    refused = Refused(Code.SELF, "{group}: {text}, see /members.", group="tea", text="/help {x}")
    assert sentence_of(refused) == f"tea: /help {{x}}, see {SERVICE} members #tea."


def test_refusals_and_replies(irc: IrcServer) -> None:
    """What reaches a client names what it can send."""
    alice = irc.enters("alice")
    alice.sends("PRIVMSG PyconChat :register secret-pw", "JOIN #tea", "JOIN #pub")
    notice = "PyconChat NOTICE alice"
    assert alice.gets("PRIVMSG PyconChat :ignore bob") == [
        f"{notice} You no longer see what bob says; {SERVICE} unignore bob ends that."
    ]
    assert alice.gets("PRIVMSG PyconChat :files #tea") == [
        f"{notice} No file was shared with tea; {SERVICE} send #tea FILE shares one."
    ]
    assert alice.gets("KICK #tea alice") == [
        f"irc.test FAIL KICK SELF To leave the group yourself, use {SERVICE} leave #tea."
    ]
    assert alice.gets("MODE #pub -b bob!*@*") == [
        f"irc.test FAIL MODE NOT_BANNED bob is not banned from pub; see {SERVICE} bans #pub."
    ]


def test_words_of_people_stay_as_they_are(irc: IrcServer) -> None:
    """A topic and a message may name a command, too."""
    alice = irc.enters("alice")
    alice.sends("PRIVMSG PyconChat :register secret-pw", "JOIN #tea")
    alice.sends("TOPIC #tea :see /help and /members", "PRIVMSG #tea :type /leave")
    assert "see /help and /members" in "".join(alice.gets("PRIVMSG PyconChat :topic #tea"))
    assert "see /help and /members" in "".join(alice.gets("PRIVMSG PyconChat :groups"))
    history = "".join(alice.gets("PRIVMSG PyconChat :history #tea"))
    assert "type /leave" in history
    assert "see /help and /members" in history


def test_commands_that_choose_a_place(irc: IrcServer) -> None:
    """A client has windows instead: such commands would move a session that it does not show."""
    alice = irc.enters("alice")
    listed = " ".join(alice.gets("PRIVMSG PyconChat :help")).split()
    for each in ("desk", "go", "qqq", "query"):
        assert each not in listed
        assert "a window for each group" in "".join(alice.gets(f"PRIVMSG PyconChat :{each} x"))


def test_help_and_questions(irc: IrcServer) -> None:
    """The service asks nothing: it says how to send the answers with the command."""
    alice = irc.enters("alice")
    notice = "PyconChat NOTICE alice"
    for each in ("password", "register", "register two words", "register pw a@example.org"):
        (answer,) = alice.gets(f"PRIVMSG PyconChat :{each}")
        assert answer.startswith(f"{notice} Use {SERVICE} register PASSWORD, without spaces")
    alice.sends("PRIVMSG PyconChat :register secret-pw")
    for each in ("password", "password secret", "password none", "password a b c"):
        (answer,) = alice.gets(f"PRIVMSG PyconChat :{each}")
        assert answer.startswith(f"{notice} Use {SERVICE} password OLD NEW, or {SERVICE} passw")
    assert alice.gets("PRIVMSG PyconChat :help leave")[::2] == [
        f"{notice} {SERVICE} leave #GROUP",
        f"{notice}   Also part.",
    ]


# Sentences with a command that are in none of these calls.
ELSEWHERE = {
    "chat/bounds.py": "templates of a `Refused` in a function of its own",
    "domain/rights.py": "a template in a variable",
    "sessions/subscription.py": "calls `typed` itself",
    "commands/table.py": "help of other doors, and answers to words that the service refuses",
    "render/events.py": "hints that the IRC door replaces, or does not ask for",
    "render/help.py": "help of other doors",
    "render/replies.py": "`InPrivate`: IRC has no current conversation",
}


def test_every_hint_can_be_rewritten() -> None:
    """A command in a sentence is in a `Refused`, a `Hint` or `Call.done`."""
    root = Path(pyconchat.__file__).parent
    for folder in ("auth", "chat", "commands", "domain", "files", "hooks", "render", "sessions"):
        for path in sorted((root / folder).rglob("*.py")):
            name = str(path.relative_to(root))
            if name in ELSEWHERE or name == "commands/__main__.py":
                continue
            for text in _outside(ast.parse(path.read_text())):
                found = re.search(r"(?:[a-z;:] |\()/([a-z]+)\b(?=[ ,;.)]|$)", text)
                assert not (found and is_command_name(found[1])), (name, text)


def _outside(tree: ast.AST) -> Iterator[str]:
    """Yield the strings in *tree* that are in none of these calls, and are no docstrings."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.Call):
            function = node.func
            called = getattr(function, "id", getattr(function, "attr", ""))
            if called in ("Refused", "Hint", "done", "refused"):
                continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        yield from _outside(node)
