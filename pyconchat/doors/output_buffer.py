"""OutputBuffer: the unsent output of one connection, up to a maximum size.

A block is given to the kernel at once if the queue is empty. Bytes that the kernel does not take
are queued without being copied: a block that waits for many slow peers is in memory once. The
queue is passed to the transport piece by piece, each time that the transport is empty.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable
from socket import SO_ERROR, SOL_SOCKET

from twisted.internet.interfaces import IPullProducer, IPushProducer
from zope.interface import implementer

from pyconchat.chat.audience import Send
from pyconchat.net.connection import (
    IConnection,
    ILayered,
    Lifecycle,
    kernel_socket,
    plain_socket,
    unacknowledged,
)

__all__ = ["OutputBuffer"]

MAX_PIECE = 16_384
"""Maximum bytes passed to the transport at once: small, so that a slow peer shows progress."""

_OPEN = Lifecycle.OPEN  # `write` is called for each delivery: a global is read faster


@implementer(IPullProducer, IPushProducer)
class OutputBuffer:
    """The output of *transport*; at most *max_bytes* are queued (0: no maximum).

    *overflow* is called when more are, *drained* each time that the queue becomes empty.
    """

    def __init__(
        self,
        transport: IConnection,
        max_bytes: int,
        overflow: Callable[[], None],
        drained: Callable[[], None],
    ) -> None:
        self._transport = transport
        self._socket = plain_socket(transport)
        self._kernel_socket = kernel_socket(transport)
        self._layered = transport if ILayered.providedBy(transport) else None
        self._send = None if self._socket is None else self._socket.send
        self._max_bytes = max_bytes
        self._overflow = overflow
        self._drained = drained
        self._queue: deque[memoryview] | None = None  # an empty one would take 760 bytes
        self.queued = 0
        self._life = _OPEN
        self._busy = False  # the transport has bytes that it has not sent
        self._moved = False  # the transport took bytes since the last call of `made_progress`
        self._leave: Callable[[], None] | None = None
        self._unacknowledged_before = 0
        if self._send is None:
            transport.registerProducer(self, True)

    def write(self, block: bytes) -> None:
        """Send *block*, or queue it. Does nothing after `finish` and `close`."""
        if self._life is not _OPEN:
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
            except OSError:  # the transport fails at its next write, and reports it
                self._life = Lifecycle.GONE
            if sent == len(block):
                return
        self._enqueue(memoryview(block)[sent:])

    def direct_send(self, leave: Callable[[], None]) -> Send | None:
        """Return how to send a block at once: nothing is queued, and the socket takes bytes.

        *leave* is called when that is no longer so.
        """
        if self._send is None or not self.begin_direct(leave):
            return None
        return self._send

    def begin_direct(self, leave: Callable[[], None]) -> bool:
        """Return whether blocks may be written to the transport directly: nothing is queued.

        *leave* is called when that is no longer so.
        """
        if self._life is not _OPEN or self._busy or self._queue:
            return False
        self._leave = leave
        return True

    def end_direct(self) -> None:
        """Something has to come before the next block, or none is accepted any more."""
        if self._leave is not None:
            leave, self._leave = self._leave, None
            leave()

    def write_rest(self, block: bytes, sent: int) -> None:
        """Queue the unsent part of *block*: the kernel is full, or the connection lost."""
        if self._life is _OPEN:
            self._enqueue(memoryview(block)[sent:])

    def _enqueue(self, rest: memoryview) -> None:
        self.end_direct()
        if self._queue is None:
            self._queue = deque()
        self._queue.append(rest)
        self.queued += len(rest)
        if 0 < self._max_bytes < self.queued:
            self._overflow()
        elif not self._busy and self._send is not None:
            self._busy = True
            # A pull producer: called now, and again each time that the transport is empty.
            self._transport.registerProducer(self, False)

    def resumeProducing(self) -> None:
        """Pass on more: the transport is empty (or, if it is wrapped, has room)."""
        if self._send is None:
            self._busy = False
            while self._queue and not self._busy:
                self._transport.write(self._next(self._queue))
        elif self._queue:
            self._transport.write(self._next(self._queue))
            return
        elif self._busy:
            self._busy = False
            self._transport.unregisterProducer()
        if not self._queue and self._life is not Lifecycle.GONE:
            self._drained()

    def pauseProducing(self) -> None:
        """Pass on nothing for now: the wrapped transport is full."""
        self._busy = True
        self.end_direct()

    def stopProducing(self) -> None:
        """Discard the queue: the connection is lost."""
        self._life = Lifecycle.GONE
        self.end_direct()
        self._queue = None
        self.queued = 0

    @property
    def empty(self) -> bool:
        """Return whether the kernel, or the wrapped transport, has taken everything."""
        return not self._busy and not self._queue

    def acknowledged(self) -> bool:
        """Return whether the peer's kernel has everything, as far as can be known."""
        return self._life is not Lifecycle.GONE and self.empty and self._unacknowledged() == 0

    def made_progress(self) -> bool:
        """Return whether the peer has taken bytes since the last call, or the queue is empty."""
        if self.empty:
            return True
        before, now = self._unacknowledged_before, self._unacknowledged()
        moved = self._moved or now < before
        self._moved, self._unacknowledged_before = False, now
        return moved

    def broken(self) -> bool:
        """Return whether the connection is lost. Asks the kernel (SO_ERROR, socket(7))."""
        if self._life is Lifecycle.GONE or self._kernel_socket is None:
            return self._life is Lifecycle.GONE
        with contextlib.suppress(OSError):
            if self._kernel_socket.getsockopt(SOL_SOCKET, SO_ERROR) == 0:
                return False
        self._life = Lifecycle.GONE  # the kernel reports an error only once
        self.end_direct()
        return True

    def finish(self) -> None:
        """Accept no more blocks. Queued ones are still sent."""
        if self._life is _OPEN:
            self._life = Lifecycle.CLOSING
            self.end_direct()

    def close(self) -> None:
        """Discard the queue and call nobody any more. Call it before the socket is closed."""
        if self._send is None and self._life is not Lifecycle.GONE:
            self._transport.unregisterProducer()  # a wrapped transport would wait for this one
        self.stopProducing()
        # Break the reference cycle here: the cyclic GC runs rarely.
        self._overflow = self._drained = _nothing

    def _next(self, queue: deque[memoryview]) -> bytes:
        pieces: list[memoryview] = []
        size = 0
        while queue and size < MAX_PIECE:
            piece = queue.popleft()
            if size + len(piece) > MAX_PIECE and pieces:
                queue.appendleft(piece)
                break
            if len(piece) > MAX_PIECE:
                queue.appendleft(piece[MAX_PIECE:])
                piece = piece[:MAX_PIECE]
            pieces.append(piece)
            size += len(piece)
        if not queue:
            self._queue = None
        self.queued -= size
        self._moved = True
        return b"".join(pieces)

    def _unacknowledged(self) -> int:
        if self._life is Lifecycle.GONE:
            return 0
        if self._layered is not None:
            return self._layered.unacknowledged()
        return unacknowledged(self._socket)


def _nothing() -> None:
    """Replaces the callbacks of a closed buffer."""
