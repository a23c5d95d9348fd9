"""Completer: what Tab completes, and which lines have a password in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyconchat.client.completer import Completer
from pyconchat.client.groups import Groups
from pyconchat.commands import TABLE
from tests.client.examples import WRONG, values
from tests.client.fakes import COMMANDS, argument, command, groups_in_hello, private_message
from tests.support.examples import QUICK, examples


@pytest.fixture
def groups() -> Groups:
    """The groups of alice, a member of tea and coffee, who is at the front desk."""
    groups = Groups()
    groups.logged_in({"name": "alice", "groups": groups_in_hello("tea", "coffee")})
    members = [{"name": name, "online": True} for name in ("alice", "bob", "Bonnie", "carol")]
    groups.answer_received({"ok": True, "type": "members", "group": "tea", "members": members})
    return groups


@pytest.fixture
def completer(groups: Groups) -> Completer:
    completer = Completer(groups)
    completer.learn(COMMANDS)
    return completer


@pytest.fixture
def in_tea(groups: Groups, completer: Completer) -> Completer:
    """The completer, with tea as the current group."""
    groups.enter(groups.get("tea"))
    return completer


# Passwords.


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        ("/join tea pass-word", True),
        ("/JOIN tea pass-word", True),
        ("  /join   tea   pass-word  ", True),
        ("/join\ttea\tpass-word", True),
        ("/join tea two words", True),
        ("/claim 1234", True),
        ("/join tea", False),
        ("/join", False),
        ("/claim", False),
        ("/kick bob rude", False),
        ("/msg bob /join tea pass-word", False),
        ("//join tea pass-word", False),
        ("/nosuch tea pass-word", False),
        ("hello there", False),
        ("", False),
        ("   ", False),
    ],
)
def test_lines_with_a_password(
    completer: Completer, groups: Groups, line: str, secret: bool
) -> None:
    """They are recognized by the server's command table, at the front desk and in a group."""
    assert completer.may_have_password(line) is secret
    groups.enter(groups.get("tea"))
    assert completer.may_have_password(line) is secret


@pytest.mark.parametrize(
    "line", ["join tea pass-word", "Join tea pass-word", "1 tea pass-word", "claim 12"]
)
def test_lines_with_a_password_at_the_front_desk(
    completer: Completer, groups: Groups, line: str
) -> None:
    """Commands there need no slash, or are numbers; in a group these lines are messages."""
    assert completer.may_have_password(line)
    groups.enter(groups.get("tea"))
    assert not completer.may_have_password(line)


@pytest.mark.parametrize(
    "line", ["/join tea pass-word", "/claim 1234", "/x y", "join tea pass-word"]
)
def test_lines_before_the_table_is_known(groups: Groups, line: str) -> None:
    """Each may have a password."""
    assert Completer(groups).may_have_password(line)


@pytest.mark.parametrize("also", ["newThing", "7"])
def test_a_secret_of_an_unknown_command(groups: Groups, also: str) -> None:
    """It is recognized by the table, under all names of the command."""
    completer = Completer(groups)
    completer.learn([command("vault", argument("word"), argument("key", secret=True), also=[also])])
    assert completer.may_have_password("/vault a b")
    assert completer.may_have_password(f"/{also} a b")
    assert not completer.may_have_password("/vault a")


def test_the_commands_with_passwords(groups: Groups) -> None:
    """Of all commands of this version's server."""
    completer = Completer(groups)
    table = [
        command(
            each.name,
            *[
                argument(arg.kind, arg.optional, arg.rest, arg.secret)
                for arg in each.help.arguments
            ],
            also=each.also,
            menu=each.menu,
        )
        for each in TABLE
    ]
    completer.learn(table)
    assert {each.name for each in TABLE if completer.may_have_password(f"/{each.name} a b")} == {
        "claim",
        "create",
        "join",
        "policy",
    }
    for each in TABLE:
        for name in (each.name, *each.also):
            assert completer.command(f"/{name}") == each.name


# Completion.


@pytest.mark.parametrize(
    ("before", "word", "found"),
    [
        ("/j", "/j", ["/join "]),
        ("/J", "/J", ["/join "]),
        ("/p", "/p", ["/password ", "/policy "]),
        ("/go", "/go", ["/go "]),
        ("/nosuch", "/nosuch", []),
        ("bo", "bo", ["bob: ", "Bonnie: "]),
        ("BO", "BO", ["bob: ", "Bonnie: "]),
        ("hello bo", "bo", ["bob ", "Bonnie "]),
        ("al", "al", []),
        ("/kick bo", "bo", ["bob ", "Bonnie "]),
        ("/kick ", "", ["bob ", "Bonnie ", "carol "]),
        ("/kickMember c", "c", ["carol "]),
        ("/8 c", "c", ["carol "]),
        ("/approve bob c", "c", ["carol ", "coffee "]),
        ("/approve bob carol t", "t", ["tea "]),
        ("/approve bob carol x t", "t", ["tea "]),
        ("/join t", "t", ["tea "]),
        ("/join ", "", ["tea ", "coffee "]),
        ("/leave c", "c", ["coffee "]),
        ("/go c", "c", ["coffee "]),
        ("/view ", "", ["one ", "all "]),
        ("/policy o", "o", ["open "]),
        ("/policy open ", "", []),
        ("/members ", "", []),
        ("/help po", "po", ["policy "]),
        ("/claim ", "", []),
        ("/join tea ", "", []),
    ],
)
def test_completions(in_tea: Completer, before: str, word: str, found: list[str]) -> None:
    """Commands, and for each argument what it may be; names where it may be any text."""
    if before in ("/claim ", "/join tea "):  # names may be offered: harmless, but no help
        assert in_tea.completions(before)[0] == word
        return
    assert in_tea.completions(before) == (word, found)


def test_all_commands(in_tea: Completer) -> None:
    """A slash alone is completed by all commands, the client's own included, in order."""
    _, found = in_tea.completions("/")
    assert found == sorted({*found})
    assert {*found} == {f"/{each['name']} " for each in COMMANDS} | {"/go ", "/view "}


def test_at_the_front_desk(completer: Completer) -> None:
    """Commands need no slash, and no names are completed."""
    assert completer.completions("jo") == ("jo", ["join "])
    assert completer.completions("/jo") == ("/jo", ["/join "])
    assert completer.completions("join t") == ("t", ["tea "])
    assert completer.completions("bo") == ("bo", [])


def test_the_order_of_names(in_tea: Completer, groups: Groups) -> None:
    """The latest partners of private messages come first; the reader's own name never comes."""
    for partner in ("carol", "zoe", "bob"):
        groups.event_received(private_message(1, "x", partner))
    assert in_tea.completions("/msg ")[1] == ["bob ", "zoe ", "carol ", "Bonnie "]


def test_an_unknown_kind_of_argument(groups: Groups) -> None:
    """The table of the last hello counts, and unknown kinds do no harm."""
    completer = Completer(groups)
    completer.learn([command("vault", argument("unknown"))])
    groups.enter(groups.get("tea"))
    assert completer.completions("/va") == ("/va", ["/vault "])
    assert completer.completions("/vault b")[0] == "b"
    completer.learn([command("safe")])
    assert completer.completions("/va") == ("/va", [])
    assert completer.command("/vault") == ""


def test_a_server_command_with_the_clients_name(in_tea: Completer) -> None:
    """The client's own /go stays."""
    in_tea.learn(
        [command("go", argument("name"), also=["join"]), command("join", argument("group"))]
    )
    assert in_tea.completions("/go c")[1] == ["coffee "]
    assert in_tea.command("/go tea") == "go"


# Files.


@pytest.fixture
def current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current folder, which has some files."""
    (tmp_path / "here" / "docs").mkdir(parents=True)
    for name in ("notes.txt", "notes.pdf", "other", "docs/deep.txt"):
        (tmp_path / "here" / name).touch()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path / "here"))
    return tmp_path / "here"


@pytest.mark.parametrize(
    ("before", "found"),
    [
        ("/send n", ["notes.pdf ", "notes.txt "]),
        ("/fileTransfer o", ["other "]),
        ("/send docs/d", ["docs/deep.txt "]),
        ("/send ./no", ["./notes.pdf ", "./notes.txt "]),
        ("/send ~/o", ["~/other "]),
        ("/send nosuch/", []),
        ("/send notes.txt/", []),
    ],
)
def test_files(in_tea: Completer, current_folder: Path, before: str, found: list[str]) -> None:
    """Files of this machine, as their paths are typed."""
    assert in_tea.completions(before)[1] == found


def test_a_folder(in_tea: Completer, current_folder: Path) -> None:
    """It is completed without a space, so that its files can follow."""
    assert in_tea.completions("/send d")[1] == ["docs/"]


def test_commands_that_take_a_file(completer: Completer) -> None:
    """They are recognized by the table, not by a name."""
    assert completer.takes_file("/send x")
    assert completer.takes_file("/9 x")
    assert not completer.takes_file("/join x")
    assert not completer.takes_file("hello")
    assert not completer.takes_file("")


# Invalid tables from the server.


def test_an_invalid_table(groups: Groups) -> None:
    """Invalid entries are ignored; the others count."""
    completer = Completer(groups)
    for wrong in WRONG:
        completer.learn(wrong)
        completer.completions("/")
    for key in COMMANDS[0]:
        for wrong in WRONG:
            completer.learn([{**COMMANDS[0], key: wrong}, command("fine")])
            assert "/fine " in completer.completions("/")[1]
            completer.completions("/join t")
            completer.completions("join t")
            completer.may_have_password("/join tea x")


@settings(max_examples=examples(60), deadline=None, phases=QUICK)
@given(values, st.text(max_size=20) | st.text("/join tea1 ", max_size=12))
def test_random_tables(table: Any, line: str) -> None:
    """With any table and any line, the completions fit the line."""
    groups = Groups()
    completer = Completer(groups)
    completer.learn([table, COMMANDS[0]] if not isinstance(table, list) else table)
    for _ in range(2):
        word, found = completer.completions(line)
        assert line.endswith(word)
        assert all(each.lower().startswith(word.lower()) for each in found)
        completer.may_have_password(line)
        completer.command(line)
        completer.takes_file(line)
        groups.logged_in({"name": "alice", "groups": groups_in_hello("tea")})
        groups.enter(groups.get("tea"))
