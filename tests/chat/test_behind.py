"""Missing entries are read until they were read, also if reads fail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from pyconchat.chat.behind import RETRY_SECONDS, Behind
from pyconchat.domain.errors import NotSaved
from pyconchat.domain.stored import Caught

KNOWN = 7
"""A conversation in memory; the others are not."""


class World:
    """A store that answers when the test says so."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.reads: list[tuple[dict[int, int], Deferred[dict[int, Caught]]]] = []
        self.behind = Behind(
            self._read,
            lambda caught: None,
            {KNOWN: 40}.get,
            self.clock,  # type: ignore[arg-type]
        )

    def _read(self, missing: Mapping[int, int]) -> Deferred[dict[int, Caught]]:
        self.reads.append((dict(missing), Deferred()))
        return self.reads[-1][1]

    @property
    def asked(self) -> list[dict[int, int]]:
        """What was asked of the store."""
        return [missing for missing, _ in self.reads]

    def answers(self) -> None:
        self.reads[-1][1].callback({})

    def fails(self) -> None:
        self.reads[-1][1].errback(NotSaved("the store is away"))


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    assert world.clock.getDelayedCalls() == []


def test_one_read_for_all_that_wait(world: World) -> None:
    """Meanwhile, others are collected, each from the first missing entry on."""
    world.behind.add(1, 10)
    for id, after in ((2, 20), (1, 12), (1, 11), (KNOWN, 0)):
        world.behind.add(id, after)
    assert world.asked == [{1: 10}]
    world.answers()
    assert world.asked[1:] == [{2: 20, 1: 11, KNOWN: 40}]
    world.answers()
    assert len(world.reads) == 2


def test_a_failed_read_is_repeated_from_the_first_entry(world: World) -> None:
    """Even if what was asked for meanwhile begins later."""
    world.behind.add(1, 10)
    world.behind.add(1, 12)
    world.behind.add(2, 5)
    world.fails()
    assert len(world.reads) == 1
    world.clock.advance(RETRY_SECONDS)
    assert world.asked[1:] == [{1: 10, 2: 5}]
    world.answers()


def test_who_waits_for_the_end(world: World) -> None:
    """A read that was under way already does not count; a failure leaves nobody waiting."""
    ended: list[str] = []
    world.behind.when_read().addCallback(lambda _: ended.append("nothing to read"))
    world.behind.add(1, 10)
    world.behind.when_read().addCallback(lambda _: ended.append("first"))
    world.behind.add(2, 20)
    world.behind.when_read().addCallback(lambda _: ended.append("second"))
    assert ended == ["nothing to read"]
    world.answers()
    assert ended == ["nothing to read", "first"]
    world.fails()
    assert ended == ["nothing to read", "first", "second"]
    world.clock.advance(RETRY_SECONDS)
    world.answers()
