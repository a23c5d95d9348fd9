"""Prompts, hidden passwords, and the differences between telnet and nc."""

from __future__ import annotations

import pyte
import pytest

from tests.support.connections import NEGOTIATION, Connect, TestConnection, group_of_two

CRLF = "\r\n"
GO_AHEAD = b"\xff\xf9"


WILL_ECHO, WONT_ECHO, DO_ECHO, DONT_ECHO = (
    b"\xff\xfb\1",
    b"\xff\xfc\1",
    b"\xff\xfd\1",
    b"\xff\xfe\1",
)


def last_on_screen(seen: str) -> str:
    """Return the last line of the screen."""
    return seen.rpartition("\n")[2].rpartition("\r\x1b[K")[2]


class Terminal:
    """The terminal at which *person* types: it shows the echo of their lines and the output."""

    def __init__(self, person: TestConnection) -> None:
        self._person = person
        self._screen = pyte.Screen(160, 60)
        self._stream = pyte.ByteStream(self._screen)

    def types(self, *lines: str) -> None:
        """Type *lines*, each after the answer to the one before it."""
        for line in lines:
            self.pastes(line)

    def pastes(self, *lines: str, hidden: bool = False) -> None:
        """Type *lines* before an answer comes; each is sent in a packet of its own."""
        if not hidden:
            self._stream.feed("".join(f"{line}\r\n" for line in lines).encode())
        self._person.types(*lines)
        self.shows()

    def shows(self) -> list[str]:
        """Return the lines on the screen, up to the cursor."""
        output = NEGOTIATION.sub(b"", self._person.receives())
        self._stream.feed(output.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
        lines = [line.rstrip() for line in self._screen.display]
        return lines[: self._screen.cursor.y + 1]


# Prompts.


def test_the_prompt_shows_the_current_group(connect: Connect) -> None:
    """A telnet user sees `> ` at the front desk and the group's name in a group."""
    alice = connect(CRLF).logs_in("alice")
    assert alice.everything.endswith(b"\r\n> \xff\xf9")
    alice.types("/create tea open")
    assert alice.sees().endswith("\r\n[tea] ")
    alice.types("hello")
    assert last_on_screen(alice.sees()) == "[tea] "
    alice.types("/create green open")
    assert alice.sees().endswith("\r\n[green] ")
    alice.types("leave")
    assert alice.sees().endswith("\r\n> ")


def test_a_message_replaces_the_prompt(connect: Connect) -> None:
    """The prompt is erased, the message shown, and the prompt shown again."""
    alice, bob = group_of_two(connect, CRLF)
    alice.types("hello")
    erased = "\r\x1b[K"
    assert bob.sees() == f"{erased}alice: hello\r\n[tea] "
    alice.types("again")
    assert bob.sees() == f"{erased}alice: again\r\n[tea] "


def test_the_prompt_changes_after_a_kick(connect: Connect) -> None:
    """The kicked person sees the prompt of the front desk."""
    alice, bob = group_of_two(connect, CRLF)
    alice.types("/kick bob")
    seen = bob.sees()
    assert "You were kicked from tea by alice." in seen
    assert last_on_screen(seen) == "> "


def test_the_prompt_changes_after_an_approval(connect: Connect) -> None:
    """The approved applicant sees the prompt of the group."""
    alice, bob = connect().logs_in("alice"), connect(CRLF).logs_in("bob")
    alice.types("/create tea")
    bob.types("/join tea")
    bob.sees()
    alice.types("/approve")
    seen = bob.sees()
    assert "You are in tea: alice approved your request." in seen
    assert last_on_screen(seen) == "[tea] "


def test_a_message_does_not_continue_an_open_question(connect: Connect) -> None:
    """At telnet the question is erased, at nc a new line begins."""
    for newline, gap in (("\n", "\n"), (CRLF, "\r\x1b[K")):
        alice, bob = group_of_two(connect, newline)
        bob.types("/msg")
        assert last_on_screen(bob.sees()) == "Recipient: "
        alice.types("hello")
        assert bob.sees() == f"{gap}alice: hello{newline}Recipient: "
        for each in (alice, bob):
            each.types("")
            each.types("/quit")
            each.waits(3)


def test_no_prompt_is_left_by_lines_typed_ahead(connect: Connect) -> None:
    """At telnet a prompt stands at the cursor only, however early its answer was typed."""
    alice = connect(CRLF).logs_in("alice")
    alice.receives()
    terminal = Terminal(alice)
    terminal.pastes("/create tea open", "hello", "/nonsense", "world", "/topic", "")
    shown = terminal.shows()
    assert shown[:6] == ["/create tea open", "hello", "/nonsense", "world", "/topic", ""]
    assert shown[-3:] == [
        "* There is no command /nonsense; /help lists them.", "* tea has no topic.", "[tea]"
    ]  # fmt: skip
    assert [line for line in shown if line.startswith((">", "["))] == ["[tea]"]
    terminal.types("again")
    assert terminal.shows()[-2:] == ["[tea] again", "[tea]"]


@pytest.mark.parametrize("newline", ["\n", CRLF])
def test_a_question_whose_answer_was_typed_ahead(connect: Connect, newline: str) -> None:
    """What follows begins a line; an answer typed after the question leaves no empty line."""
    alice = connect(newline).logs_in("alice")
    alice.types("/create tea open")
    alice.receives()
    question = "This ends tea for everybody. Type its name to delete it:"
    terminal = Terminal(alice)
    terminal.types("/delete tea", "no")
    assert terminal.shows()[:3] == [
        "/delete tea", f"{question} no", "* That is not its name; nothing was deleted.",
    ]  # fmt: skip
    alice.sends(f"/delete tea{newline}tea{newline}".encode())
    shown = terminal.shows()
    assert any(line.startswith("* alice deleted tea.") for line in shown), shown
    assert "" not in shown[:-1]


def test_a_script_at_nc(connect: Connect) -> None:
    """Each answer begins a line, the one to the first question too."""
    alice = connect()
    alice.sends(b"alice\n\ntea\n/delete tea\ntea\n")
    shown = Terminal(alice).shows()
    assert not [line for line in shown if ": *" in line]
    assert shown[1:4] == ["Username:", shown[2], "Password:"]
    assert shown[2].startswith("* alice is new here.")


@pytest.mark.parametrize("hidden", [True, False])
def test_a_password_typed_ahead(connect: Connect, hidden: bool) -> None:
    """The line that ends a hidden password is not erased, nor is an empty one shown."""
    alice = connect(CRLF)
    terminal = Terminal(alice)
    alice.sees()
    terminal.types("alice")
    alice.sends(DO_ECHO)
    terminal.pastes("password a", "password a", hidden=hidden)
    shown = terminal.shows()
    at = shown.index("Password:" if hidden else "The same again:")
    assert shown[at + 1].startswith("The same again:" if hidden else "* Hello alice.")


def test_there_is_no_prompt_at_nc(connect: Connect) -> None:
    """A client whose lines end in LF sees questions, and otherwise only whole lines."""
    alice, bob = group_of_two(connect)
    bob.types("/create green open", "/desk", "/join tea")
    alice.types("hello")
    seen = bob.sees()
    assert seen.endswith("alice: hello\n")
    assert "[" not in seen
    assert "> " not in seen


# Telnet and nc.


def test_a_telnet_password_is_hidden(connect: Connect) -> None:
    """The server takes over ECHO for a password, and again for its repetition."""
    alice = connect(CRLF)
    alice.types("alice")
    assert alice.receives().endswith(b"Password: " + GO_AHEAD)
    assert alice.everything.count(WILL_ECHO) == 1
    alice.sends(DO_ECHO)
    alice.types("password a")
    assert alice.receives().endswith(WONT_ECHO + b"\r\nThe same again: " + GO_AHEAD)
    alice.sends(DONT_ECHO)
    assert alice.receives() == WILL_ECHO
    alice.sends(DO_ECHO)
    alice.types("password a")
    seen = alice.receives()
    assert seen.startswith(WONT_ECHO + b"\r\n")
    assert b"Hello alice." in seen


def test_two_different_hidden_passwords_register_nothing(connect: Connect) -> None:
    """They are refused, and the dialogue starts again with the name."""
    alice = connect(CRLF)
    alice.types("alice", "password a", "password b")
    assert b"* The two passwords differ. Once more:\r\n" in alice.receives()
    alice.types("password a")
    assert b"The same again: " in alice.receives()
    alice.types("password a")
    assert b"Group: " in alice.receives()


def test_a_refusal_after_a_hidden_question_begins_a_line(connect: Connect) -> None:
    """While the server has ECHO, the client does not show the line end that was typed."""
    alice = connect(CRLF)
    alice.types("alice")
    alice.receives()
    alice.sends(DO_ECHO + b"\xc3(\r\n")
    assert alice.receives().startswith(b"\r\n* The line is not UTF-8")


def test_nc_never_receives_an_iac(connect: Connect) -> None:
    """A client that begins with a line that ends in LF gets no telnet command at all."""
    alice = connect()
    alice.sends(b"\xff\xf6\xff\xf1\xffalice\n")
    alice.types("alice", "password a", "")
    alice.sends(b"\xff\xf6\xff\xfd\x06\xff\xfd\x01\n")
    alice.types("/password", "password a", "another one", "/create tea password", "secret")
    alice.sends(b"hello\r\n")
    alice.waits(300)
    alice.types("/quit")
    alice.waits(3)
    alice.receives()
    assert b"You are in tea" in alice.everything
    assert b"Bye." in alice.everything
    assert b"\xff" not in alice.everything


def test_a_client_that_negotiates_first_is_answered(connect: Connect) -> None:
    """It is telnet, before its first line; an LF inside a command ends no line."""
    alice = connect(CRLF)
    alice.sends(b"\xff\xfb\x18\xff\xfb\x27\xff\xfa\x27\x00\x03\n\n\xff\xf0")
    seen = alice.receives()
    assert b"\xff\xfd\x18" in seen  # requested: the type of the terminal
    assert b"\xff\xfe\x18" not in seen
    assert b"\xff\xfe\x27" in seen
    alice.sends(b"alice\r\n")
    assert b"alice is new here" in alice.receives()


@pytest.mark.parametrize("end", [b"\n", b"\r\0", b"\r\n"])
def test_plink(connect: Connect, end: bytes) -> None:
    """It negotiates first. In a pipe its lines end in LF, at a terminal in CR NUL."""
    alice = connect(CRLF)
    alice.sends(
        b"\xff\xfb\x1f\xff\xfb\x20\xff\xfb\x18\xff\xfb\x27\xff\xfd\x01\xff\xfb\x03\xff\xfd\x03"
    )
    assert b"\xff\xfb\x03" in alice.receives()
    for line in (b"alice", b"", b"/create tea open", b"hello"):
        alice.sends(line + end)
    assert "[tea] " in alice.sees()


def test_lines_end_as_the_client_expects(connect: Connect) -> None:
    """Telnet gets CRLF at the end of each line, nc gets LF."""
    telnet, nc = connect(CRLF).logs_in("alice"), connect().logs_in("bob")
    telnet.types("/help")
    nc.types("/help")
    shown = telnet.everything.partition(b"is new here")[2] + telnet.receives()
    assert shown.count(b"\n") == shown.count(b"\r\n") > 10
    assert b"\r" not in nc.everything + nc.receives()


def test_a_long_first_packet_from_telnet(connect: Connect) -> None:
    """A first line that ends in CRLF shows telnet, however much comes with it."""
    alice = connect()
    alice.sends(b"alice\r\n\r\n/create tea open\r\n" + b"x" * 1000 + b"\r\n")
    assert "[tea] " in alice.sees()


def test_the_prompt_of_a_private_conversation(connect: Connect) -> None:
    """It names the partner; lines go to them alone, from telnet and from nc."""
    alice, bob, gus = connect(CRLF), connect(), connect()
    for name, each in (("alice", alice), ("bob", bob), ("gus", gus)):
        each.logs_in(name)
    alice.types("/query bob")
    assert alice.sees().endswith("\r\n[@bob] ")
    alice.types("hello")
    assert last_on_screen(alice.sees()) == "[@bob] "
    assert "alice (guest, private): hello\n" in bob.sees()
    bob.types("/query alice", "hi")
    assert "bob (guest, private): hi\r\n" in alice.sees()
    alice.types("leave")
    assert alice.sees().endswith("\r\n> ")
    assert "private" not in gus.sees()
