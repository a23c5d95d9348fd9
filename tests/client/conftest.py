"""Clients without a network: a server in memory, a clock, and whoever listens."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher

from pyconchat.client.net.address import Address
from pyconchat.client.net.login import ClientLogin
from pyconchat.client.net.saved import Folder
from pyconchat.client.session import ClientSession, Files
from tests.client.fake_server import FakeScreen, FakeServer, Recorder

NOON = 1_795_262_400.0
"""Seconds since the epoch: 2026-11-21 12:00:00 UTC."""


@pytest.fixture
def fake(clock: Clock) -> FakeServer:
    return FakeServer(clock)


@pytest.fixture
def listener() -> Recorder:
    return Recorder()


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "state" / "client")


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Have local time be UTC, or what the fixture is called with."""

    def zone(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    zone("UTC")
    yield zone
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def complaints() -> Iterator[list[str]]:
    """Collect what is logged as a failure."""
    found: list[str] = []

    def observe(event: Any) -> None:
        if event.get("log_failure") is not None:
            found.append(str(event["log_failure"]))

    globalLogPublisher.addObserver(observe)
    yield found
    globalLogPublisher.removeObserver(observe)


class At:
    """A session at a fake screen, with the wall clock at *wall* seconds since the epoch."""

    def __init__(
        self, fake: FakeServer, folder: Folder, address: Address, guest: bool, **files: Any
    ) -> None:
        self.fake = fake
        self.clock = fake.clock
        self.began = NOON
        self.screen = FakeScreen()
        self.ends: list[str] = []
        self.login = ClientLogin(
            address, folder, self._ask, self._tell, None if guest else "pass-word", guest
        )
        self.session = ClientSession(
            fake.clock,
            address,
            fake,
            self.login,
            self.ends.append,
            Files(folder.path, files.get("auto_get", -1), maybeDeferred),
            lambda: self.began + self.clock.seconds(),
        )
        self.session.screen = self.screen

    async def _ask(self, question: str, secret: bool) -> str:
        return await self.screen.ask(question, secret)

    def _tell(self, line: str) -> None:
        raise AssertionError(line)

    def enters(self, *groups: str, **fields: Any) -> At:
        """Come in, already a member of *groups*, and go to the first."""
        from tests.client.fake_server import member_of

        self.session.start()
        self.fake.call.lets_in(groups=member_of(*groups), **fields)
        if len(groups) > 1:
            self.session.go(groups[0])
        for request in self.fake.call.hears():
            assert request["line"] == "/members"
            self.fake.call.answers(request, type="members", group=request["group"], members=[])
        self.screen.sees()
        return self

    def types(self, *lines: str) -> list[dict[str, Any]]:
        """Type *lines*; return what the server hears."""
        for line in lines:
            self.session.typed(line)
        return self.fake.call.hears()

    def sees(self) -> list[str]:
        return self.screen.sees()


Sit = Callable[..., At]


@pytest.fixture
def sit(fake: FakeServer, folder: Folder, utc: object) -> Sit:
    """Make a session: of alice, who is registered, or a *guest*, at host/*group*."""

    def make(group: str = "", guest: bool = False, **files: Any) -> At:
        return At(fake, folder, Address("host", 8000, "alice", group), guest, **files)

    return make


__all__ = ["NOON", "At", "Deferred", "Sit"]
