"""Doors in memory, and connections to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import LogEvent, globalLogPublisher

from pyconchat.config import Config, LimitsConfig
from pyconchat.doors.factory import ChatFactory
from pyconchat.server.log import format_line
from pyconchat.sessions.portal import login_portal
from pyconchat.store import SqlStore
from pyconchat.testing import make_chat, services_of
from tests.support.connections import Connect, OpenDoor, TestConnection
from tests.support.programs import MemoryServer


@pytest.fixture
def open_door(store: SqlStore, clock: Clock) -> Iterator[OpenDoor]:
    """Open a line door with these limits; the result connects to it."""
    factories: list[ChatFactory] = []

    def open_(**limits: Any) -> Connect:
        config = Config(limits=LimitsConfig(**limits))
        chat = make_chat(store, clock, config)
        services = services_of(chat)
        factory = ChatFactory(services, login_portal(services), clock)
        factory.open_doors.start()
        factories.append(factory)

        def connect(
            newline: str = "\n", host: str = "192.0.2.1", silent: bool = False
        ) -> TestConnection:
            return TestConnection(factory, clock, newline, host, silent)

        return connect

    yield open_
    for factory in factories:
        factory.open_doors.stop()


@pytest.fixture
def server(store: SqlStore, clock: Clock) -> Iterator[MemoryServer]:
    """A server in memory without rate limits."""
    server = MemoryServer(store, clock)
    yield server
    server.stop()


@pytest.fixture
def connect(open_door: OpenDoor) -> Connect:
    """Connect to a door with the default limits, without a message rate."""
    return open_door(messages_per_second=0)


@pytest.fixture
def failures() -> Iterator[list[object]]:
    """Collect everything that is logged as a failure."""
    found: list[object] = []

    def observe(event: dict[str, Any]) -> None:
        if event.get("log_failure") is not None or event["log_level"].name in ("error", "critical"):
            found.append(event.get("log_failure") or event["log_format"])

    globalLogPublisher.addObserver(observe)  # type: ignore[arg-type]
    yield found
    globalLogPublisher.removeObserver(observe)  # type: ignore[arg-type]


@pytest.fixture
def log() -> Iterator[Callable[[], list[str]]]:
    """Return the lines that the server prints, without the time."""
    events: list[LogEvent] = []
    globalLogPublisher.addObserver(events.append)
    yield lambda: [line.split(" ", 1)[1] for each in events if (line := format_line(each))]
    globalLogPublisher.removeObserver(events.append)
