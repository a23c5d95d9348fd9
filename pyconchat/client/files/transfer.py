"""Transfer: the base of uploads and downloads: progress, attempts and timeouts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, cast

from twisted.application.internet import backoffPolicy
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.protocols.policies import TimeoutMixin
from twisted.python.failure import Failure

from pyconchat.net.connection import IConnection

__all__ = [
    "MAX_ANSWER_BYTES",
    "MAX_IDLE",
    "Interrupted",
    "Network",
    "RefusedForNow",
    "Transfer",
    "TransferFailed",
    "TransferProtocol",
]

MAX_FAILURES = 8
"""Maximum attempts in a row that transfer nothing; then the transfer fails."""

MAX_IDLE = 60
"""Maximum seconds in which no byte is transferred; then the connection is aborted."""

MAX_STALE = 90.0
"""Maximum seconds until the server has noticed the end of an earlier attempt's connection."""

MAX_ANSWER_BYTES = 1024
"""Maximum bytes of the server's answer, which is one line."""


class TransferFailed(Exception):
    """The transfer failed permanently; the message is one line."""


class Interrupted(Exception):
    """An attempt failed; another may succeed."""


class RefusedForNow(Interrupted):
    """The server refused an attempt; it may not have noticed the end of an earlier one."""


class Network(NamedTuple):
    """The context of a transfer: *run* runs a function that may block in a thread."""

    reactor: IReactorTime
    endpoint: IStreamClientEndpoint
    run: Callable[..., Deferred[Any]]


class Transfer:
    """The transfer of the file *name* with *size* bytes, of which *done* were transferred."""

    verb = ""

    def __init__(self, network: Network, name: str, size: int) -> None:
        self.name = name
        self.size = size
        self.done = 0
        self._network = network
        self._seconds = network.reactor.seconds
        self._started = self._seconds()
        self._done_before = 0  # in earlier attempts

    @property
    def rate(self) -> float:
        """Return the bytes per second of this attempt."""
        seconds = self._seconds() - self._started
        return (self.done - self._done_before) / seconds if seconds > 0.1 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Return the seconds until the end at the current rate, if that is known."""
        return (self.size - self.done) / self.rate if self.rate > 0 else None

    def _start_attempt(self, done: int) -> None:
        """Record that *done* bytes were transferred before this attempt."""
        self.done = self._done_before = done
        self._started = self._seconds()

    def _moved(self, count: int) -> None:
        self.done += count

    async def _connect(self, protocol: TransferProtocol) -> None:
        await self._network.endpoint.connect(Factory.forProtocol(lambda: protocol))

    async def _retry(self, attempt: Callable[[], Deferred[None]]) -> None:
        """Make attempts until one succeeds. Raises `TransferFailed`."""
        wait, failures = backoffPolicy(0.2, 10.0, factor=1.7), 0
        begun = self._seconds()
        while True:
            done_before = self.done
            try:
                await attempt()
                return
            except TransferFailed:
                raise
            except RefusedForNow as problem:
                failures += 1
                if self._seconds() - begun > MAX_STALE:
                    raise TransferFailed(f"{self.name}: {problem}") from None
            except Exception as problem:  # connecting fails with exceptions of many types
                failures = 1 if self.done > done_before else failures + 1
                if failures >= MAX_FAILURES:
                    raise TransferFailed(f"{self.name}: {problem}") from None
            await deferLater(self._network.reactor, wait(failures))


class TransferProtocol(Protocol, TimeoutMixin):
    """One connection of a transfer, which begins with the line *header*."""

    def __init__(self, network: Network, header: str) -> None:
        self._call_later = network.reactor.callLater
        self._header = header.encode()

    @property
    def connection(self) -> IConnection:
        """Return the transport."""
        return cast(IConnection, self.transport)

    def connectionMade(self) -> None:
        self.limit_idle(MAX_IDLE)
        self.connection.write(self._header)

    def limit_idle(self, seconds: int | None) -> None:
        """Abort after *seconds* from now, unless called again; None: not at all."""
        self.setTimeout(seconds)  # type: ignore[no-untyped-call]  # Twisted's has no types

    def callLater(self, period: float, func: Callable[[], None]) -> IDelayedCall:
        return self._call_later(period, func)

    def timeoutConnection(self) -> None:
        self.connection.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.limit_idle(None)
