"""ProtocolDetector: opens the door that the first bytes of a connection ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from twisted.internet.interfaces import (
    IDelayedCall,
    IHalfCloseableProtocol,
    IHandshakeListener,
    INegotiated,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from pyconchat.auth.rate_limits import TooMany
from pyconchat.domain.decisions import MoveCursor
from pyconchat.domain.replies import EndWhy
from pyconchat.doors.door import LINGER, Door
from pyconchat.doors.json.door import JsonDoor
from pyconchat.doors.line.door import LF, LineDoor
from pyconchat.doors.transfer.door import TransferDoor
from pyconchat.net.connection import IConnection, keep_alive

if TYPE_CHECKING:
    from pyconchat.doors.factory import ChatFactory

__all__ = ["ProtocolDetector"]

PAUSE = 0.1
"""Seconds of silence after which a peer is taken for a person, and greeted.

What a program sends at once arrives with the connection itself, however far away it is.
"""


TRANSFERS = (b"upload ", b"download ")
"""How a connection for a file begins."""


@implementer(IHalfCloseableProtocol, IHandshakeListener)
class ProtocolDetector(Protocol):
    """One connection, from its first moment; it stays between the transport and the door."""

    def __init__(self, factory: ChatFactory, network: str) -> None:
        self.network = network
        self._factory = factory
        self.inner: Door | TransferDoor | None = None  # once it is known which
        self._counted = False
        self._opening = b""  # what may become the word for a transfer
        self._greeted = False  # without having said anything
        self._timer: IDelayedCall | None = None

    def connectionMade(self) -> None:
        transport = cast(IConnection, self.transport)
        factory, limits = self._factory, self._factory.limits
        keep_alive(transport, limits.ping_seconds, limits.silence_seconds)
        try:
            factory.connections.opened(self.network, factory.now())
        except TooMany as refused:
            factory.turned_away(refused.cause)
            transport.write(LF.refusal(refused))
            self._timer = factory.reactor.callLater(LINGER, transport.abortConnection)
            transport.loseConnection()
            return
        self._counted = True
        self._deadline = factory.now() + limits.login_seconds
        factory.doors[self] = None
        if not INegotiated.providedBy(transport):
            self._wait()
        elif limits.login_seconds > 0:  # for the handshake, too
            self._timer = factory.reactor.callLater(limits.login_seconds, self._too_slow)

    def handshakeCompleted(self) -> None:
        """TLS has been agreed upon: now the peer can say something."""
        self._wait()

    def dataReceived(self, data: bytes) -> None:
        if not self._counted:
            return  # it is being turned away
        program = data.lstrip().startswith(b"{")
        if self.inner is None:
            self._opening += data
            takes_files = self._factory.chat.sharing is not None
            if takes_files and _may_be_a_transfer(self._opening):
                return
            data, self._opening = self._opening, b""
            if takes_files and data.startswith(TRANSFERS):
                self._open(TransferDoor)
            else:
                self._open(JsonDoor if program else LineDoor)
        elif self._greeted and isinstance(self.inner, LineDoor):
            self._open_for_a_slow_one(data)
        self._greeted = False
        assert self.inner is not None
        self.inner.dataReceived(data)

    def readConnectionLost(self) -> None:
        """The peer says nothing more."""
        if self.inner is None and self._counted:
            self._open(LineDoor)
            self._go_on()
        if self.inner is not None:
            self.inner.readConnectionLost()

    def writeConnectionLost(self) -> None:
        """Nothing is half-closed from this side."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        counted, self._counted = self._counted, False  # nothing may come any more
        if self.inner is not None:
            inner, self.inner = self.inner, None  # who refers to us; else neither would be freed
            inner.connectionLost(reason)
        elif counted:
            self._factory.forget(self)
            self._factory.connections.closed(self.network, False)

    def hang_up(self) -> None:
        """End the connection."""
        cast(IConnection, self.transport).abortConnection()

    def _too_slow(self) -> None:
        self._factory.chat.statistics.dropped[EndWhy.LATE.value] += 1
        self.hang_up()

    def look_after(self, now: float) -> list[MoveCursor]:
        """Nothing was received yet."""
        return []

    def _wait(self) -> None:
        if not self._counted:
            return  # it is being turned away
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        if self.inner is None:
            self._timer = self._factory.reactor.callLater(PAUSE, self._greet)

    def _greet(self) -> None:
        self._greeted = not self._opening
        self._open(LineDoor)
        self._go_on()

    def _go_on(self) -> None:
        """Give the door what came before it."""
        data, self._opening = self._opening, b""
        if data and self.inner is not None:
            self.inner.dataReceived(data)

    def _open_for_a_slow_one(self, data: bytes) -> None:
        """Open another door, if who was taken for a person is a program."""
        assert isinstance(self.inner, LineDoor)
        if data.lstrip().startswith(b"{"):
            self.inner.leave(b"\n")
            self._open(JsonDoor)
        elif data.startswith(TRANSFERS) and self._factory.chat.sharing is not None:
            self.inner.leave(b"\n")
            self._open(TransferDoor)

    def _open(self, kind: type[LineDoor] | type[JsonDoor] | type[TransferDoor]) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
        before, self.inner = self.inner or self, kind(self._factory, self.network)
        if self._factory.limits.login_seconds > 0:  # whatever was before, there is one deadline
            self.inner.patience = max(0.001, self._deadline - self._factory.now())
        self._factory.replace(before, self.inner)
        self.inner.makeConnection(cast(IConnection, self.transport))  # type: ignore[no-untyped-call]


def _may_be_a_transfer(opening: bytes) -> bool:
    """Return whether *opening* is the beginning of a word for a transfer, and no more."""
    return any(word.startswith(opening) and word != opening for word in TRANSFERS)
