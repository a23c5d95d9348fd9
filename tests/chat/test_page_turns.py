"""Pages of the log are read in turns, one after a commit; a slow reader delays no other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from pyconchat.chat.page_turns import MAX_WAIT, PageTurns
from pyconchat.domain.errors import NotSaved


class Reads:
    """A journal whose reads and commits a test ends."""

    def __init__(self) -> None:
        self.reading: dict[str, Deferred[str]] = {}
        self.begun: list[str] = []
        self.commit: Deferred[None] | None = None

    def read(self, call: Callable[..., Any], name: str) -> Deferred[str]:
        self.begun.append(name)
        self.reading[name] = Deferred()
        return self.reading[name]

    def when_committed(self) -> Deferred[None]:
        return succeed(None) if self.commit is None else self.commit


class Scene:
    """Readers of one log, each with a name."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.reads = Reads()
        journal: Any = self.reads
        self.turns = PageTurns(journal, self.clock)
        self.results: dict[str, object] = {}

    def asks(self, *names: str) -> None:
        for name in names:
            reading = Deferred.fromCoroutine(self.turns.read(str, name))
            reading.addBoth(lambda result, name=name: self.results.__setitem__(name, result))

    def has(self, name: str) -> None:
        """Let the page of *name* be read, and the next turn begin."""
        self.reads.reading[name].callback(f"page of {name}")
        self.clock.advance(0)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_one_page_at_a_time(scene: Scene) -> None:
    """A second request of a reader waits until all others have had a turn."""
    scene.asks("a", "b", "c")
    assert scene.reads.begun == ["a"]
    scene.has("a")
    assert scene.results == {"a": "page of a"}
    scene.asks("a")
    scene.has("b")
    scene.has("c")
    assert scene.reads.begun == ["a", "b", "c", "a"]
    scene.has("a")
    assert scene.clock.getDelayedCalls() == []


def test_the_next_turn_begins_in_another_turn_of_the_reactor(scene: Scene) -> None:
    """The caller handles its page before the next page is read."""
    scene.asks("a", "b")
    scene.reads.reading["a"].callback("page")
    assert "a" in scene.results
    assert scene.reads.begun == ["a"]
    scene.clock.advance(0)
    assert scene.reads.begun == ["a", "b"]


def test_a_commit_goes_first(scene: Scene) -> None:
    """A page waits for the current commit, but not for ever."""
    scene.reads.commit = Deferred()
    scene.asks("a", "b", "c")
    scene.has("a")
    assert scene.reads.begun == ["a"]
    scene.reads.commit.callback(None)
    assert scene.reads.begun == ["a", "b"]
    scene.reads.commit = Deferred()
    scene.has("b")
    scene.clock.advance(MAX_WAIT)
    assert scene.reads.begun == ["a", "b", "c"]
    scene.reads.commit.callback(None)
    scene.has("c")
    assert len(scene.results) == 3


def test_a_slow_page_does_not_stop_the_others(scene: Scene) -> None:
    """After a while the next one begins beside it; its end begins no further one."""
    scene.asks("slow", "b", "c")
    scene.clock.advance(MAX_WAIT)
    assert scene.reads.begun == ["slow", "b"]
    scene.has("slow")
    assert scene.reads.begun == ["slow", "b"]
    scene.has("b")
    assert scene.reads.begun == ["slow", "b", "c"]


def test_a_page_that_cannot_be_read(scene: Scene) -> None:
    """The error reaches its reader, and the next one has its turn."""
    scene.asks("a", "b")
    scene.reads.reading["a"].errback(NotSaved("it is away"))
    scene.clock.advance(0)
    assert scene.results["a"].check(NotSaved)  # type: ignore[attr-defined]
    assert scene.reads.begun == ["a", "b"]


def test_giving_way(scene: Scene) -> None:
    """Between two pieces of a page, others read theirs."""
    gave: list[object] = []
    scene.asks("a", "b")
    Deferred.fromCoroutine(scene.turns.give_way()).addBoth(gave.append)
    scene.has("a")
    assert gave == []
    scene.has("b")
    assert gave == [None]
    scene.clock.advance(0)
    scene.asks("c")
    assert scene.reads.begun == ["a", "b", "c"]
