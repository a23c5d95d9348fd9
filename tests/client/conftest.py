"""Clients without a network: a server in memory, a fake clock, and a recording listener."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher

from pyconchat.client.lines import LineFormatter
from pyconchat.client.net.address import Address
from pyconchat.client.net.saved import SavedState
from tests.client.fakes import FakeServer, Recorder
from tests.client.formatters import SetZone, WallClock, formatter_for_alice
from tests.client.people import MakeSession, SessionUser


@pytest.fixture
def fake(clock: Clock) -> FakeServer:
    return FakeServer(clock)


@pytest.fixture
def listener() -> Recorder:
    return Recorder()


@pytest.fixture
def saved(tmp_path: Path) -> SavedState:
    return SavedState(tmp_path / "state" / "client")


@pytest.fixture
def set_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Make UTC the local time zone, or the one that the fixture is called with."""

    def set_zone(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    set_zone("UTC")
    yield set_zone
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def logged_failures() -> Iterator[list[str]]:
    """Collect the failures that are logged."""
    found: list[str] = []

    def observe(event: Any) -> None:
        if event.get("log_failure") is not None:
            found.append(str(event["log_failure"]))

    globalLogPublisher.addObserver(observe)
    yield found
    globalLogPublisher.removeObserver(observe)


@pytest.fixture
def make_session(fake: FakeServer, saved: SavedState, set_zone: object) -> MakeSession:
    """Create a session at host/*group*, of alice, who is registered, or of a *guest*."""

    def make(group: str = "", guest: bool = False, **files: Any) -> SessionUser:
        return SessionUser(fake, saved, Address("host", 8000, "alice", group), guest, **files)

    return make


@pytest.fixture
def wall_clock(set_zone: SetZone) -> WallClock:
    return WallClock()


@pytest.fixture
def formatter(wall_clock: WallClock) -> LineFormatter:
    return formatter_for_alice(wall_clock)
