"""IdleTimer: ends a transfer in which no bytes have moved for a time."""

from __future__ import annotations

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from pyconchat.net.connection import IConnection, plain_socket, unacknowledged

__all__ = ["IdleTimer"]


class IdleTimer:
    """Aborts *connection* after *seconds* without progress (0: never), once it has been started.

    A peer that reads slowly makes progress too: the bytes that its kernel has not acknowledged
    become fewer.
    """

    def __init__(self, reactor: IReactorTime, seconds: float, connection: IConnection) -> None:
        self._reactor = reactor
        self._seconds = seconds
        self._connection = connection
        self._socket = plain_socket(connection)
        self._unread = 0  # bytes that the peer had not acknowledged at the last check
        self._timer: IDelayedCall | None = None

    def restart(self) -> None:
        """Start, or start again: bytes have moved."""
        if self._timer is not None and self._timer.active():
            self._timer.reset(self._seconds)
        elif self._seconds > 0:
            self._unread = unacknowledged(self._socket)
            self._timer = self._reactor.callLater(self._seconds, self._check)

    def stop(self) -> None:
        """Stop: the peer has nothing to do now."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def _check(self) -> None:
        previous, self._unread = self._unread, unacknowledged(self._socket)
        if self._unread != previous:
            self._timer = self._reactor.callLater(self._seconds, self._check)
        else:
            self._connection.abortConnection()
