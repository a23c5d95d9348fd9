"""KeyDecoder: text, keys and pastes, in whatever pieces they arrive."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.input.ansi_escape_sequences import ANSI_SEQUENCES
from prompt_toolkit.keys import Keys

from pyconchat.terminal.keys import (
    CONTROLS,
    MAX_PASTE,
    SEQUENCES,
    WORD_SEQUENCES,
    Alt,
    Input,
    Key,
    KeyDecoder,
    Paste,
)

NAMES = {
    Keys.Up: Key.UP,
    Keys.Down: Key.DOWN,
    Keys.Left: Key.LEFT,
    Keys.Right: Key.RIGHT,
    Keys.Home: Key.HOME,
    Keys.End: Key.END,
    Keys.Delete: Key.DELETE,
    Keys.ControlLeft: Key.WORD_LEFT,
    Keys.ControlRight: Key.WORD_RIGHT,
}


WORDS = Key.WORD_LEFT, Key.WORD_RIGHT, Key.KILL_WORD_AFTER, Key.KILL_WORD


def joined(inputs: list[Input]) -> list[Input]:
    """Return *inputs* with neighbouring texts joined."""
    found: list[Input] = []
    for each in inputs:
        if isinstance(each, str) and found and isinstance(found[-1], str):
            found[-1] += each
        else:
            found.append(each)
    return found


def test_the_sequences_of_real_terminals() -> None:
    """Each of ours is the same key in prompt_toolkit's table."""
    for sequence, key in SEQUENCES.items():
        if isinstance(key, Key) and sequence not in WORD_SEQUENCES:
            assert NAMES[ANSI_SEQUENCES[sequence]] is key, repr(sequence)  # type: ignore[index]


@pytest.mark.parametrize(
    ("data", "inputs"),
    [
        (b"hello", ["hello"]),
        ("三\u0301😀".encode(), ["三\u0301😀"]),
        (b"a\r", ["a", Key.ENTER]),
        (b"a\r\nb\n\r\0", ["a", Key.ENTER, "b", Key.ENTER, Key.ENTER]),
        (b"a\xffb", ["a", Key.INVALID, "b"]),
        (b"\x1b[A\x1bOB", [Key.UP, Key.DOWN]),
        (b"\x1b3\x1b9", [Alt(3), Alt(9)]),
        (b"\x1b", []),
        (b"\x1bab", ["ab"]),
        (b"\x1bb\x1bf\x1bd\x1b\x7f", list(WORDS)),
        (b"\x1b[1;3D\x1b[1;3C", [Key.WORD_LEFT, Key.WORD_RIGHT]),
        (b"\x1b[25;9~x\x1b[Zy\x1b[[Az", ["x", "y", "z"]),
        (b"\x1b[200~a\r\nb\x1b[A\x1b[201~c", [Paste("a\r\nb\x1b[A"), "c"]),
        (b"\x1b[200~\x1b[201~", [Paste("")]),
        ("a\u202eb\u2028c\x85d".encode(), ["a", "b", "c", "d"]),
    ],
)
def test_what_bytes_mean(data: bytes, inputs: list[Input]) -> None:
    """As one piece, and byte by byte."""
    assert KeyDecoder().decode(data) == inputs
    bytewise = KeyDecoder()
    pieces = [each for byte in data for each in bytewise.decode(bytes([byte]))]
    assert joined(pieces) == joined(inputs)


PIECES = st.one_of(
    st.sampled_from([*CONTROLS, *SEQUENCES, "\x1b[200~", "\x1b[201~", "\x1b", "\x1b["]),
    st.text(max_size=4),
)


@given(st.lists(PIECES, max_size=12).map("".join), st.data())
def test_the_split_does_not_matter(text: str, data: st.DataObject) -> None:
    """Any input gives the same keys, wherever it is cut."""
    raw = text.encode()
    at = data.draw(st.integers(0, len(raw)))
    cut = KeyDecoder()
    assert joined(cut.decode(raw[:at]) + cut.decode(raw[at:])) == joined(KeyDecoder().decode(raw))


@given(st.binary(max_size=200))
def test_any_bytes_are_accepted(raw: bytes) -> None:
    """Nothing is raised, and no control character is taken for text."""
    for each in KeyDecoder().decode(raw):
        if isinstance(each, str):
            assert each.isprintable() or each.isspace() or not each.isascii()


@pytest.mark.parametrize("begin", [b"\x1b[", b"\x1b[200~", b"\x1b[200~\x1b[201", b"\x1bO", b"\xf0"])
@pytest.mark.parametrize("rest", [b"1", b";", b"\x1b", b"\x1b[", b"a", b"\x80"])
def test_endless_input_needs_no_memory(begin: bytes, rest: bytes) -> None:
    """Whatever never ends: nothing grows."""
    decoder = KeyDecoder()
    decoder.decode(begin + rest)
    tracemalloc.start()
    try:
        for _ in range(40):
            decoder.decode(rest * 400)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < MAX_PASTE


def test_a_paste_that_is_too_long() -> None:
    """It is discarded as a whole, and what follows it is not."""
    decoder = KeyDecoder()
    assert decoder.decode(b"\x1b[200~" + b"x" * (MAX_PASTE + 1)) == []
    assert decoder.decode(b"\x1b[201~y") == [Key.INVALID, "y"]
