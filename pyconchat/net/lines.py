"""BoundedLineReceiver: Twisted's LineReceiver with linear work, bounds, and back-pressure.

It splits bytes into lines and does not interpret them. Only its handling of input
differs from `twisted.protocols.basic.LineReceiver`, which copies its whole buffer for each line.
"""

from __future__ import annotations

from typing import cast

from twisted.internet.interfaces import (
    IDelayedCall,
    IHalfCloseableProtocol,
    IReactorTime,
    ITransport,
)
from twisted.protocols.basic import LineReceiver
from zope.interface import implementer

from pyconchat.net.connection import IConnection, Lifecycle

__all__ = ["BoundedLineReceiver"]

MAX_LINES_PER_TURN = 500
"""Maximum lines of one connection that are delivered in one turn of the reactor.

No more are split at once: 64 KiB of line ends would take 10 ms, for each of many connections.
"""


@implementer(IHalfCloseableProtocol)
class BoundedLineReceiver(LineReceiver):
    """Delivers lines that end in LF, in whatever pieces they arrive.

    Each byte is read once, however long a line is and however slowly it arrives. Only LF
    ends a line: `bytes.splitlines` would also split at characters that people type. A CR before
    the LF stays in the line and does not count towards `MAX_LENGTH` (bytes). A line over
    `MAX_LENGTH` is reported once by `lineLengthExceeded` and discarded; the rest of the input is
    still delivered.

    A subclass delays lines by `readyForLine`, and calls `deliverLines` when it may be ready again.
    While complete lines are pending, the transport is paused, so the input buffer is bounded by one
    read. It is also paused while `readyForInput` is false: then a subclass calls `deliverLines`
    later.
    """

    delimiter = b"\n"
    MAX_LENGTH = 4096

    clock: IReactorTime
    """Schedules the delivery of further lines in the next turn; set before there is input."""

    life = Lifecycle.OPEN
    """In the states CLOSING and GONE all input is discarded."""

    # Defaults of the class, so that an idle connection needs no memory for them.
    _skipping = False  # the rest of a line that was too long, or whose beginning was discarded
    _length = 0  # bytes of the incomplete line
    delivering = False
    """True while a line is being handled."""

    _next_turn: IDelayedCall | None = None

    def __init__(self) -> None:
        # They are few, and an empty deque would take 760 bytes. None: a line that was too long.
        self._lines: list[bytes | None] = []
        self._unsplit = b""  # the input after the last of `_lines`
        self._pieces: list[bytes] = []  # of the incomplete line

    # Implemented by subclasses.

    def lineReceived(self, line: bytes) -> None:
        """Handle *line*, without its LF."""
        raise NotImplementedError

    def lineLengthExceeded(self, line: bytes) -> None:
        """Handle a line that was too long. *line* is empty: its bytes were discarded."""
        cast(IConnection, self.transport).abortConnection()

    def readyForLine(self) -> bool:
        """Return whether the next line may be delivered now."""
        return True

    def readyForInput(self) -> bool:
        """Return whether more bytes may be read now."""
        return True

    def allLinesDelivered(self) -> None:
        """Called when no line waits any more."""

    def inputEnded(self) -> None:
        """Called when the peer has ended its input, after the last line was delivered.

        May be called more than once.
        """

    # Called by the transport.

    def makeConnection(self, transport: ITransport) -> None:
        """Begin with a new input: standard input may be opened again after its end."""
        self.life = Lifecycle.OPEN
        super().makeConnection(transport)

    def dataReceived(self, data: bytes) -> None:
        if self.ending:
            return
        if not self.line_mode:
            self.rawDataReceived(data)
            return
        self._split(data)
        self.deliverLines()

    def readConnectionLost(self) -> None:
        """The peer has ended its input: deliver the incomplete line, if there is one."""
        if self.life is not Lifecycle.OPEN:
            return
        self.life = Lifecycle.INPUT_ENDED
        self.deliverLines()

    def writeConnectionLost(self) -> None:
        """Ignored: the server never closes only its own direction."""

    # Called by subclasses.

    def deliverLines(self) -> None:
        """Deliver lines while they may be delivered, then pause or resume the transport."""
        if self.ending or self.delivering or self._next_turn is not None:
            return
        self.delivering = True
        try:
            lines = self._lines
            for _ in range(MAX_LINES_PER_TURN):
                if not ((lines or self.hasLine()) and self.readyForLine()):
                    break
                line = lines.pop(0)
                if line is None:
                    self.lineLengthExceeded(b"")
                else:
                    self.lineReceived(line)
            else:
                if lines or self.hasLine():  # other connections get their turn
                    self._next_turn = self.clock.callLater(0, self._deliver_more)
        finally:
            self.delivering = False
        if self.ending:
            return
        if lines or self.hasLine():
            if not self.paused:
                self.pauseProducing()
            return
        if self.life is Lifecycle.INPUT_ENDED:
            self.inputEnded()
            return
        if not self.readyForInput():
            if not self.paused:
                self.pauseProducing()
        elif self.paused:
            self.paused = False
            cast(IConnection, self.transport).resumeProducing()
        self.allLinesDelivered()

    def setRawMode(self) -> None:
        """Pass all further input to `rawDataReceived`, beginning after the current line."""
        super().setRawMode()
        rest = b"".join(line + self.delimiter for line in self._lines if line is not None)
        rest += b"".join((*self._pieces, self._unsplit))
        self.discardLines()
        if rest:
            self.rawDataReceived(rest)

    def setLineMode(self, extra: bytes = b"") -> None:
        """Deliver lines again; *extra* is input that `rawDataReceived` did not use."""
        self.line_mode = 1
        if extra:
            self.dataReceived(extra)

    @property
    def ending(self) -> bool:
        """Return whether the connection is closing, or closed."""
        return self.life is Lifecycle.CLOSING or self.life is Lifecycle.GONE

    def stopLines(self, life: Lifecycle) -> None:
        """Enter the state *life*, CLOSING or GONE, and discard all input."""
        self.life = life
        self.discardLines()

    @property
    def waitingLines(self) -> int:
        """Return how many complete lines were not delivered yet."""
        return len(self._lines) + self._unsplit.count(self.delimiter)

    @property
    def lineBegun(self) -> bool:
        """Return whether an incomplete line has arrived."""
        return bool(self._pieces) or (
            bool(self._unsplit) and not self._unsplit.endswith(self.delimiter)
        )

    def hasLine(self) -> bool:
        """Return whether there is an undelivered line."""
        if self._lines:
            return True
        if self._unsplit:
            rest, self._unsplit = self._unsplit, b""
            self._split(rest)
        if not self._lines and self._pieces and self.life is Lifecycle.INPUT_ENDED:
            self._lines.append(self._complete(b""))
        return bool(self._lines)

    def discardLines(self) -> None:
        """Discard all lines that were not delivered, and the incomplete one."""
        self._lines.clear()
        self._unsplit = b""
        self._pieces.clear()
        self._length = 0
        if self._next_turn is not None:
            self._next_turn.cancel()
            self._next_turn = None

    def discardInput(self, more: bytes) -> None:
        """Discard all lines that were not delivered, and *more*, which follows them.

        An incomplete line is discarded up to its end.
        """
        if self.lineBegun:
            self._skipping = True
        self.discardLines()
        if more:
            self._skipping = not more.endswith(self.delimiter)

    def _deliver_more(self) -> None:
        self._next_turn = None
        self.deliverLines()

    def _split(self, data: bytes) -> None:
        if self._unsplit:
            self._unsplit += data
            return
        *complete, rest = data.split(self.delimiter, MAX_LINES_PER_TURN)
        if len(complete) == MAX_LINES_PER_TURN:
            self._unsplit, rest = rest, b""
        at_start = not self._pieces and not self._skipping
        if at_start and max(map(len, complete), default=0) <= self.MAX_LENGTH:  # most reads
            self._lines.extend(complete)
            complete = []
        for line in complete:
            if self._skipping:
                self._skipping = False
                continue
            whole = self._complete(line) if self._pieces else line
            fits = len(whole) <= self.MAX_LENGTH + whole.endswith(b"\r")
            self._lines.append(whole if fits else None)
        if rest and not self._skipping:
            self._pieces.append(rest)
            self._length += len(rest)
            if self._length > self.MAX_LENGTH + 1:  # one more, for the CR of a CRLF
                self._lines.append(None)
                self._complete(b"")
                self._skipping = True

    def _complete(self, end: bytes) -> bytes:
        whole = b"".join((*self._pieces, end))
        self._pieces.clear()
        self._length = 0
        return whole
