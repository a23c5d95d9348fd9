"""OutputBuffer: what is on its way to one peer. Never waits, never grows beyond its bound.

A block is given to the kernel at once if nothing waits before it. What the kernel does not take
is queued here, not copied, so that a block waiting for many slow peers is in memory once, and
handed to the transport piece by piece as it empties.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable
from socket import SO_ERROR, SOL_SOCKET

from twisted.internet.interfaces import IPullProducer, IPushProducer
from zope.interface import implementer

from pyconchat.net.connection import IConnection, plain_socket, unacknowledged

__all__ = ["OutputBuffer"]

PIECE = 16_384
"""Bytes handed to the transport at once: small enough that a slow peer shows progress."""


@implementer(IPullProducer, IPushProducer)
class OutputBuffer:
    """The way to the peer of *transport*; at most *most* bytes wait (0: no bound).

    *overflow* is called when more would, *drained* each time that nothing waits any more.
    """

    def __init__(
        self,
        transport: IConnection,
        most: int,
        overflow: Callable[[], None],
        drained: Callable[[], None],
    ) -> None:
        self._transport = transport
        self._socket = plain_socket(transport)
        self._send = None if self._socket is None else self._socket.send
        self._most = most
        self._overflow = overflow
        self._drained = drained
        self._queue: deque[memoryview] = deque()
        self.queued = 0
        self._busy = False  # the transport has something of ours
        self._closed = False
        self._finished = False
        self._broken = False
        self._moved = False  # something was handed on since `made_progress` was asked
        self._unacknowledged_before = 0
        if self._send is None:
            transport.registerProducer(self, True)

    def write(self, block: bytes) -> None:
        """Send *block*, now or when its turn comes."""
        if self._finished:
            return
        sent = 0
        if not self._busy and not self._queue:
            if self._send is None:
                self._transport.write(block)
                return
            try:
                sent = self._send(block)
            except BlockingIOError:
                sent = 0
            except OSError:  # the transport finds out by itself
                self._broken = True
            if sent == len(block):
                return
        rest = memoryview(block)[sent:]
        self._queue.append(rest)
        self.queued += len(rest)
        if 0 < self._most < self.queued:
            self._overflow()
        elif not self._busy and self._send is not None:
            self._busy = True
            # As a pull producer: called at once, and again each time the transport is empty.
            self._transport.registerProducer(self, False)

    def resumeProducing(self) -> None:
        """Hand on more: the transport is empty (or, if it is wrapped, has room)."""
        if self._send is None:
            self._busy = False
            while self._queue and not self._busy:
                self._transport.write(self._next())
        elif self._queue:
            self._transport.write(self._next())
            return
        elif self._busy:
            self._busy = False
            self._transport.unregisterProducer()
        if not self._queue and not self._closed:
            self._drained()

    def pauseProducing(self) -> None:
        """Hand on nothing for now: the wrapped transport is full."""
        self._busy = True

    def stopProducing(self) -> None:
        """Forget everything: the connection is gone."""
        self._closed = self._finished = True
        self._queue.clear()
        self.queued = 0

    @property
    def empty(self) -> bool:
        """Return whether everything was handed to the kernel (or to what wraps it)."""
        return not self._busy and not self._queue

    def acknowledged(self) -> bool:
        """Return whether the peer's kernel has everything, as far as can be known."""
        return not self._closed and self.empty and self._unacknowledged() == 0

    def made_progress(self) -> bool:
        """Return whether the peer has taken anything since the last call, or nothing waits."""
        if self.empty:
            return True
        before, now = self._unacknowledged_before, self._unacknowledged()
        moved = self._moved or now < before
        self._moved, self._unacknowledged_before = False, now
        return moved

    def broken(self) -> bool:
        """Return whether the connection is known to be broken, as only asking shows (socket(7))."""
        if self._broken or self._socket is None or self._closed:
            return self._broken
        with contextlib.suppress(OSError):
            return self._socket.getsockopt(SOL_SOCKET, SO_ERROR) != 0
        return True

    def finish(self) -> None:
        """Take nothing more; what waits is still sent."""
        self._finished = True

    def close(self) -> None:
        """Send nothing more; the socket is about to be closed, or is."""
        if self._send is None and not self._closed:
            self._transport.unregisterProducer()  # a wrapped transport would wait for us
        self._closed = self._finished = True
        self._queue.clear()

    def forget(self) -> None:
        """Call nobody any more: the connection is gone, and who had it should be freed."""
        self._overflow = self._drained = _nothing

    def _next(self) -> bytes:
        pieces: list[memoryview] = []
        size = 0
        while self._queue and size < PIECE:
            piece = self._queue.popleft()
            if size + len(piece) > PIECE and pieces:
                self._queue.appendleft(piece)
                break
            if len(piece) > PIECE:
                self._queue.appendleft(piece[PIECE:])
                piece = piece[:PIECE]
            pieces.append(piece)
            size += len(piece)
        self.queued -= size
        self._moved = True
        return b"".join(pieces)

    def _unacknowledged(self) -> int:
        return 0 if self._closed else unacknowledged(self._socket)


def _nothing() -> None:
    """Nobody is left to be told."""
