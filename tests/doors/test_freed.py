"""Who has gone is freed at once: nothing of a connection waits for Python's collector."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from weakref import ref

import pytest
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from pyconchat.store import SqlStore
from tests.support.programs import House


@pytest.fixture
def house(store: SqlStore, clock: Clock) -> Iterator[House]:
    """A server in memory, in which nothing is freed but by the last reference to it."""
    house = House(store, clock)
    gc.collect()
    gc.disable()
    yield house
    gc.enable()
    house.closes()


def goes(house: House, name: str, hello: bytes) -> list[object]:
    """Have somebody come, talk, and go; return what is left of the connection."""
    caller = house.caller()
    caller.sends(hello)
    house.waits(1)
    step = caller.door
    assert step.door is not None
    assert house.chat.presence.online(house.chat.accounts.find(name).key)  # type: ignore[arg-type]
    kept = [ref(step), ref(step.door), ref(step.door._output)]
    step.connectionLost(Failure(ConnectionDone()))
    caller.wire.protocol = None  # as Twisted's transports do
    house.waits(10)
    del step, caller
    return [each() for each in kept if each() is not None]


def test_a_person(house: House) -> None:
    """Somebody at nc, who has made a group and said something."""
    assert goes(house, "bob", b"bob\n\n/create tea open\nhello\n/members\n") == []


def test_a_program(house: House) -> None:
    """A program that has done the same."""
    hello = b'{"hello":1,"name":"bob","guest":true}\n{"id":1,"line":"/create tea open"}\n'
    assert goes(house, "bob", hello) == []
