"""LineFramer: bytes in, lines out, within a bound."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyconchat.net.lines import LineFramer

LIMIT = 8

# Few letters, so that newlines, CRs and lines around the limit come up all the time.
streams = st.lists(
    st.sampled_from([b"a", b"\xff", b"\r", b"\n", b"\r\n", b"\0", b"x" * LIMIT, b"y" * 40])
).map(b"".join)


def pieces(stream: bytes, cuts: list[int]) -> list[bytes]:
    """Return *stream*, cut at *cuts*."""
    ends = [*sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    starts = [0, *ends]
    return [stream[start:end] for start, end in zip(starts, ends, strict=False)]


def fed(*chunks: bytes, limit: int = LIMIT) -> list[bytes | None]:
    """Return the lines of *chunks*, fed one after the other."""
    framer = LineFramer(limit)
    return [line for chunk in chunks for line in framer.feed(chunk)]


@given(streams, st.lists(st.integers(min_value=0), max_size=20))
def test_pieces_make_no_difference(stream: bytes, cuts: list[int]) -> None:
    """A stream gives the same lines in whatever pieces it arrives, too long ones included."""
    whole = fed(stream)
    assert fed(*pieces(stream, cuts)) == whole
    assert fed(*(bytes([byte]) for byte in stream)) == whole


@given(streams)
def test_every_line_is_given_once(stream: bytes) -> None:
    """Each line comes out as it went in, or as None if it is too long; nothing is added."""
    *complete, rest = stream.split(b"\n")
    expected = [line if len(line.removesuffix(b"\r")) <= LIMIT else None for line in complete]
    lines = fed(stream)
    assert lines[: len(expected)] == expected
    assert lines[len(expected) :] in ([], [None])
    assert (lines[len(expected) :] == []) or len(rest) > LIMIT


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_the_limit_is_the_last_that_passes(end: bytes) -> None:
    """A line of exactly the limit passes, its CR not counted; one byte more does not."""
    passes, fails = b"a" * LIMIT, b"a" * (LIMIT + 1)
    assert fed(passes + end) == [passes + end.removesuffix(b"\n")]
    assert fed(*(bytes([byte]) for byte in passes + end)) == [passes + end.removesuffix(b"\n")]
    assert fed(fails + end) == [None]
    assert fed(*(bytes([byte]) for byte in fails + end)) == [None]


def test_only_a_cr_at_the_end_is_free() -> None:
    """A CR inside of a line counts as a byte of it."""
    assert fed(b"\r" + b"a" * LIMIT + b"\n") == [None]
    assert fed(b"a" * LIMIT + b"\r\r\n") == [None]


def test_the_rest_of_a_long_line_is_thrown_away() -> None:
    """A long line is reported once, as soon as it is too long; what follows it is a new line."""
    framer = LineFramer(LIMIT)
    assert framer.feed(b"a" * 100) == [None]
    assert framer.feed(b"more of it") == []
    assert framer.feed(b"/quit") == []
    assert framer.feed(b" is not a command\nhello\n") == [b"hello"]


def test_only_lf_ends_a_line() -> None:
    """Characters at which `splitlines` would split are part of a line."""
    odd = "a\x0b\x0c\x1c\x85\u2028b\r".encode()
    assert fed(odd + b"\n", limit=100) == [odd]
    assert fed(b"a\rb\n") == [b"a\rb"]


def test_nothing_waits_for_what_is_thrown_away() -> None:
    """A framer that throws away keeps nothing, so a long line costs no memory."""
    framer = LineFramer(LIMIT)
    for _ in range(1000):
        framer.feed(b"a" * 100)
        assert sum(map(len, framer._pieces)) == 0


class Counted(bytes):
    """Bytes that count how many of them are searched or joined."""

    touched = 0

    def split(self, *args: object, **kwargs: object) -> list[bytes]:  # type: ignore[override]
        Counted.touched += len(self)
        return [Counted(piece) for piece in bytes(self).split(b"\n")]


def test_a_long_line_costs_linear_work() -> None:
    """A megabyte without a newline, in small chunks, is looked at once, and never kept whole."""
    framer = LineFramer(4096)
    Counted.touched, chunk, count, most_kept = 0, Counted(b"a" * 7), 150_000, 0
    for _ in range(count):
        framer.feed(chunk)
        most_kept = max(most_kept, len(framer._pieces))
    assert Counted.touched == count * len(chunk)
    assert most_kept * len(chunk) <= 4096 + len(chunk)


def test_a_line_within_the_limit_is_joined_once() -> None:
    """A line that is just short enough, fed byte by byte, is put together at its end only."""
    framer = LineFramer(50_000)
    joined = 0
    join = framer._join

    def counting(end: bytes) -> bytes:
        nonlocal joined
        whole = join(end)
        joined += len(whole)
        return whole

    framer._join = counting  # type: ignore[method-assign]
    line = b"a" * 50_000
    assert [x for byte in line + b"\n" for x in framer.feed(bytes([byte]))] == [line]
    assert joined == len(line)
