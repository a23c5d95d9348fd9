"""A server in memory, and the programs that most tests of JSON mode use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twisted.internet.task import Clock

from pyconchat.config import Config, LimitsConfig
from pyconchat.store import SqlStore
from tests.support.programs import (
    MemoryServer,
    WiredProgram,
)


@pytest.fixture
def limited(store: SqlStore, clock: Clock) -> Iterator[Callable[..., MemoryServer]]:
    """Return a function that makes a server in memory with these limits."""
    servers: list[MemoryServer] = []

    def make(lobby: str | None = None, guests: bool = True, **limits: Any) -> MemoryServer:
        config = Config(lobby=lobby, guests=guests, limits=LimitsConfig(**limits))
        servers.append(MemoryServer(store, clock, config))
        return servers[-1]

    yield make
    for server in servers:
        server.stop()


@pytest.fixture
def alice(server: MemoryServer) -> WiredProgram:
    """The admin of tea, which is open."""
    alice = server.program("alice", "password a")
    alice.does("/create tea open")
    return alice


@pytest.fixture
def olga(server: MemoryServer) -> WiredProgram:
    """A program that is an operator of the server."""
    olga = server.program("olga", "password o")
    code = server.store.load().server.claim_code
    assert olga.does(f"/claim {code}")["type"] == "done"
    return olga
