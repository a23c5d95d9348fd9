"""BoundedLineReceiver: bytes in, lines out, with linear work and within bounds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.testing import StringTransport

from pyconchat.net.connection import Lifecycle
from pyconchat.net.lines import MAX_LINES_PER_TURN, BoundedLineReceiver
from tests.support.turns import Turns

LIMIT = 8

# Few letters, so that newlines, CRs and lines around the limit come up all the time.
streams = st.lists(
    st.sampled_from([b"a", b"\xff", b"\r", b"\n", b"\r\n", b"\0", b"x" * LIMIT, b"y" * 40])
).map(b"".join)
cuts = st.lists(st.integers(min_value=0), max_size=20)


class Lines(BoundedLineReceiver):
    """Keeps the lines that it receives; None stands for one that was too long."""

    def __init__(self, limit: int = LIMIT) -> None:
        super().__init__()
        self.MAX_LENGTH = limit
        self.clock: Any = Turns()
        self.lines: list[bytes | None] = []
        self.raw = b""
        self.ready = True
        self.ended = 0
        self.makeConnection(StringTransport())

    def lineReceived(self, line: bytes) -> None:
        self.lines.append(line)

    def lineLengthExceeded(self, line: bytes) -> None:
        self.lines.append(None)

    def rawDataReceived(self, data: bytes) -> None:
        self.raw += data

    def readyForLine(self) -> bool:
        return self.ready

    def inputEnded(self) -> None:
        self.ended += 1

    @property
    def is_paused(self) -> bool:
        """Return whether the transport is paused."""
        return bool(self.transport.producerState == "paused")


def reference(stream: bytes, limit: int = LIMIT) -> list[bytes | None]:
    """Return the lines of *stream* by the rules of the line protocol, the simple way.

    Only LF ends a line; the CR before it does not count; a line over the limit is None; the last
    line, which has no LF, counts only once it is over the limit.
    """
    *complete, rest = stream.split(b"\n")
    lines = [line if len(line.removesuffix(b"\r")) <= limit else None for line in complete]
    return [*lines, None] if len(rest) > limit + 1 else lines


def pieces(stream: bytes, cuts: list[int]) -> list[bytes]:
    """Return *stream*, cut at *cuts*."""
    ends = [*sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    starts = [0, *ends]
    return [stream[start:end] for start, end in zip(starts, ends, strict=False)]


def received(*chunks: bytes, limit: int = LIMIT) -> Lines:
    """Return a receiver that has received *chunks*, one after the other."""
    receiver = Lines(limit)
    for chunk in chunks:
        receiver.dataReceived(chunk)
    return receiver


@given(streams, cuts)
def test_the_rules_hold_in_any_pieces(stream: bytes, cuts: list[int]) -> None:
    """A stream gives the reference's lines in whatever pieces it arrives."""
    expected = reference(stream)
    assert received(stream).lines == expected
    assert received(*pieces(stream, cuts)).lines == expected
    assert received(*(bytes([byte]) for byte in stream)).lines == expected


@given(streams, cuts)
def test_the_end_of_the_input_ends_the_last_line(stream: bytes, cuts: list[int]) -> None:
    """A half-close delivers the incomplete line, once, and then reports the end."""
    receiver = received(*pieces(stream, cuts))
    rest = stream.rpartition(b"\n")[2]
    last = [rest] if rest and len(rest) <= LIMIT + 1 else []
    receiver.readConnectionLost()
    assert receiver.lines == [*reference(stream), *last]
    assert receiver.ended == 1
    assert receiver.life is Lifecycle.INPUT_ENDED


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_the_limit_is_the_longest_line(end: bytes) -> None:
    """A line of exactly the limit is delivered, its CR not counted; one byte more is not."""
    passes, fails = b"a" * LIMIT, b"a" * (LIMIT + 1)
    assert received(passes + end).lines == [passes + end.removesuffix(b"\n")]
    assert received(fails + end).lines == [None]


def test_a_long_line_is_reported_at_once_and_discarded() -> None:
    """Nothing of it is kept, nothing of it becomes a line, and the next line is delivered."""
    receiver = received(b"a" * 100)
    assert receiver.lines == [None]
    assert receiver._pieces == []
    for chunk in (b"more of it", b"/quit", b" is no command\nhello\n"):
        receiver.dataReceived(chunk)
    assert receiver.lines == [None, b"hello"]


@pytest.mark.parametrize("lines", [0, 2, MAX_LINES_PER_TURN, MAX_LINES_PER_TURN + 1])
def test_discarded_input_ends_with_its_last_line(lines: int) -> None:
    """Of a line that has arrived in part, the rest is discarded too: it would be a line."""
    receiver = Lines()
    receiver.ready = False
    receiver.dataReceived(b"x\n" * lines + b"my sec")
    receiver.discardInput(b"")
    receiver.ready = True
    receiver.dataReceived(b"ret\nhello\n")
    assert receiver.lines == [b"hello"]


def test_other_line_ends_are_text() -> None:
    """Only LF ends a line: what `bytes.splitlines` splits at stays in the line."""
    line = "a\x0bb\x0cc\x1cd\x85e\u2028f".encode()
    assert received(line + b"\n", limit=100).lines == [line]


def test_lines_wait_while_it_is_not_ready() -> None:
    """The transport is paused while lines wait, and resumed when the last one is delivered."""
    receiver = Lines()
    receiver.ready = False
    receiver.dataReceived(b"a\nb\nc")
    assert (receiver.lines, receiver.is_paused) == ([], True)
    receiver.ready = True
    receiver.deliverLines()
    assert (receiver.lines, receiver.is_paused) == ([b"a", b"b"], False)


def test_many_lines_take_turns() -> None:
    """At most MAX_LINES_PER_TURN lines are delivered in one turn of the reactor."""
    receiver = received(b"a\n" * (2 * MAX_LINES_PER_TURN + 1))
    for expected in (1, 2):
        assert len(receiver.lines) == expected * MAX_LINES_PER_TURN
        assert receiver.is_paused
        receiver.clock.advance(0)
    assert len(receiver.lines) == 2 * MAX_LINES_PER_TURN + 1
    assert not receiver.is_paused


def test_a_line_that_is_delivered_can_deliver_no_other() -> None:
    """`deliverLines` called by a handler does not reorder lines."""

    class Eager(Lines):
        def lineReceived(self, line: bytes) -> None:
            self.deliverLines()
            super().lineReceived(line)

    receiver = Eager()
    receiver.dataReceived(b"a\nb\nc\n")
    assert receiver.lines == [b"a", b"b", b"c"]


@pytest.mark.parametrize("life", [Lifecycle.CLOSING, Lifecycle.GONE])
def test_no_line_after_the_end(life: Lifecycle) -> None:
    """A closing connection delivers nothing more, neither what waits nor what arrives."""
    receiver = Lines()
    receiver.ready = False
    receiver.dataReceived(b"a\nb")
    receiver.stopLines(life)
    receiver.ready = True
    receiver.dataReceived(b"c\n")
    receiver.readConnectionLost()
    receiver.deliverLines()
    assert (receiver.lines, receiver.ended, receiver.life) == ([], 0, life)


def test_raw_mode_gets_the_rest() -> None:
    """After `setRawMode` the rest of the input is raw, also what arrived with the line."""

    class Switching(Lines):
        def lineReceived(self, line: bytes) -> None:
            super().lineReceived(line)
            self.setRawMode()

    receiver = Switching()
    receiver.dataReceived(b"go\nraw\nbytes")
    receiver.dataReceived(b" more")
    assert (receiver.lines, receiver.raw) == ([b"go"], b"raw\nbytes more")


class Counted(bytes):
    """Bytes that count how many of them are searched."""

    searched = 0

    def split(self, *args: object, **kwargs: object) -> list[bytes]:  # type: ignore[override]
        Counted.searched += len(self)
        return [Counted(piece) for piece in bytes(self).split(b"\n")]


def test_work_is_linear() -> None:
    """Of a line that arrives in small pieces each byte is searched once, and joined once."""
    receiver = Lines(limit=2**20)
    Counted.searched, piece, count = 0, Counted(b"a" * 8), 2**17
    for _ in range(count):
        receiver.dataReceived(piece)
    assert len(receiver._pieces) == count
    receiver.dataReceived(b"\n")
    assert Counted.searched == len(piece) * count
    assert receiver.lines == [piece * count]


def test_a_long_line_keeps_at_most_its_limit() -> None:
    """An endless line in small pieces is never kept beyond the limit."""
    receiver, most = Lines(limit=4096), 0
    for _ in range(10_000):
        receiver.dataReceived(b"a" * 7)
        most = max(most, sum(map(len, receiver._pieces)))
    assert most <= 4096 + 7
    assert receiver.lines == [None]
