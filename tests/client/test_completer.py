"""Completer: what Tab may complete, and which lines have a password in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyconchat.client.completer import Completer
from pyconchat.client.groups import Rooms
from pyconchat.commands import TABLE
from tests.client.fake_server import COMMANDS, argument, command, member_of, private
from tests.client.net.test_json_protocol import values
from tests.client.test_lines import WRONG
from tests.support.examples import QUICK, examples


@pytest.fixture
def rooms() -> Rooms:
    """Rooms of alice, who is in tea and coffee, and at the front desk."""
    rooms = Rooms()
    rooms.said_hello({"name": "alice", "groups": member_of("tea", "coffee")})
    people = [{"name": name, "online": True} for name in ("alice", "bob", "Bonnie", "carol")]
    rooms.answered({"ok": True, "type": "members", "group": "tea", "members": people})
    return rooms


@pytest.fixture
def words(rooms: Rooms) -> Completer:
    words = Completer(rooms)
    words.learn(COMMANDS)
    return words


@pytest.fixture
def in_tea(rooms: Rooms, words: Completer) -> Completer:
    rooms.enter(rooms.get("tea"))
    return words


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
def test_what_is_not_kept(words: Completer, rooms: Rooms, line: str, secret: bool) -> None:
    """A line with a password in it is known by the server's table, here and in a group."""
    assert words.secret(line) is secret
    rooms.enter(rooms.get("tea"))
    assert words.secret(line) is secret


@pytest.mark.parametrize(
    "line", ["join tea pass-word", "Join tea pass-word", "1 tea pass-word", "claim 12"]
)
def test_what_is_not_kept_of_the_front_desk(words: Completer, rooms: Rooms, line: str) -> None:
    """There a command needs no slash, or is a number; in a group that would be a message."""
    assert words.secret(line)
    rooms.enter(rooms.get("tea"))
    assert not words.secret(line)


@pytest.mark.parametrize(
    "line", ["/join tea pass-word", "/claim 1234", "/x y", "join tea pass-word"]
)
def test_nobody_knows_yet(rooms: Rooms, line: str) -> None:
    """Before the server has said what there is, each line may have a password in it."""
    assert Completer(rooms).secret(line)


@pytest.mark.parametrize("also", ["newThing", "7"])
def test_a_secret_of_a_newer_server(rooms: Rooms, also: str) -> None:
    """A command that this client has never heard of is known by the table too, by all its names."""
    words = Completer(rooms)
    words.learn([command("vault", argument("word"), argument("key", secret=True), also=[also])])
    assert words.secret("/vault a b")
    assert words.secret(f"/{also} a b")
    assert not words.secret("/vault a")


def test_the_servers_own_table(rooms: Rooms) -> None:
    """Of the commands that there are now, these take passwords."""
    words = Completer(rooms)
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
    words.learn(table)
    assert {each.name for each in TABLE if words.secret(f"/{each.name} a b")} == {
        "claim",
        "create",
        "join",
        "policy",
    }
    for each in TABLE:
        for name in (each.name, *each.also):
            assert words.command(f"/{name}") == each.name


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
        ("/approve bob c", "c", ["carol "]),
        ("/join t", "t", ["tea "]),
        ("/join ", "", ["tea ", "coffee "]),
        ("/leave c", "c", ["coffee "]),
        ("/go c", "c", ["coffee "]),
        ("/policy o", "o", ["open "]),
        ("/policy open ", "", []),
        ("/members ", "", []),
        ("/help po", "po", ["policy "]),
        ("/claim ", "", []),
        ("/join tea ", "", []),
    ],
)
def test_completions(in_tea: Completer, before: str, word: str, found: list[str]) -> None:
    """Commands, and of each argument what it may be; people where it may be anything said."""
    if before in ("/claim ", "/join tea "):  # people are no help for a secret, but no harm
        assert in_tea.completions(before)[0] == word
        return
    assert in_tea.completions(before) == (word, found)


def test_all_commands(in_tea: Completer) -> None:
    """A slash alone offers all of them, the client's own too, each once, in their order."""
    _, found = in_tea.completions("/")
    assert found == sorted({*found})
    assert {*found} == {f"/{each['name']} " for each in COMMANDS} | {"/go "}


def test_at_the_front_desk(words: Completer) -> None:
    """There commands need no slash, and nobody is to be talked to."""
    assert words.completions("jo") == ("jo", ["join "])
    assert words.completions("/jo") == ("/jo", ["/join "])
    assert words.completions("join t") == ("t", ["tea "])
    assert words.completions("bo") == ("bo", [])


def test_who_talked_last_comes_first(in_tea: Completer, rooms: Rooms) -> None:
    """Of people, those with whom there was a private word, the latest first; never oneself."""
    for partner in ("carol", "zoe", "bob"):
        rooms.happened(private(1, "x", partner))
    assert in_tea.completions("/msg ")[1] == ["bob ", "zoe ", "carol ", "Bonnie "]


def test_a_newer_server(rooms: Rooms) -> None:
    """Completions are those of the last hello's table; kinds unknown are people or none."""
    words = Completer(rooms)
    words.learn([command("vault", argument("never-heard-of"))])
    rooms.enter(rooms.get("tea"))
    assert words.completions("/v") == ("/v", ["/vault "])
    assert words.completions("/vault b")[0] == "b"
    words.learn([command("safe")])
    assert words.completions("/v") == ("/v", [])
    assert words.command("/vault") == ""


def test_the_clients_own_command_stays(in_tea: Completer) -> None:
    """A server that has a /go of its own does not take the client's away."""
    in_tea.learn(
        [command("go", argument("name"), also=["join"]), command("join", argument("group"))]
    )
    assert in_tea.completions("/go c")[1] == ["coffee "]
    assert in_tea.command("/go tea") == "go"


# Files.


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
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
def test_files(in_tea: Completer, here: Path, before: str, found: list[str]) -> None:
    """Of this machine, as they are typed."""
    assert in_tea.completions(before)[1] == found


def test_a_folder_goes_on(in_tea: Completer, here: Path) -> None:
    """After a folder comes what is in it, not the next word."""
    assert in_tea.completions("/send d")[1] == ["docs/"]


def test_what_takes_a_file(words: Completer) -> None:
    """Told from the table, not from a name."""
    assert words.takes_file("/send x")
    assert words.takes_file("/9 x")
    assert not words.takes_file("/join x")
    assert not words.takes_file("hello")
    assert not words.takes_file("")


# What servers may send.


def test_a_table_that_makes_no_sense(rooms: Rooms) -> None:
    """What in it is not understood is left out; the rest counts."""
    words = Completer(rooms)
    for wrong in WRONG:
        words.learn(wrong)
        words.completions("/")
    for key in COMMANDS[0]:
        for wrong in WRONG:
            words.learn([{**COMMANDS[0], key: wrong}, command("fine")])
            assert "/fine " in words.completions("/")[1]
            words.completions("/join t")
            words.completions("join t")
            words.secret("/join tea x")


@settings(max_examples=examples(60), deadline=None, phases=QUICK)
@given(values, st.text(max_size=20) | st.text("/join tea1 ", max_size=12))
def test_nothing_raises(table: Any, line: str) -> None:
    """Whatever the table, and whatever is typed."""
    rooms = Rooms()
    words = Completer(rooms)
    words.learn([table, COMMANDS[0]] if not isinstance(table, list) else table)
    for _ in range(2):
        word, found = words.completions(line)
        assert line.endswith(word)
        assert all(each.lower().startswith(word.lower()) for each in found)
        words.secret(line)
        words.command(line)
        words.takes_file(line)
        rooms.said_hello({"name": "alice", "groups": member_of("tea")})
        rooms.enter(rooms.get("tea"))
