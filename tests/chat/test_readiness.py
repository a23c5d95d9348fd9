"""Whether a server is ready for new connections: a flood of questions costs one read a second."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from pyconchat.chat.chat import Chat
from pyconchat.chat.readiness import CHECK_SECONDS, MAX_CHECK_SECONDS, Readiness
from pyconchat.domain.errors import NotSaved


class SlowThreads:
    """Threads whose reads take until the test ends them."""

    def __init__(self) -> None:
        self.reads: list[Deferred[Any]] = []

    def read(self, call: object, *args: object) -> Deferred[Any]:
        self.reads.append(Deferred())
        return self.reads[-1]


class Scene:
    """The readiness of one of several nodes, and the answers to those who ask."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.threads = SlowThreads()
        self.registry = SimpleNamespace(stopping=False)
        self.nodes = SimpleNamespace(leases=SimpleNamespace(held=True))
        self.answers: list[str] = []
        self.readiness = Readiness(
            cast(Any, SimpleNamespace(entries=None)),
            *cast(Any, (self.threads, clock, self.registry, self.nodes)),
        )

    def asks(self) -> list[str]:
        """Ask, and return the answers to this and to earlier questions."""
        asking = Deferred.fromCoroutine(self.readiness.problem())
        asking.addCallback(lambda answer: self.answers.append(answer))
        answers, self.answers = self.answers, []
        return answers

    def database_answers(self) -> list[str]:
        self.threads.reads[-1].callback([])
        answers, self.answers = self.answers, []
        return answers


@pytest.fixture
def scene(clock: Clock) -> Scene:
    return Scene(clock)


def test_many_questions_cost_one_read(scene: Scene) -> None:
    """All wait for the same read, and its answer is good for a while."""
    for _ in range(100):
        assert scene.asks() == []
    assert scene.database_answers() == [""] * 100
    for _ in range(100):
        assert scene.asks() == [""]
    assert len(scene.threads.reads) == 1
    scene.clock.advance(CHECK_SECONDS)
    assert scene.asks() == []
    assert scene.asks() == []
    assert scene.database_answers() == ["", ""]
    assert len(scene.threads.reads) == 2
    assert scene.clock.getDelayedCalls() == []


def test_a_database_that_does_not_answer(scene: Scene) -> None:
    """Nobody waits longer, and there is no second read before the first one has ended."""
    scene.asks()
    scene.clock.advance(MAX_CHECK_SECONDS)
    assert scene.answers == ["database"]
    scene.answers.clear()
    scene.clock.advance(60)
    assert scene.asks() == ["database"]
    assert len(scene.threads.reads) == 1
    assert scene.database_answers() == []
    assert scene.asks() == []
    assert scene.database_answers() == [""]


def test_a_database_that_fails(scene: Scene) -> None:
    scene.asks()
    scene.threads.reads[0].errback(NotSaved("it is down"))
    assert scene.answers == ["database"]
    scene.answers.clear()
    assert scene.asks() == ["database"]
    scene.clock.advance(CHECK_SECONDS)
    scene.asks()
    assert scene.database_answers() == [""]


def test_a_lost_lease(scene: Scene) -> None:
    scene.nodes.leases.held = False
    assert scene.asks() == ["lease"]
    assert scene.threads.reads == []


def test_a_server_that_stops(scene: Scene) -> None:
    """Also if that begins while the database is asked."""
    assert scene.asks() == []
    scene.registry.stopping = True
    assert scene.asks() == ["draining"]
    assert scene.database_answers() == ["draining"]


def test_a_real_store(chat: Chat) -> None:
    answers: list[str] = []
    Deferred.fromCoroutine(chat.readiness.problem()).addCallback(answers.append)
    assert answers == [""]
