"""A closed connection is freed at once: no part of it waits for the cyclic GC."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from weakref import ref

import pytest
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from tests.support.programs import MemoryServer


@pytest.fixture(autouse=True)
def _no_gc(server: MemoryServer) -> Iterator[None]:
    """Disable the cyclic GC."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def left_after_a_session(server: MemoryServer, name: str, hello: bytes) -> list[object]:
    """Connect, send *hello*, and disconnect; return the objects that were not freed."""
    connection = server.connect()
    connection.sends(hello)
    server.waits(1)
    detector = connection.door
    assert detector.door is not None
    assert server.chat.presence.online(server.chat.accounts.find(name).key)  # type: ignore[arg-type]
    kept = [ref(detector), ref(detector.door), ref(detector.door._output)]
    detector.connectionLost(Failure(ConnectionDone()))
    connection.wire.protocol = None  # as Twisted's transports do
    server.waits(10)
    del detector, connection
    return [each() for each in kept if each() is not None]


def test_a_persons_connection_is_freed(server: MemoryServer) -> None:
    """A person at nc, who has created a group and posted a message."""
    assert left_after_a_session(server, "bob", b"bob\n\n/create tea open\nhello\n/members\n") == []


def test_a_programs_connection_is_freed(server: MemoryServer) -> None:
    """A program that has created a group."""
    hello = b'{"hello":1,"name":"bob","guest":true}\n{"id":1,"line":"/create tea open"}\n'
    assert left_after_a_session(server, "bob", hello) == []


def test_an_edited_connection_is_freed(server: MemoryServer) -> None:
    """A person at telnet in character mode, who has created a group and typed half a line."""
    agrees = b"\xff\xfd\x03\xff\xfd\x01\xff\xfb\x1f\xff\xfa\x1f\x00\x50\x00\x18\xff\xf0"
    hello = agrees + b"bob\r\n\r\0\r\0/create tea open\r\0/mem\t\r\0half"
    assert left_after_a_session(server, "bob", hello) == []
