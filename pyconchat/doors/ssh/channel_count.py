"""ChannelCount: counts a session of an SSH connection for the limits."""

from __future__ import annotations

from typing import Any

from pyconchat.doors.connection_limits import CountedConnection

__all__ = ["ChannelCount"]


class ChannelCount:
    """A session of the connection *counted*, for the door of its channel.

    The first that logs in makes the connection one that has logged in; each further one at the same
    time counts as another session of the network.
    """

    def __init__(self, counted: CountedConnection, transport: Any) -> None:
        self.network = counted.network
        self.address = counted.address
        self.reached = counted.reached
        self._transport = transport
        self._open = False

    def logged_in(self) -> None:
        """Count the door's session, which has begun."""
        self._transport.session_begun()
        self._open = True
        self._transport.count_sessions(1)

    def closed(self, now: float) -> None:
        """Count it no longer. The connection is counted until it is closed."""
        if self._open:
            self._open = False
            self._transport.count_sessions(-1)
