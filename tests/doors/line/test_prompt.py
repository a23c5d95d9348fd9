"""Prompts, hidden passwords, and the differences between telnet and nc."""

from __future__ import annotations

from tests.support.connections import Connect, group_of_two

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


# Prompts.


def test_the_prompt_shows_the_current_group(connect: Connect) -> None:
    """A telnet user sees `> ` at the front desk and the group's name in a group."""
    alice = connect(CRLF).logs_in("alice")
    assert alice.everything.endswith(b"\r\n> \xff\xf9")
    alice.types("/create tea open")
    assert alice.sees().endswith("\r\n[tea] ")
    alice.types("hello")
    assert alice.sees() == "[tea] "
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
        assert bob.sees() == "Recipient: "
        alice.types("hello")
        assert bob.sees() == f"{gap}alice: hello{newline}Recipient: "
        for each in (alice, bob):
            each.types("")
            each.types("/quit")
            each.waits(3)


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
    """A client whose first line ends in LF gets no telnet command, whatever it sends."""
    alice = connect()
    alice.sends(b"\xff\xfb\x18\xff\xfd\x01\xff\xfa\x18\x00xterm\n\xff\xf0alice\n")
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


def test_nothing_is_negotiated_before_the_first_line(connect: Connect) -> None:
    """Until the kind of client is known, the server negotiates nothing; then it answers all."""
    alice = connect(CRLF)
    alice.sends(b"\xff\xfb\x18\xff\xfb\x27\xff\xfa\x27\x00\x03\n\n\xff\xf0")
    assert b"\xff" not in alice.receives()
    alice.sends(b"alice\r\n")
    seen = alice.receives()
    assert b"\xff\xfe\x18" in seen
    assert b"\xff\xfe\x27" in seen
    assert b"alice is new here" in seen


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
    assert alice.sees() == "[@bob] "
    assert "alice (guest, private): hello\n" in bob.sees()
    bob.types("/query alice", "hi")
    assert "bob (guest, private): hi\r\n" in alice.sees()
    alice.types("leave")
    assert alice.sees().endswith("\r\n> ")
    assert "private" not in gus.sees()
