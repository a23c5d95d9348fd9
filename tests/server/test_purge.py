"""`Purge`: at the start and every hour, in pieces, between which others can commit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from pyconchat.domain.errors import NotSaved
from pyconchat.server.purge import INTERVAL, PAUSE, Purge


class Groups:
    """A store with groups to be removed, each with a number of pieces; and its thread."""

    def __init__(self) -> None:
        self.pieces: dict[int, int] = {}
        self.counted: list[int] = []
        self.away = False

    def count_day(self, now: int) -> list[int]:
        self.counted.append(now)
        return list(self.pieces)

    def purge(self, group: int, most: int) -> bool:
        self.pieces[group] -= 1
        if self.pieces[group]:
            return True
        del self.pieces[group]
        return False

    def write(self, call: Callable[..., Any], *args: object) -> Deferred[Any]:
        return fail(NotSaved("it is away")) if self.away else succeed(call(*args))


@pytest.fixture
def groups() -> Groups:
    return Groups()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def purged() -> list[int]:
    """The groups that were removed."""
    return []


@pytest.fixture
def purge(groups: Groups, clock: Clock, purged: list[int]) -> Purge:
    store: Any = groups
    return Purge(store, store, clock, lambda: int(clock.seconds()), purged.append)


def test_one_piece_at_a_time(groups: Groups, clock: Clock, purged: list[int], purge: Purge) -> None:
    """After each piece there is a pause. A group's files go when its last entry is gone."""
    groups.pieces = {2: 2, 5: 1}
    purge.start()
    assert (groups.pieces, purged) == ({2: 1, 5: 1}, [])
    clock.advance(PAUSE)
    assert (groups.pieces, purged) == ({}, [2, 5])
    groups.pieces = {7: 1}
    clock.advance(INTERVAL)
    assert purged == [2, 5, 7]
    assert len(groups.counted) == 2
    purge.stop()


def test_a_stop_in_the_middle(
    groups: Groups, clock: Clock, purged: list[int], purge: Purge
) -> None:
    """The current piece is the last one."""
    groups.pieces = {2: 5}
    purge.start()
    purge.stop()
    clock.advance(INTERVAL * 2)
    assert (groups.pieces, purged) == ({2: 4}, [])


def test_a_store_that_is_away(
    groups: Groups, clock: Clock, purged: list[int], purge: Purge
) -> None:
    """The next check tries again."""
    groups.pieces, groups.away = {2: 1}, True
    purge.start()
    groups.away = False
    clock.advance(INTERVAL)
    assert purged == [2]
    purge.stop()
