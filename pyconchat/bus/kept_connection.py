"""A connection that is opened again whenever it is lost, until it is stopped.

Twisted's `ClientService` would count an attempt as successful although the login fails.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IAddress, IDelayedCall, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from pyconchat.bus.delays import Delays

__all__ = ["CONNECT_SECONDS", "IKept", "KeptConnection"]

CONNECT_SECONDS = 5.0
"""Maximum seconds to connect, and again to log in."""


class IKept(Protocol):
    """A protocol that reports when it is logged in, and when the connection is lost."""

    lost: bool
    problem: str
    transport: Any


P = TypeVar("P", bound=IKept)


class KeptConnection(Generic[P]):
    """Connects to *endpoint*.

    *make* builds a protocol. The protocol calls the argument of *make* with itself, when it is
    logged in and when its connection is lost. Then *connected* is called, or *lost* with the
    reason; *lost* is also called when an attempt fails. While logged in, it is `protocol`.
    """

    def __init__(
        self,
        endpoint: IStreamClientEndpoint,
        reactor: Any,
        connected: Callable[[], None],
        lost: Callable[[str], None],
        make: Callable[[Callable[[P], None]], P],
    ) -> None:
        self.delays = Delays()
        self.protocol: P | None = None
        self._endpoint = endpoint
        self._reactor = reactor
        self._connected = connected
        self._lost = lost
        self._factory = _Factory(lambda: make(self._changed))
        self._open: P | None = None
        self._attempt: Deferred[Any] | None = None
        self._later: IDelayedCall | None = None  # the next attempt, or the timeout of this one
        self._ended: Deferred[None] | None = None

    def start(self) -> None:
        """Connect."""
        self._later = None
        self._attempt = self._endpoint.connect(self._factory)
        self._attempt.addTimeout(CONNECT_SECONDS, self._reactor)
        self._attempt.addCallbacks(self._opened, self._failed)

    def stop(self) -> Deferred[None]:
        """Disconnect. Fires when the connection is closed."""
        self._ended = Deferred()
        self._cancel()
        if self._open is not None:
            self.abort()
        elif self._attempt is not None:
            self._attempt.cancel()
        else:
            return succeed(None)
        return self._ended

    def abort(self) -> None:
        """Close the connection at once; a new one is opened unless `stop` was called."""
        if self._open is not None:
            self._open.transport.abortConnection()

    def _opened(self, protocol: P) -> None:
        self._attempt = None
        if protocol.lost:
            return
        self._open = protocol
        if self._ended is not None:
            self.abort()
        elif self.protocol is None:
            self._later = self._reactor.callLater(CONNECT_SECONDS, self._too_late, protocol)

    def _too_late(self, protocol: P) -> None:
        self._later = None
        protocol.problem = f"no login within {CONNECT_SECONDS:g} seconds"
        self.abort()

    def _failed(self, failure: Failure) -> None:
        self._attempt = None
        self._retry(failure.getErrorMessage())

    def _changed(self, protocol: P) -> None:
        """Handle that *protocol* has logged in, or has lost its connection."""
        self._cancel()
        if not protocol.lost:
            self._open = self.protocol = protocol
            self._connected()
            return
        self._open = self.protocol = None
        self._retry(protocol.problem)

    def _retry(self, problem: str) -> None:
        if self._ended is not None:
            if not self._ended.called:
                self._ended.callback(None)
            return
        self._later = self._reactor.callLater(self.delays.next(), self.start)
        self._lost(problem)

    def _cancel(self) -> None:
        if self._later is not None:
            self._later.cancel()
            self._later = None


class _Factory(Factory):
    noisy = False

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make

    def buildProtocol(self, address: IAddress | None) -> Any:
        return self._make()
