"""Missing entries are read until they were read, also if reads fail."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from pyconchat.chat.behind import MAX_CONVERSATIONS, RETRY_SECONDS, Behind
from pyconchat.domain.errors import NotSaved
from pyconchat.domain.stored import Caught

KNOWN = 7
"""A conversation in memory; the others are not."""


class World:
    """A store that answers when the test says so."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.known = {KNOWN: 40}
        self.refused: set[int] = set()  # conversations that cannot be taken
        self.reads: list[tuple[dict[int, int], Deferred[dict[int, Caught]]]] = []
        self.behind = Behind(
            self._read,
            self._take,
            self.known.get,
            self.clock,  # type: ignore[arg-type]
        )

    def _read(self, missing: Mapping[int, int]) -> Deferred[dict[int, Caught]]:
        self.reads.append((dict(missing), Deferred()))
        return self.reads[-1][1]

    def _take(self, caught: Mapping[int, Caught]) -> set[int]:
        return self.refused & self.asked[-1].keys()

    @property
    def asked(self) -> list[dict[int, int]]:
        """The reads of the store."""
        return [missing for missing, _ in self.reads]

    def answers(self, *unfinished: int) -> None:
        """Answer the last read; of *unfinished*, there are more entries."""
        more = {id: Caught(99, [], None, None, more=True) for id in unfinished}
        self.reads[-1][1].callback(more)

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
    """Even if a later request begins at a later entry."""
    world.behind.add(1, 10)
    world.behind.add(1, 12)
    world.behind.add(2, 5)
    world.fails()
    assert len(world.reads) == 1
    world.clock.advance(RETRY_SECONDS)
    assert world.asked[1:] == [{1: 10, 2: 5}]
    world.answers()


def ended(world: World, name: str, said: list[str], ids: Collection[int] | None = None) -> None:
    """Add *name* to *said* at the end of the wait for *ids*, with "not" if that has failed."""

    def failed(failure: Failure) -> None:
        failure.trap(NotSaved)
        said.append(f"not {name}")

    world.behind.when_read(ids).addCallbacks(lambda _: said.append(name), failed)


def test_who_waits_for_the_end(world: World) -> None:
    """A read that was under way already does not count; a failure leaves nobody waiting."""
    said: list[str] = []
    ended(world, "nothing", said)
    world.behind.add(1, 10)
    ended(world, "first", said)
    world.behind.add(2, 20)
    ended(world, "second", said)
    ended(world, "other", said, [1])
    assert said == ["nothing"]
    world.answers()
    assert said == ["nothing", "first"]
    world.fails()
    assert said == ["nothing", "first", "not second", "other"]
    said.clear()
    ended(world, "still", said, [2])
    world.clock.advance(RETRY_SECONDS)
    world.answers()
    ended(world, "read", said, [2])
    assert said == ["not still", "read"]


def test_what_cannot_be_taken_keeps_nothing_else_back(world: World) -> None:
    """It is read again later; until then, only those fail who wait for it."""
    said: list[str] = []
    world.refused = {2}
    for id in (1, 2):
        world.behind.add(id, 10)
    world.behind.add(3, 30)
    world.answers()
    ended(world, "one", said, [1])
    world.answers()
    ended(world, "all", said)
    ended(world, "two", said, [1, 2])
    assert said == ["one", "all", "not two"]
    world.refused = set()
    world.clock.advance(RETRY_SECONDS)
    assert world.asked[2:] == [{2: 10}]
    world.answers()
    ended(world, "two", said, [2])
    assert said[-1] == "two"


def test_many_are_read_in_pieces(world: World) -> None:
    """A read has a bounded number of them. Who waits for some waits until all were read."""
    said: list[str] = []
    world.behind.add(1, 0)
    for id in range(100, 100 + 2 * MAX_CONVERSATIONS + 3):
        world.behind.add(id, 5)
    ended(world, "all", said)
    world.answers()
    sizes = [MAX_CONVERSATIONS, MAX_CONVERSATIONS, 3]
    for nth, size in enumerate(sizes, 2):
        assert said == []
        assert len(world.reads) == nth
        assert set(world.asked[-1].values()) == {5}
        assert len(world.asked[-1]) == size
        world.answers()
    assert said == ["all"]
    assert len(set().union(*world.asked)) == 1 + sum(sizes)


def test_a_failure_among_the_pieces(world: World) -> None:
    """Only what was not read yet is read again."""
    said: list[str] = []
    world.behind.add(1, 0)
    for id in range(100, 101 + MAX_CONVERSATIONS):
        world.behind.add(id, 5)
    ended(world, "first", said, [100])
    ended(world, "last", said, [100 + MAX_CONVERSATIONS])
    world.answers()
    world.answers()
    world.fails()
    assert said == ["first", "not last"]
    world.clock.advance(RETRY_SECONDS)
    assert world.asked[3:] == [{100 + MAX_CONVERSATIONS: 5}]
    world.answers()


def test_more_entries_of_a_conversation(world: World) -> None:
    """They are read before the wait for it ends, unless it is not needed here."""
    said: list[str] = []
    world.behind.add(2, 0)
    for id in (1, KNOWN):
        world.behind.add(id, 10)
    world.answers()
    ended(world, "all", said)
    world.known[KNOWN] = 50
    world.answers(1, KNOWN)
    assert said == []
    assert world.asked[2:] == [{KNOWN: 50}]
    world.answers()
    assert said == ["all"]
