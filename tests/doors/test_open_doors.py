"""The regular checks: each door is checked in time, without a look at those that rest."""

from __future__ import annotations

import weakref
from typing import cast
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from pyconchat.domain.decisions import MoveCursor
from pyconchat.doors import open_doors
from pyconchat.doors.interfaces import IDoor
from pyconchat.doors.open_doors import CHECK_SECONDS, OpenDoors

START = 0.7
"""The time at which the checks start: the rounds are not at whole seconds."""


class FakeDoor:
    """A door that rests for each of *rests* (seconds) in turn after a check; 0: it stays awake."""

    def __init__(self, doors: OpenDoors, rests: list[float]) -> None:
        self.rests = rests
        self.checks: list[float] = []
        self.looks = 0  # count of reads of `rests_until`
        self._doors = doors
        self._until = 0.0

    @property
    def rests_until(self) -> float:
        self.looks += 1
        return self._until

    @rests_until.setter
    def rests_until(self, until: float) -> None:
        self._until = until

    def check(self, now: float) -> list[MoveCursor]:
        rest = self.rests[len(self.checks) % len(self.rests)]
        self.checks.append(now)
        if rest:
            self._doors.rest(cast(IDoor, self), now + rest)
        return []


class Scan:
    """A reference for `OpenDoors`, which looks at every door in each round."""

    def __init__(self) -> None:
        self.until: dict[FakeDoor, float] = {}
        self.checks: dict[FakeDoor, list[float]] = {}

    def check_all(self, now: float) -> None:
        for door, until in self.until.items():
            if until <= now:
                checks = self.checks[door]
                rest = door.rests[len(checks) % len(door.rests)]
                checks.append(now)
                self.until[door] = now + rest if rest else 0.0


class Both:
    """`OpenDoors` and a `Scan` with the same doors, on one clock."""

    def __init__(self) -> None:
        self.scan = Scan()
        self._clock = Clock()
        self._clock.advance(START)
        self._rounds = 0
        self.doors = OpenDoors(self._clock, lambda moves: None, lambda: None)
        self.doors.start()

    def opened(self, rests: list[float]) -> FakeDoor:
        door = FakeDoor(self.doors, rests)
        self.scan.until[door], self.scan.checks[door] = 0.0, []
        return door

    def add(self, rests: list[float]) -> FakeDoor:
        door = self.opened(rests)
        self.doors.add(cast(IDoor, door))
        return door

    def wake(self, door: FakeDoor) -> None:
        self.scan.until[door] = 0.0
        self.doors.wake(cast(IDoor, door))

    def remove(self, door: FakeDoor) -> None:
        del self.scan.until[door]
        self.doors.remove(cast(IDoor, door))

    def replace(self, door: FakeDoor) -> None:
        del self.scan.until[door]
        self.doors.replace(cast(IDoor, door), cast(IDoor, self.opened([1.0, 0.0])))

    def wait(self, seconds: float) -> None:
        until = self._clock.seconds() + seconds
        while (due := START + (self._rounds + 1) * CHECK_SECONDS) <= until:
            self._rounds += 1
            self._clock.advance(due - self._clock.seconds())
            self.scan.check_all(self._clock.seconds())
        self._clock.advance(until - self._clock.seconds())


RESTS = st.lists(st.sampled_from([0.0, 0.3, 1.0, 1.2, 2.5, 7.0, 60.0]), min_size=1, max_size=4)
STEPS = st.one_of(
    st.tuples(st.just("add"), RESTS),
    st.tuples(st.just("wait"), st.sampled_from([0.2, 1.0, 3.0, 45.0])),
    st.tuples(st.sampled_from(["wake", "remove", "replace"]), st.integers(0, 7)),
)


@given(st.lists(STEPS, max_size=40))
def test_each_is_checked_when_a_scan_would_check_it(
    steps: list[tuple[str, list[float] | float | int]],
) -> None:
    """Random additions, removals, replacements, rests and wakes give the same checks."""
    both = Both()
    with mock.patch.object(open_doors, "MAX_CHECKS_PER_TURN", 3):
        for step, value in steps:
            present = list(both.scan.until)
            if step in ("add", "wait"):
                getattr(both, step)(value)
            elif present:
                getattr(both, step)(present[cast(int, value) % len(present)])
        both.wait(3.0)
    for door, checks in both.scan.checks.items():
        assert door.checks == pytest.approx(checks)
    assert set(both.doors) == set(both.scan.until)


def test_a_round_takes_no_time_for_those_that_rest() -> None:
    """It looks at them only in the second in which their rest ends."""
    both = Both()
    resting = [both.add([60.0]) for _ in range(100)]
    awake = both.add([0.0])
    both.wait(2.0)
    before = sum(each.looks for each in resting)
    both.wait(55.0)
    assert sum(each.looks for each in resting) == before
    assert len(awake.checks) == 57
    both.wait(5.0)
    assert [len(each.checks) for each in resting] == [2] * 100


def test_one_that_is_closed_while_it_rests_is_freed() -> None:
    """At once, not when its rest would have ended."""
    both = Both()
    door = FakeDoor(both.doors, [60.0])
    both.doors.add(cast(IDoor, door))
    both.wait(1.0)
    both.doors.remove(cast(IDoor, door))
    freed = weakref.ref(door)
    del door
    assert freed() is None


def test_one_that_is_closed_by_its_check_is_freed() -> None:
    """Even if it wants to rest."""

    class ClosingDoor(FakeDoor):
        def check(self, now: float) -> list[MoveCursor]:
            both.doors.remove(cast(IDoor, self))
            return super().check(now)

    both = Both()
    door = ClosingDoor(both.doors, [60.0])
    awake = both.add([0.0])
    both.doors.add(cast(IDoor, door))
    both.wait(2.0)
    assert len(awake.checks) == 2
    freed = weakref.ref(door)
    del door
    assert freed() is None
