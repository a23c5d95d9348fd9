"""The timeout for running without a person."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from pyconchat.client.net.connection import ServerConnection

__all__ = ["MAX_SECONDS", "ServerTimeout"]

MAX_SECONDS = 60.0
"""Maximum seconds without a connection, or without an answer; then the client gives up."""


class ServerTimeout:
    """Calls *gave_up* with a sentence when it has run for `MAX_SECONDS`."""

    def __init__(
        self,
        reactor: IReactorTime,
        connection: ServerConnection,
        gave_up: Callable[[str], None],
    ) -> None:
        self._reactor = reactor
        self._connection = connection
        self._gave_up = gave_up
        self._call: IDelayedCall | None = None

    def start(self) -> None:
        """Begin to run, unless it runs already."""
        if self._call is None:
            self._call = self._reactor.callLater(MAX_SECONDS, self._time_out)

    def extend(self) -> None:
        """Give the server the whole time again, if the timeout runs."""
        if self._call is not None:
            self._call.reset(MAX_SECONDS)

    def stop(self) -> None:
        """Do not run any more."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _time_out(self) -> None:
        self._call = None
        problem = f": {self._connection.problem}" if self._connection.problem else ""
        self._gave_up(f"no answer from the server for {MAX_SECONDS:.0f} s{problem}")
