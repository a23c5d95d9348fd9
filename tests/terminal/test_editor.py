"""LineEditor: keys, history, search, completion, pastes, questions, secrets, status."""

from __future__ import annotations

import sys
import tracemalloc
from typing import Any

import pytest

from pyconchat.terminal.editor import MAX_HELD, LineEditor
from pyconchat.terminal.events import (
    Completing,
    EndOfInput,
    GoTo,
    Interrupted,
    LineEntered,
    LinesPasted,
)
from tests.terminal.reflowing import ReflowingTerminal

UP, DOWN, LEFT, RIGHT, HOME, END, DELETE = (
    "\x1b[A",
    "\x1b[B",
    "\x1b[D",
    "\x1b[C",
    "\x1b[H",
    "\x1b[F",
    "\x1b[3~",
)
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"


class Typist:
    """Somebody at a terminal with an editor."""

    def __init__(self, **arguments: Any) -> None:
        self.terminal = ReflowingTerminal(40)
        self.writes: list[bytes] = []
        self.editor = LineEditor(self.writes.append, arguments.pop("max_bytes", 200), **arguments)
        self.editor.resized(40, 200)
        self.editor.start()
        self.editor.prompt("> ")
        self.shows()

    def types(self, keys: str) -> list[Any]:
        """Type *keys*, and return the events."""
        return self.editor.received(keys.encode())

    def enters(self, keys: str) -> str:
        """Type *keys* and Enter, and return the line."""
        (event,) = self.types(keys + "\r")
        assert isinstance(event, LineEntered)
        return event.text

    def shows(self) -> list[str]:
        """Return the rows of the screen."""
        for data in self.writes:
            self.terminal.write(data)
        self.writes.clear()
        return self.terminal.rows()

    @property
    def bells(self) -> int:
        return sum(data.count(b"\a") for data in self.writes)


@pytest.fixture
def alice() -> Typist:
    return Typist()


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ("hello", "hello"),
        ("helo" + LEFT + "l", "hello"),
        ("ello" + HOME + "h" + END + "!", "hello!"),
        ("hellox\x7f", "hello"),
        ("hellox\b", "hello"),
        ("xhello\x01" + DELETE, "hello"),
        ("xhello\x01\x04", "hello"),
        ("hello world\x17there", "hello there"),
        ("hello world" + "\x1b[1;5D" + "big ", "hello big world"),
        ("hello\x15bye", "bye"),
        ("hello world\x1b[1;5D\x0bthere", "hello there"),
        ("hello big world\x1bb\x1bb\x1bd", "hello  world"),
        ("one two\x1b\x7f\x1bb\x1bf!", "one! "),
        ("hello \x15say \x19", "say hello "),
        ("hello\x03bye", "bye"),
        (f"a{FAMILY}\x7fb", "ab"),
        (f"a{FAMILY}{LEFT}b", f"ab{FAMILY}"),
        (f"{FAMILY}{HOME}{RIGHT}b", f"{FAMILY}b"),
        ("e\u0301e\u0301\x7f", "e\u0301"),
        ("\x1b[200~one line\n\x1b[201~", "one line"),
        ("\x1b[200~a\tb\x1b]0;title\x07\x1b[201~", "a\tb]0;title"),
        ("a\x00\x1a\x1b[5~b", "ab"),
    ],
)
def test_editing(alice: Typist, keys: str, line: str) -> None:
    """Each key does what it does in other editors, by visible characters."""
    assert alice.enters(keys) == line


def test_history(alice: Typist) -> None:
    """Up and Down go through the lines; what was being typed comes back after the newest."""
    for line in ("one", "two", "two", " ", "three"):
        alice.enters(line)
    alice.types("new")
    for key, text in (
        (UP, "three"),
        (UP, "two"),
        (UP, "one"),
        (UP, "one"),
        (DOWN, "two"),
        (DOWN, "three"),
        (DOWN, "new"),
        (DOWN, "new"),
    ):
        alice.types(key)
        assert alice.editor.text == text
    alice.types("\x03" + UP + UP)
    assert alice.enters("!") == "two!"


def test_the_history_is_bounded() -> None:
    """By lines and by characters, for there may be many sessions."""
    alice = Typist(max_bytes=4096)
    for number in range(600):
        alice.enters(f"line {number}")
    alice.types(UP * 600)
    assert alice.editor.text == "line 100"
    alice.types("\x03")
    for number in range(100):
        alice.enters(f"{number}" + "x" * 4000)
    alice.types(UP * 600)
    assert alice.editor.text.startswith("92x")


def test_no_secret_is_in_the_history() -> None:
    """Neither a line that may have one, nor the answer to a question, nor by Ctrl-Y."""
    alice = Typist(has_secret=lambda line: "password" in line)
    alice.enters("harmless")
    alice.enters("/join tea password")
    alice.editor.ask("Password: ", secret=True)
    alice.enters("my secret\x15my secret")
    alice.editor.prompt("> ")
    alice.types(UP + UP)
    assert alice.editor.text == "harmless"
    alice.types("\x03\x19")
    assert alice.editor.text == ""
    assert b"secret" not in b"".join(alice.writes)


def test_search(alice: Typist) -> None:
    """Ctrl-R finds the newest line with the pattern, again the one before it."""
    for line in ("make tea", "drink tea", "eat cake"):
        alice.enters(line)
    alice.types("\x12TEA")
    assert alice.shows()[-1] == "(search: TEA) drink tea"
    alice.types("\x12")
    assert alice.shows()[-1] == "(search: TEA) make tea"
    assert alice.enters("") == "make tea"
    alice.types("draft\x12cak\x7f")
    assert alice.shows()[-1] == "(search: ca) eat cake"
    alice.types("\x07")
    assert alice.editor.text == "draft"
    alice.types("\x12cake" + HOME + "do not ")
    assert alice.shows()[-1] == "> do not eat cake"
    alice.types("\x12nothing like that")
    assert alice.enters("") == "do not eat cake"


def test_completion(alice: Typist) -> None:
    """One choice is inserted; several are extended, and then listed."""
    assert alice.types("/ap\t") == [Completing("/ap")]
    alice.editor.complete("/ap", "/ap", ["/approve "])
    assert alice.editor.text == "/approve "
    (event,) = alice.types("b\t")
    assert event == Completing("/approve b")
    alice.editor.complete("/approve b", "b", ["bob ", "Bonnie "])
    assert alice.editor.text == "/approve bo"
    alice.editor.complete("/approve bo", "bo", ["bob ", "Bonnie "])
    assert alice.shows() == ["bob     Bonnie", "> /approve bo"]
    alice.editor.complete("/approve bo", "bo", [])
    assert alice.bells == 1


def test_a_late_completion_is_ignored(alice: Typist) -> None:
    """The person has gone on typing."""
    alice.types("/ap\tx")
    alice.editor.complete("/ap", "/ap", ["/approve "])
    assert alice.editor.text == "/apx"


def test_completion_inside_the_line(alice: Typist) -> None:
    """What follows the cursor stays."""
    alice.types("bo hello" + "\x1b[D" * 6 + "\t")
    alice.editor.complete("bo", "bo", ["bob: "])
    assert alice.editor.text == "bob:  hello"
    assert alice.editor.cursor == 5


def test_a_paste_of_several_lines_is_asked_about(alice: Typist) -> None:
    """Once, and it is one event; without a yes the line is as before."""
    alice.types("see: ")
    assert alice.types("\x1b[200~one\r\ntwo\x1b[201~") == []
    assert alice.shows()[-1] == "> Send 2 lines? [y/N]"
    assert alice.types("y\r") == [LinesPasted(["see: one", "two"])]
    assert alice.editor.text == ""
    for no in ("\r", "n\r", "\x03", "\x04"):
        alice.types("draft\x1b[200~one\ntwo\nthree\x1b[201~")
        assert alice.types(no) == []
        assert alice.editor.text == "draft"
        alice.types("\x15")


def test_pasted_lines_where_they_cannot_be_sent(alice: Typist) -> None:
    """They are joined; an answer gets the first one."""
    alice.editor.set_place(sends_pastes=False, has_secret=lambda line: False)
    alice.types("\x1b[200~one\ntwo\x1b[201~")
    assert alice.enters("") == "one two"
    alice.editor.ask("Group: ")
    assert alice.types("\x1b[200~one\ntwo\x1b[201~\r") == [LineEntered("one", True)]


def test_a_question_sets_the_line_aside(alice: Typist) -> None:
    """What was being typed is no answer, and is there again afterwards."""
    alice.types("half a l" + LEFT)
    alice.editor.ask("Recipient: ")
    assert alice.shows()[-1] == "Recipient:"
    assert alice.types("bob\r") == [LineEntered("bob", True)]
    alice.editor.prompt("> ")
    assert alice.shows()[-2:] == ["Recipient: bob", "> half a l"]
    assert alice.enters("x") == "half a xl"


def test_a_secret_does_not_show(alice: Typist) -> None:
    """Not even its length, and it can be edited."""
    alice.editor.ask("Password: ", secret=True)
    alice.editor.show(b"bob: hello\r\n")
    assert alice.types("secrex\x7ft\r") == [LineEntered("secret", True)]
    assert b"s" not in b"".join(alice.writes[-2:]).replace(b"Password: ", b"")
    assert alice.shows() == ["bob: hello", "Password:"]


def test_input_is_held_until_there_is_a_question(alice: Typist) -> None:
    """A password that is typed ahead does not show."""
    alice.editor.ask("Username: ")
    assert alice.types("alice\rsecret\rtea\r") == [LineEntered("alice", True)]
    assert alice.editor.holds_input
    alice.editor.ask("Password: ", secret=True)
    assert alice.types("") == [LineEntered("secret", True)]
    alice.editor.discard()
    assert not alice.editor.holds_input
    alice.editor.ask("Group: ")
    assert alice.types("") == []
    assert alice.shows() == ["Username: alice", "Password:", "Group:"]


def test_held_input_is_bounded() -> None:
    """Without a prompt, only the beginning is kept."""
    alice = Typist(max_bytes=10_000)
    alice.editor.ask("Username: ")
    alice.types("a\r")
    for _ in range(20):
        alice.types("x" * 1000)
    alice.editor.prompt("> ")
    alice.types("")
    assert MAX_HELD - 1000 <= len(alice.editor.text) <= MAX_HELD


def test_a_withdrawn_question(alice: Typist) -> None:
    """It is over, and the answer that was begun is discarded."""
    alice.editor.ask("Recipient: ")
    alice.types("bo")
    alice.editor.withdraw()
    alice.editor.prompt("> ")
    assert alice.shows() == ["Recipient: bo", ">"]
    assert alice.enters("hello") == "hello"


def test_the_other_events(alice: Typist) -> None:
    """Alt and a digit, and Ctrl-C and Ctrl-D in an empty line."""
    assert alice.types("\x1b5") == [GoTo(5)]
    assert alice.types("\x03") == [Interrupted(False)]
    assert alice.types("\x04") == [EndOfInput(False)]
    alice.editor.ask("Group: ")
    assert alice.types("\x1b5\t\x03\x04") == [Interrupted(True), EndOfInput(True)]


def test_a_line_is_bounded() -> None:
    """In bytes; the bell rings, and no character is cut in two. An answer has its own bound."""
    alice = Typist(max_bytes=10)
    assert alice.enters("三三三三") == "三三三"
    assert alice.bells == 1
    assert alice.enters("123456789012\x7f") == "123456789"
    assert alice.enters("1234567890\x01\x0b\x19\x19") == "1234567890"
    alice.editor.ask("Group: ", max_bytes=4)
    assert alice.enters("123456") == "1234"
    alice.editor.prompt("> ")
    assert alice.enters("123456") == "123456"


def test_lines_that_come_back_are_erased() -> None:
    """The owner says which lines stay."""
    alice = Typist(keeps_line=lambda line: line.startswith("/"))
    assert alice.enters("hello") == "hello"
    alice.editor.show(b"12:00 alice: hello\r\n")
    alice.enters("/who")
    alice.editor.show(b"* alice\r\n")
    assert alice.shows() == ["12:00 alice: hello", "> /who", "* alice", ">"]


def test_status(alice: Typist) -> None:
    """It is below the line, and changes at most once a second."""
    assert alice.editor.status("tea: 2 online", 10.0) == 0
    assert alice.editor.status("tea: 3 online", 10.4) == pytest.approx(0.6)
    alice.types("hello")
    assert alice.shows() == ["> hello", "tea: 2 online"]
    assert alice.editor.status("tea: 4 online", 11.0) == 0
    assert alice.shows() == ["> hello", "tea: 4 online"]
    assert alice.editor.status("tea: 4 online", 11.0) == 0
    assert alice.writes == []
    alice.types("\r")
    alice.editor.show(b"bob: hi\r\n")
    assert alice.shows() == ["> hello", "bob: hi", ">", "tea: 4 online"]
    alice.editor.stop(b"* Bye.\r\n")
    assert alice.shows() == ["> hello", "bob: hi", "* Bye."]


def test_a_block_is_one_write(alice: Typist) -> None:
    """Erasing, the block, and drawing again."""
    alice.types("half a line")
    alice.shows()
    alice.editor.show(b"bob: hello\r\n")
    assert alice.writes == [b"\r\x1b[Kbob: hello\r\n> half a line"]


def test_keys_at_the_end_are_only_echoed(alice: Typist) -> None:
    """The common case costs a byte a key."""
    alice.types("h")
    alice.types("i")
    assert alice.writes == [b"h", b"i"]


def test_a_text_higher_than_the_screen() -> None:
    """Only the rows around the cursor are drawn, so that nothing scrolls away."""
    alice = Typist(max_bytes=4096)
    alice.editor.resized(20, 5)
    alice.terminal = ReflowingTerminal(20)
    text = "".join(f"{number:04}" for number in range(100))
    alice.types(text)
    rows = alice.shows()
    assert len(rows) <= 4
    assert ("> " + text).endswith("".join(rows))
    alice.types(HOME)
    assert alice.shows()[0].startswith("> 0000")
    assert len(alice.shows()) <= 4
    alice.types("\x05\x15")
    assert alice.shows() == [">"]


@pytest.mark.parametrize(("columns", "rows"), [(0, 0), (1, 1), (65_535, 65_535), (-5, -5)])
def test_impossible_sizes(columns: int, rows: int) -> None:
    """0 is 80 columns; other sizes are clamped."""
    alice = Typist()
    alice.editor.resized(columns, rows)
    alice.types("三" * 60)
    alice.editor.show(b"bob: hello\r\n")
    assert alice.enters("") == "三" * 60


def test_ctrl_l_clears_the_screen(alice: Typist) -> None:
    """And draws prompt and text at its top."""
    alice.editor.show(b"bob: hello\r\n")
    alice.types("hi\x0c")
    assert alice.shows() == ["> hi"]
    assert alice.enters("") == "hi"


def test_the_memory_of_an_editor() -> None:
    """It is small enough for many sessions: an idle one has less than 4 KiB."""
    editors = []
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(100):
            editor = LineEditor(sys.stdout.buffer.write, 4096)
            editor.resized(80, 24)
            editors.append(editor)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (after - before) / len(editors) < 4096
