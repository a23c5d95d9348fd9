"""A connection to PostgreSQL for one thread, in which another thread can interrupt every wait.

With psycopg's own connections, waits have no time limit and cannot be interrupted.
"""

from __future__ import annotations

import os
import select
from collections.abc import Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from psycopg.pq.abc import PGconn, PGresult

__all__ = [
    "ConnectionFailed",
    "Interrupted",
    "Interrupts",
    "PostgresConnection",
    "StatementFailed",
]

SECONDS = 5.0
"""Maximum seconds to connect, and for one statement."""

_READ, _WRITE = select.POLLIN, select.POLLOUT


class ConnectionFailed(Exception):
    """Connecting failed, or the connection is lost; the message is one line."""


class StatementFailed(Exception):
    """PostgreSQL refuses a statement; the message is one line."""


class Interrupted(Exception):
    """The thread must end, or reconnect."""


class Interrupts:
    """Wakes a waiting thread, with a reason. Other threads call `wake`, `reconnect` and `end`."""

    def __init__(self) -> None:
        self.ending = False
        self._reconnecting = False
        self._event = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def wake(self) -> None:
        """End the wait: there is something to do."""
        os.eventfd_write(self._event, 1)

    def reconnect(self) -> None:
        """Interrupt the thread, which must reconnect."""
        self._reconnecting = True
        self.wake()

    def end(self) -> None:
        """Interrupt the thread, which must end."""
        self.ending = True
        self.wake()

    def wait(self, seconds: float, socket: int = -1, events: int = 0) -> int:
        """Wait for *events* of *socket*, for `wake`, or *seconds*; return the events.

        Raises `Interrupted`.
        """
        poll = select.poll()
        poll.register(self._event, _READ)
        if socket >= 0:
            poll.register(socket, events)
        happened = dict(poll.poll(max(0, seconds) * 1000))
        if happened.pop(self._event, 0):
            os.eventfd_read(self._event)
        if self.ending:
            raise Interrupted("the bus stops")
        if self._reconnecting:
            self._reconnecting = False
            raise Interrupted("PostgreSQL does not answer")
        return happened.get(socket, 0)

    def close(self) -> None:
        """Close the descriptor. Call it when the thread has ended and nobody wakes it."""
        os.close(self._event)


class PostgresConnection:
    """A connection by *conninfo*, libpq's connection string.

    All methods raise `ConnectionFailed` and `Interrupted`.
    """

    def __init__(self, conninfo: str, interrupts: Interrupts) -> None:
        from psycopg import pq

        self._interrupts = interrupts
        self._connection: PGconn = pq.PGconn.connect_start(conninfo.encode())
        try:
            self._connect(pq.PollingStatus)
            self._connection.nonblocking = 1
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Disconnect."""
        self._connection.finish()

    def execute(self, statement: bytes, *parameters: bytes) -> PGresult:
        """Execute *statement*; return the result. Raises `StatementFailed`."""
        from psycopg import Error
        from psycopg.pq import ExecStatus

        try:
            self._connection.send_query_params(statement, parameters)
            result = self._result()
        except Error as error:
            raise self._failed(error) from None
        if result.status not in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK):
            raise StatementFailed(_line_of(result.error_message))
        return result

    def notifications(self) -> Sequence[Any]:
        """Return the next notifications, at least one; each has `be_pid` and `extra`."""
        while not (received := self._received()):
            self.wait_for_input(SECONDS)
        return received

    def wait_for_input(self, seconds: float) -> None:
        """Wait until the server sends data, for `Interrupts.wake`, or *seconds*."""
        from psycopg import Error

        if self._interrupts.wait(seconds, self._connection.socket, _READ):
            try:
                self._connection.consume_input()
            except Error as error:
                raise self._failed(error) from None

    def _received(self) -> Sequence[Any]:
        received = []
        while (each := self._connection.notifies()) is not None:
            received.append(each)
        return received

    def _connect(self, status: Any) -> None:
        deadline = monotonic() + SECONDS
        while (polled := self._connection.connect_poll()) != status.OK:
            if polled == status.FAILED:
                raise ConnectionFailed(_line_of(self._connection.error_message))
            self._wait(_READ if polled == status.READING else _WRITE, deadline)

    def _result(self) -> PGresult:
        """Send the statement, and return its result."""
        deadline = monotonic() + SECONDS
        while self._connection.flush():
            if self._wait(_READ | _WRITE, deadline) & _READ:
                self._connection.consume_input()
        last = None
        while True:
            while self._connection.is_busy():
                self._wait(_READ, deadline)
                self._connection.consume_input()
            result = self._connection.get_result()
            if result is None:
                break
            last = result
        if last is None:
            raise ConnectionFailed("PostgreSQL has sent no result")
        return last

    def _wait(self, events: int, deadline: float) -> int:
        """Wait for *events* of the socket. A mere `wake` does not end it."""
        while monotonic() < deadline:
            seconds = deadline - monotonic()
            happened = self._interrupts.wait(seconds, self._connection.socket, events)
            if happened:
                return happened
        raise ConnectionFailed(f"no answer for {SECONDS:g} seconds")

    def _failed(self, error: Exception) -> ConnectionFailed:
        return ConnectionFailed(_line_of(self._connection.error_message) or str(error))


def _line_of(message: bytes | str) -> str:
    """Return the first line of libpq's *message*."""
    text = message.decode("utf-8", "replace") if isinstance(message, bytes) else message
    return next(iter(text.strip().splitlines()), "")
