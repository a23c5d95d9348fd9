"""HttpLimits: how many HTTP connections and requests one network may have.

The limits of logins (`ConnectionLimits`) are for WebSockets and for ``POST /session`` only: a page
makes a dozen requests before anybody logs in.
"""

from __future__ import annotations

from pyconchat.auth.rate_limits import MAX_KEYS, TokenBucket, is_local
from pyconchat.doors.web.exchange import HttpError

__all__ = ["HttpLimits"]

MAX_OPEN = 32
"""Maximum HTTP connections of one network; a browser opens six, and a WebSocket is not one."""

BURST, RATE = 60, 20.0
"""Requests of one network at once, and per second."""


class HttpLimits:
    """Counts by network (see `network_of`); local ones have no limits: a proxy may be there."""

    def __init__(self) -> None:
        self._open: dict[str, int] = {}
        self._rates: dict[str, TokenBucket] = {}

    def opened(self, network: str) -> bool:
        """Count a connection of *network*, if there is room for it; return whether there is."""
        count = self._open.get(network, 0)
        if count >= MAX_OPEN and not is_local(network):
            return False
        self._open[network] = count + 1
        return True

    def closed(self, network: str) -> None:
        """Stop counting a connection of *network*."""
        count = self._open.pop(network, 0) - 1
        if count > 0:
            self._open[network] = count

    def note_request(self, network: str, now: float) -> None:
        """Count a request. Raises `HttpError` if there are too many."""
        if is_local(network):
            return
        rate = self._rates.pop(network, None)
        if rate is None:
            if len(self._rates) >= MAX_KEYS:
                del self._rates[next(iter(self._rates))]
            rate = TokenBucket(BURST, RATE, now)
        self._rates[network] = rate
        wait = rate.take(now)
        if wait > 0:
            raise HttpError(429, "There are too many requests.", Retry_After=str(int(wait) + 1))
