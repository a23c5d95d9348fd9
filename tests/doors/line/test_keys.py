"""Line ends of every kind, and keys that erase."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyconchat.doors.line.keys import LineEnds, apply_erasures
from pyconchat.doors.line.telnet import IAC
from tests.support.connections import Connect

ENDS = {"LF": b"\n", "CR LF": b"\r\n", "CR NUL": b"\r\0", "CR": b"\r"}
CRLF = "\r\n"


@given(
    st.lists(st.tuples(st.sampled_from([b"", b"a", b"bc"]), st.sampled_from(sorted(ENDS)))),
    st.lists(st.integers(min_value=0), max_size=10),
)
def test_every_end_is_one_line_feed(lines: list[tuple[bytes, str]], cuts: list[int]) -> None:
    """In whatever pieces the input arrives."""
    stream = b"".join(text + ENDS[end] for text, end in lines)
    whole = LineEnds().convert(stream)
    ends = LineEnds()
    places = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    pieces = [stream[a:b] for a, b in pairwise(places)]
    assert b"".join(ends.convert(piece) for piece in pieces) == whole
    assert whole.replace(b"\n", b"") == b"".join(text for text, _ in lines)


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("helo\x08lo wrld\x7f\x7f\x7forld", "hello world"),
        ("\x7f\x08a", "a"),
        ("wrong\x15right", "right"),
        ("cafe\u0301\x7f\u00e9", "caf\u00e9"),
        ("a\U0001f468\u200d\U0001f469\u200d\U0001f467\x7fb", "ab"),
        ("\U0001f1ee\U0001f1f7\U0001f1e9\U0001f1ea\x08!", "\U0001f1ee\U0001f1f7!"),
        ("nothing to erase", "nothing to erase"),
        ("a\u00e9\x7f" * 3 + "b", "aaab"),
        ("a\x7f\u0301e\x08" * 2 + "\u0301", "\u0301\u0301\u0301"),
        ("a" * 2000 + "\x7f" * 1999, "a"),
    ],
)
def test_erasing_keys_take_back_characters(typed: str, line: str) -> None:
    """Backspace and DEL take back one character as people see it, Ctrl-U the whole line."""
    assert apply_erasures(typed) == line


@pytest.mark.parametrize("end", ENDS)
def test_a_login_with_each_line_end(connect: Connect, end: str) -> None:
    """The first line, too, where the kind of the client is not known yet."""
    bob = connect()
    for line in (b"bob", b"", b"tea", b"hi"):
        bob.sends(line + ENDS[end])
        bob.waits(1)
    assert "You are in tea" in bob.sees()


def test_erasing_at_the_door(connect: Connect) -> None:
    """In messages and passwords, by keys and by telnet's EC and EL."""
    alice, bob = connect().logs_in("alice", "secret99"), connect(CRLF).logs_in("bob")
    alice.types("/create tea open")
    bob.types("/join tea")
    alice.sees()
    bob.sends(b"nonsense\xff\xf8helo\x7f\xff\xf7llo wrld\x08\x08\x08orld\r\n")
    assert "bob: hello world\n" in alice.sees()
    again = connect()
    again.types("alice", "secretX\x7f99")
    assert "Hello alice" in again.sees()


def test_are_you_there(connect: Connect) -> None:
    """Telnet's AYT gets a visible answer, as often as negotiations do."""
    bob = connect(CRLF).logs_in("bob")
    bob.sends(b"\xff\xf6" * 1000)
    assert 1 <= bob.receives().count(b"[yes]") <= 64


def test_a_crlf_client_that_is_not_telnet(connect: Connect) -> None:
    """`nc -C` is asked once, at its first password, and silence does not end it."""
    bob = connect(CRLF, silent=True)
    bob.types("bob", "", "")
    bob.receives()
    seen = len(bob.everything)
    bob.types("/password", "new secret")
    bob.waits(400)
    assert bob.wire.connected
    bob.receives()
    assert IAC not in bob.everything[seen:]
    assert b"The same again" not in bob.everything


def test_a_script_whose_lines_end_in_crlf(connect: Connect) -> None:
    """It gets no telnet command: its password is there before it could be hidden."""
    bob = connect(CRLF, silent=True)
    bob.sends(b"bob\r\nsecret of bob\r\ntea\r\nhello\r\n")
    bob.receives()
    bob.waits(400)
    assert bob.wire.connected
    assert b"You are in tea" in bob.everything
    assert IAC not in bob.everything


@pytest.mark.parametrize("pause", [0, 1])
def test_a_byte_order_mark_is_skipped(connect: Connect, pause: int) -> None:
    """Before a name and before JSON, whole or in pieces, before or after the greeting."""
    bob, carol, program = connect(), connect(), connect()
    for each in (bob, carol, program):
        each.waits(pause)
    bob.sends(b"\xef\xbb\xbfbob\n\n")
    assert "Hello bob" in bob.sees()
    for byte in b"\xef\xbb\xbfcarol\n\n":
        carol.sends(bytes([byte]))
    assert "Hello carol" in carol.sees()
    program.sends(b'\xef\xbb\xbf{"hello": 1, "name": "prog"}\n')
    assert b'"ok":true' in program.receives()
