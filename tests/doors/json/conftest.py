"""A server in memory, and the programs that most tests of JSON mode use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twisted.internet.task import Clock

from pyconchat.config import Config, LimitsConfig
from pyconchat.store import SqlStore
from tests.support.programs import (
    House,
    WiredProgram,
)


@pytest.fixture
def house(store: SqlStore, clock: Clock) -> Iterator[House]:
    """A server in memory without rate limits."""
    house = House(store, clock)
    yield house
    house.closes()


@pytest.fixture
def limited(store: SqlStore, clock: Clock) -> Iterator[Callable[..., House]]:
    """Return a function that makes a server in memory with these limits."""
    houses: list[House] = []

    def make(lobby: str | None = None, guests: bool = True, **limits: Any) -> House:
        config = Config(lobby=lobby, guests=guests, limits=LimitsConfig(**limits))
        houses.append(House(store, clock, config))
        return houses[-1]

    yield make
    for house in houses:
        house.closes()


@pytest.fixture
def alice(house: House) -> WiredProgram:
    """The admin of tea, which is open."""
    alice = house.program("alice", "password a")
    alice.does("/create tea open")
    return alice


@pytest.fixture
def olga(house: House) -> WiredProgram:
    """A program that is an operator of the server."""
    olga = house.program("olga", "password o")
    code = house.store.load().server.claim_code
    assert olga.does(f"/claim {code}")["type"] == "done"
    return olga
