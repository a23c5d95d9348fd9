"""Interfaces between the connection, the session and the screen."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Protocol

from twisted.internet.defer import Deferred

from pyconchat.client.lines import Line
from pyconchat.client.net.json_protocol import Object

__all__ = [
    "UNCONFIRMED",
    "Cancelled",
    "ConnectionListener",
    "ConnectionState",
    "GaveUp",
    "Login",
    "LoginRefused",
    "Screen",
]

UNCONFIRMED = "unconfirmed"
"""The client's own error code for a request that the server may or may not have carried out."""


class ConnectionState(Enum):
    """The state of a `ServerConnection`; the value is displayed to the person."""

    CONNECTING = "connecting"
    LOGGING_IN = "logging in"
    CATCHING_UP = "catching up"
    LIVE = "connected"
    WAITING = "reconnecting"
    ENDED = "disconnected"


class GaveUp(Exception):
    """Connecting failed permanently. The message is the reason, or ""."""


class LoginRefused(ConnectionError):
    """The server refuses temporarily; a retry after *wait* seconds may succeed."""

    def __init__(self, sentence: str, wait: float) -> None:
        super().__init__(sentence)
        self.wait = wait


class Cancelled(Exception):
    """The person did not answer a question."""


class Login(Protocol):
    """Provides the name and the password, or asks for them."""

    async def hello(self, refused: Object | None) -> Object:
        """Return the fields of the hello to send first, or after the answer *refused*.

        Raises `GaveUp`.
        """
        ...

    def accepted(self, hello: Object) -> None:
        """Called with the server's answer to the hello that it accepted."""


class ConnectionListener(Protocol):
    """Receives the answers and events of a `ServerConnection`."""

    def logged_in(self, hello: Object) -> None:
        """Called after each login with the server's answer to the hello."""

    def event_received(self, event: Object) -> None:
        """Called with each event once, in order."""

    def state_changed(self, state: ConnectionState) -> None:
        """Called when the state has changed."""

    def connecting_failed(self, problem: str) -> None:
        """Called with the reason when connecting has failed; the connection retries."""

    def unconfirmed(self, lines: Sequence[str]) -> None:
        """Called with the unconfirmed lines: the server may or may not have received them.

        Only guests have them: the server cannot recognize requests of their last connection.
        """

    def connection_ended(self, reason: str) -> None:
        """Called when the connection ended for good; *reason* is "" after a wanted end."""


class Screen(Protocol):
    """The input and output of a person.

    *keeps_typed* is True if a typed line stays visible, so its message is not displayed again.
    """

    keeps_typed: bool

    def show(self, lines: Sequence[Line]) -> None:
        """Display *lines* below the earlier output."""

    def ask(self, question: str, secret: bool) -> Deferred[str]:
        """Ask *question*; a *secret* answer is not shown. Fails with `Cancelled`."""
        ...

    def refresh(self) -> None:
        """Show the current state of the session."""
