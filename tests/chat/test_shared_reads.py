"""Reads of the log that several sessions wait for are one; each session gets its own part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed

from pyconchat.chat.page_turns import PageTurns
from pyconchat.chat.shared_reads import MAX_PER_TURN, MAX_SPAN, SharedReads, Span
from pyconchat.domain.errors import NotSaved
from pyconchat.domain.events import Entry, Message
from pyconchat.domain.names import Name
from pyconchat.domain.text import SafeText
from tests.support.turns import Turns


def entry(seq: int) -> Entry:
    return Entry(2, seq, 0, Message(Name("alice"), SafeText(f"{seq}")))


class Scene:
    """Readers of the logs *tea* and *cup*, whose reads a test ends in turn."""

    def __init__(self) -> None:
        self.clock = Turns()
        journal: Any = self
        self.shared = SharedReads(PageTurns(journal, self.clock))
        self.spans: list[Span] = []  # of the reads that have begun
        self.waiting: list[Deferred[list[Entry]]] = []
        self.wanted: list[Callable[[], bool]] = []
        self.results: dict[Span, list[int] | type] = {}
        self.gone: set[Span] = set()

    def when_committed(self) -> Deferred[None]:
        return succeed(None)

    def read(self, call: Callable[[], Any]) -> Deferred[list[Entry]]:
        call()
        self.waiting.append(Deferred())
        return self.waiting[-1]

    def asks(self, after: int, upto: int, log: str = "tea") -> None:
        def store(after: int, upto: int, wanted: Callable[[], bool]) -> list[Entry]:
            self.spans.append((after, upto))
            self.wanted.append(wanted)
            return []

        def part(entries: Sequence[Entry]) -> list[Entry]:
            return [each for each in entries if after < each.seq <= upto]

        span = after, upto
        reading = Deferred.fromCoroutine(
            self.shared.read(log, span, store, part, lambda: span not in self.gone)
        )
        reading.addCallbacks(
            lambda found: self.results.__setitem__(span, [each.seq for each in found]),
            lambda failure: self.results.__setitem__(span, failure.type),
        )

    def is_read(self) -> None:
        """End the last read, and let the next begin."""
        after, upto = self.spans[-1]
        self.waiting[-1].callback([entry(seq) for seq in range(after + 1, upto + 1)])
        self.clock.advance(0)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_those_who_wait_share_a_read(scene: Scene) -> None:
    """It has what all of them need; who comes when it has begun waits for the next one."""
    scene.asks(0, 3)
    for after, upto in ((10, 14), (12, 15), (11, 12)):
        scene.asks(after, upto)
    assert scene.spans == [(0, 3)]
    scene.is_read()
    assert scene.spans == [(0, 3), (10, 15)]
    scene.asks(14, 16)
    scene.is_read()
    assert scene.spans[2:] == [(14, 16)]
    scene.is_read()
    assert scene.results == {
        (0, 3): [1, 2, 3],
        (10, 14): [11, 12, 13, 14],
        (12, 15): [13, 14, 15],
        (11, 12): [12],
        (14, 16): [15, 16],
    }


def test_what_is_far_apart_is_not_shared(scene: Scene) -> None:
    """Nor what is of another log: a read stays as short as two pages."""
    scene.asks(0, 1)
    scene.asks(10, 20)
    scene.asks(11 + MAX_SPAN, 12 + MAX_SPAN)
    scene.asks(10, 20, "cup")
    for _ in range(4):
        scene.is_read()
    assert scene.spans == [(0, 1), (10, 20), (11 + MAX_SPAN, 12 + MAX_SPAN), (10, 20)]


def test_many_readers_of_one_read(scene: Scene) -> None:
    """They get it in several turns, because each renders and writes its part at once."""
    scene.asks(0, 1)
    for number in range(6):
        scene.asks(number, 50 + number)
    scene.is_read()
    scene.waiting[-1].callback([entry(seq) for seq in range(1, 56)])
    had = [0]
    while had[-1] < 6:
        had.append(len(scene.results) - 1)
        scene.clock.advance(0)
    assert MAX_PER_TURN == 100
    assert sorted({*had}) == [0, 2, 4, 6]


def test_a_read_is_wanted_while_anybody_waits(scene: Scene) -> None:
    """The sessions of the others may have ended."""
    scene.asks(0, 1)
    scene.asks(4, 6)
    scene.asks(5, 7)
    scene.is_read()
    scene.gone.add((4, 6))
    assert scene.wanted[-1]()
    scene.gone.add((5, 7))
    assert not scene.wanted[-1]()


def test_a_read_that_fails(scene: Scene) -> None:
    """All who share it are told, and the next read begins."""
    scene.asks(0, 1)
    scene.asks(4, 6)
    scene.asks(5, 7)
    scene.is_read()
    scene.waiting[-1].errback(NotSaved("it is away"))
    scene.clock.advance(0)
    scene.asks(4, 7)
    scene.is_read()
    failed = {(4, 6): NotSaved, (5, 7): NotSaved}
    assert scene.results == {(0, 1): [1], **failed, (4, 7): [5, 6, 7]}
