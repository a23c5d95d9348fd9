"""A person at a session of the client, without a network or a terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from twisted.internet.defer import maybeDeferred

from pyconchat.client.files.transfers import FileSettings
from pyconchat.client.lines import server_line
from pyconchat.client.net.address import Address
from pyconchat.client.net.login import ClientLogin
from pyconchat.client.net.saved import SavedState
from pyconchat.client.session import ClientSession
from tests.client.fakes import FakeConnection, FakeScreen, FakeServer, groups_in_hello

__all__ = ["NOON", "MakeSession", "SessionUser"]

NOON = 1_795_262_400.0
"""Seconds since the epoch: 2026-11-21 12:00:00 UTC."""


class SessionUser:
    """Somebody at a session with a fake screen.

    *started* is what the wall clock shows when the reactor's clock is at 0. *ends* are the
    reasons with which the session finished.
    """

    def __init__(
        self, fake: FakeServer, saved: SavedState, address: Address, guest: bool, **files: Any
    ) -> None:
        self.fake = fake
        self.saved = saved
        self.clock = fake.clock
        self.started = NOON
        self.screen = FakeScreen()
        self.ends: list[str] = []
        self.notices: list[tuple[str, str]] = []  # for the person's own command
        password = None if guest else "pass-word"
        self.login = ClientLogin(address, saved, self._ask, self._notify, password, guest)
        self.session = ClientSession(
            fake.clock,
            address,
            fake,
            self.login,
            self.ends.append,
            FileSettings(saved.path, files.get("auto_get", -1), maybeDeferred),
            lambda: self.started + self.clock.seconds(),
            lambda sender, text: self.notices.append((sender, text)),
            saved.save_view,
        )

    @property
    def server(self) -> FakeConnection:
        """Return the server's end of the newest connection."""
        return self.fake.connection

    async def _ask(self, question: str, secret: bool) -> str:
        return await self.screen.ask(question, secret)

    def _notify(self, line: str) -> None:
        self.screen.show([server_line(line)])

    def starts(self) -> SessionUser:
        """Connect."""
        self.session.start(self.screen)
        return self

    def enters(self, *groups: str, **fields: Any) -> SessionUser:
        """Log in as a member of *groups*, and go to the first."""
        self.starts()
        self.server.accepts_login(groups=groups_in_hello(*groups), **fields)
        if len(groups) > 1:
            self.session.go(groups[0])
        for request in self.server.receives():
            assert request["line"] == "/members"
            group = request["group"]
            self.server.answers(request, type="members", group=group, members=[])
        self.screen.sees()
        return self

    def types(self, *lines: str) -> list[dict[str, Any]]:
        """Type *lines*; return the requests that the server receives."""
        for line in lines:
            self.session.typed(line)
        return self.server.receives()

    def sees(self) -> list[str]:
        """Return the lines shown since the last call."""
        return self.screen.sees()


MakeSession: TypeAlias = Callable[..., SessionUser]
