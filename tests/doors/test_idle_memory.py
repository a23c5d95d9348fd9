"""An idle connection has nothing that takes memory without a use."""

from __future__ import annotations

import gc
from collections import deque

import pytest

from tests.support.programs import MemoryServer

SHARED_KEYS = 30
"""Maximum attributes of which Python's instances share the names; with more, each has a dict."""


@pytest.mark.parametrize(
    "hello",
    [
        b"bob\n\n/create tea open\nhello\n",
        b'{"hello":1,"name":"bob","guest":true}\n{"id":1,"line":"/create tea open"}\n',
    ],
    ids=["a person", "a program"],
)
def test_an_idle_door_is_small(server: MemoryServer, hello: bytes) -> None:
    """No queues for input and output (an empty deque takes 760 bytes), and no dict of its own."""
    connection = server.connect()
    connection.sends(hello)
    server.waits(1)
    door = connection.door.door
    assert door is not None
    assert door.session is not None
    assert len(vars(door)) < SHARED_KEYS
    parts = gc.get_referents(door, vars(door), door._output, vars(door._output))
    assert not any(isinstance(each, deque) for each in parts)
