"""A node that stops ends its sessions a few at a time."""

from __future__ import annotations

from typing import cast

import pytest
from twisted.internet.task import Clock

from pyconchat.chat.interfaces import ISession
from pyconchat.domain.replies import EndWhy
from pyconchat.server.drain import MAX_DRAIN_SECONDS, SESSIONS_PER_SECOND, STEP_SECONDS, Drain


class FakeSession:
    """A session that ends when the test says so, or at once."""

    def __init__(self, all: list[FakeSession], at_once: bool = True, fails: bool = False) -> None:
        self.told = 0
        self._all = all
        self._at_once = at_once
        self._fails = fails
        all.append(self)

    def end_when_idle(self, why: EndWhy, reason: str) -> None:
        assert why is EndWhy.STOPPING
        self.told += 1
        if self._fails:
            raise ZeroDivisionError
        if self._at_once:
            self._all.remove(self)


class Scene:
    """A drain of the sessions in *all*."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.all: list[FakeSession] = []
        self.drain = Drain(clock, lambda: cast("list[ISession]", list(self.all)))
        self.done: list[None] = []

    def begins(self) -> None:
        self.drain.run().addCallback(self.done.append)

    def waits(self, seconds: float) -> None:
        self.clock.pump([STEP_SECONDS] * round(seconds / STEP_SECONDS))


@pytest.fixture
def scene(clock: Clock) -> Scene:
    return Scene(clock)


def test_so_many_a_second(scene: Scene) -> None:
    """The rate is the same in each second, and the drain is over with the last session."""
    for _ in range(3 * SESSIONS_PER_SECOND):
        FakeSession(scene.all)
    scene.begins()
    for second in (2, 1):
        scene.waits(1 - STEP_SECONDS)  # the first step is at once
        assert len(scene.all) == second * SESSIONS_PER_SECOND
        scene.waits(STEP_SECONDS)
    assert scene.done == []
    scene.waits(1)
    assert (scene.all, scene.done) == ([], [None])
    assert scene.clock.getDelayedCalls() == []


def test_without_sessions_it_is_over_at_once(scene: Scene) -> None:
    scene.begins()
    assert scene.done == [None]


def test_a_login_during_the_drain(scene: Scene) -> None:
    """It is ended as well."""
    FakeSession(scene.all, at_once=False)
    scene.begins()
    late = FakeSession(scene.all)
    scene.waits(2 * STEP_SECONDS)
    assert late.told == 1


def test_each_session_is_told_once(scene: Scene) -> None:
    """The drain waits for one that takes its time, and is over when that has ended."""
    slow = FakeSession(scene.all, at_once=False)
    scene.begins()
    scene.waits(5)
    assert (slow.told, scene.done) == (1, [])
    scene.all.remove(slow)
    scene.waits(STEP_SECONDS)
    assert scene.done == [None]


def test_a_failure_does_not_keep_the_others(scene: Scene) -> None:
    broken, other = FakeSession(scene.all, fails=True), FakeSession(scene.all)
    scene.begins()
    assert (broken.told, other.told) == (1, 1)
    scene.waits(MAX_DRAIN_SECONDS)
    assert scene.done == [None]


def test_it_takes_a_limited_time(scene: Scene) -> None:
    FakeSession(scene.all, at_once=False)
    scene.begins()
    scene.waits(MAX_DRAIN_SECONDS - 1)
    assert scene.done == []
    scene.waits(2)
    assert scene.done == [None]
    assert scene.clock.getDelayedCalls() == []


@pytest.mark.parametrize("before", [True, False])
def test_it_is_cut_short(scene: Scene, before: bool) -> None:
    """By a second signal, which may come before it has begun."""
    for _ in range(2 * SESSIONS_PER_SECOND):
        FakeSession(scene.all)
    if before:
        scene.drain.cut_short()
    scene.begins()
    scene.drain.cut_short()
    assert scene.done == [None]
    left = len(scene.all)
    scene.waits(1)
    assert len(scene.all) == left >= SESSIONS_PER_SECOND
