"""Messages of several lines, and with tabs, as people at a terminal see them."""

from __future__ import annotations

import pytest

from pyconchat.domain.events import Action, Entry, FileShared, Message
from pyconchat.domain.names import Key, Name
from pyconchat.domain.replies import Replayed, Where
from pyconchat.domain.text import SafeText, safe_text
from pyconchat.render.text import TextRenderer

ALICE = Name("alice")
HERE = Where(group=Name("tea"), here=True)
PASTE = "def brew():\n\tif kettle:\n\n\t\tboil()\nbob: fake"


def entry(text: str, kind: type[Message | Action] = Message) -> Entry:
    return Entry(2, 1, 0, kind(ALICE, safe_text(text)))


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("where", "kind", "before"),
    [
        (HERE, Message, "alice: "),
        (Where(group=Name("tea")), Message, "alice (in tea): "),
        (Where(other=ALICE), Message, "alice (private): "),
        (Where(other=Name("bob")), Message, "alice (private to bob): "),
        (HERE, Action, "~ alice "),
    ],
)
def test_later_lines_are_indented(
    newline: str, where: Where, kind: type[Message | Action], before: str
) -> None:
    """So that none of them can pass for a line of somebody else, or of the server."""
    [piece] = TextRenderer(newline).talk([entry(PASTE, kind)], where)
    assert piece.split(newline) == [
        f"{before}def brew():",
        "        if kettle:",
        "    ",
        "                boil()",
        "    bob: fake",
        "",
    ]


def test_tabs_count_what_stands_before_them() -> None:
    """The name and the time belong to the columns of the first line."""
    renderer = TextRenderer("\n")
    assert renderer.talk([entry("a\tb")], HERE) == ["alice: a        b\n"]
    past = renderer.replay([entry("a\tb")], HERE, Key(""), "").decode()
    assert past.index("b\n") % 8 == 0


def test_history_shows_all_lines() -> None:
    """A message that is read again has its time once, and all of its lines."""
    shown = TextRenderer("\n").reply(Replayed(HERE, [entry("one\ntwo")])).decode()
    assert shown.endswith("] alice: one\n    two\n")
    assert shown.count("[") == 1


@pytest.mark.parametrize(
    ("where", "command"),
    [
        (HERE, "/get 7"),
        (Where(group=Name("tea")), "/get 7 tea"),
        (Where(other=Name("bob"), here=True), "/get 7"),
        (Where(other=Name("bob")), "/query bob, then /get 7"),
    ],
)
def test_a_shared_file_names_the_command_that_fetches_it(where: Where, command: str) -> None:
    """As it works where the reader is; the history, which may be long, does not name it."""
    event = FileShared(7, SafeText("cake.txt"), Name("bob"), 12, "ab", "00ff")
    shown = TextRenderer("\n").entry(Entry(2, 1, 0, event), where, Key("alice"))
    assert shown.endswith(f"bob shared cake.txt (12 bytes), number 7 ({command})\n")
