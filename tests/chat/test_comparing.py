"""Comparing with the store does not keep the reactor busy, however much has changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from pyconchat.chat.comparing import MAX_COMPARED, MAX_REFRESHED, Comparing
from pyconchat.chat.conversations import GroupConversation
from pyconchat.domain.stored import ChangedHead


class Turns(Clock):
    """A clock that counts delayed calls."""

    turns = 0

    def callLater(self, when: float, call: Any, *args: object, **more: object) -> Any:
        self.turns += 1
        return super().callLater(when, call, *args, **more)


class World:
    """A store in which *count* conversations have changed: of groups here, or unknown ones."""

    def __init__(self, count: int, known: bool) -> None:
        self.clock = Turns()
        self.read: list[int] = []
        self.refreshed: list[int] = []
        self.since: list[int | None] = []
        group = GroupConversation.__new__(GroupConversation)
        groups = dict.fromkeys(range(count), group) if known else {}

        def changes(since: int | None) -> tuple[int, list[ChangedHead]]:
            self.since.append(since)
            return 7, [ChangedHead(id, 9) for id in range(count)]

        async def refresh(heads: Mapping[int, int]) -> None:
            self.refreshed.append(len(heads))

        def read_in_order(read: Callable[..., object], *args: object) -> Deferred[object]:
            return succeed(read(*args))

        nodes = SimpleNamespace(changes=changes, changed_accounts=lambda after: (0, []))
        incoming = SimpleNamespace(
            known_in_memory=lambda _: 8 if known else None,
            known=lambda _: 8,
            read=lambda conversation, _: self.read.append(conversation),
            refresh=refresh,
        )
        parts: list[Any] = [
            SimpleNamespace(conversations=groups),
            nodes,
            SimpleNamespace(read_in_order=read_in_order),
            incoming,
            (),  # followed groups
            self.clock,
        ]
        self.comparing = Comparing(*parts, *cast("list[Any]", [None] * 4))

    def compare(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.comparing.compare())


def test_many_changes() -> None:
    """They are compared in several turns of the reactor, and found again until all were."""
    world = World(2 * MAX_COMPARED + 5, known=False)
    compared = world.compare()
    assert len(world.read) == MAX_COMPARED - 1
    assert not compared.called
    world.compare()  # as when the bus has connected anew
    world.clock.advance(0)
    assert compared.called
    assert world.since == [0, 0]
    assert world.clock.turns == 4
    assert set(world.read) == set(range(2 * MAX_COMPARED + 5))
    world.compare()
    assert world.since[-1] == 7
    world.clock.advance(0)


def test_many_groups_that_are_not_followed() -> None:
    """Their states are read in pieces, once."""
    world = World(2 * MAX_REFRESHED + 5, known=True)
    assert world.compare().called
    assert world.refreshed == [MAX_REFRESHED, MAX_REFRESHED, 5]
