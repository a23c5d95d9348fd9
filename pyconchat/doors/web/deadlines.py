"""Deadlines: how long a client may take for a request, for a response, and between them."""

from __future__ import annotations

from enum import Enum, auto

from pyconchat.doors.web.reader import RequestReader

__all__ = ["MAX_HEAD_SECONDS", "MAX_IDLE", "MAX_LINGER", "MAX_STALL", "Deadlines", "Late"]

MAX_HEAD_SECONDS = 10.0
"""Maximum seconds from the first byte of a request to the end of its body, if it is a short one."""

MAX_IDLE = 15.0
"""Maximum seconds before the next request."""

MAX_STALL = 30.0
"""Maximum seconds in which a client reads nothing of a response."""

MAX_LINGER = 2.0
"""Maximum seconds in which a last response may arrive while the client is still sending."""


class Late(Enum):
    """What a client has not done in time."""

    RECEIVE = auto()
    """Read of a response."""
    SEND = auto()
    """Send the rest of a request."""
    ASK = auto()
    """Begin with a request."""


class Deadlines:
    """The deadlines of one connection; times are in seconds of the reactor's clock."""

    def __init__(self) -> None:
        self._since = 0.0  # when the present state began
        self.full = False
        """Whether the client does not read the response."""

    def restart(self, now: float) -> None:
        """Begin with the full time: the client was in time."""
        self._since = now

    def fill(self, full: bool, now: float) -> None:
        """Note that there is, or is no more, something to read that the client has not read."""
        self.full, self._since = full, now

    def passed(self, now: float, reader: RequestReader) -> Late | None:
        """Return how the client is late; None if it is not."""
        waited = now - self._since
        if self.full:
            return Late.RECEIVE if waited >= MAX_STALL else None
        if reader.has_begun:
            return Late.SEND if waited >= MAX_HEAD_SECONDS and not reader.has_body else None
        return Late.ASK if waited >= MAX_IDLE else None
