"""A closed connection is freed at once: no part of it waits for the cyclic GC."""

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
    """A server in memory, with the cyclic GC disabled."""
    house = House(store, clock)
    gc.collect()
    gc.disable()
    yield house
    gc.enable()
    house.closes()


def left_after_a_session(house: House, name: str, hello: bytes) -> list[object]:
    """Connect, send *hello*, and disconnect; return the objects that were not freed."""
    caller = house.caller()
    caller.sends(hello)
    house.waits(1)
    detector = caller.door
    assert detector.door is not None
    assert house.chat.presence.online(house.chat.accounts.find(name).key)  # type: ignore[arg-type]
    kept = [ref(detector), ref(detector.door), ref(detector.door._output)]
    detector.connectionLost(Failure(ConnectionDone()))
    caller.wire.protocol = None  # as Twisted's transports do
    house.waits(10)
    del detector, caller
    return [each() for each in kept if each() is not None]


def test_a_persons_connection_is_freed(house: House) -> None:
    """A person at nc, who has created a group and posted a message."""
    assert left_after_a_session(house, "bob", b"bob\n\n/create tea open\nhello\n/members\n") == []


def test_a_programs_connection_is_freed(house: House) -> None:
    """A program that has created a group."""
    hello = b'{"hello":1,"name":"bob","guest":true}\n{"id":1,"line":"/create tea open"}\n'
    assert left_after_a_session(house, "bob", hello) == []
