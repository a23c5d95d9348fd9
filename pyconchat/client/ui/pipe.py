"""Pipe: every line of standard input becomes a message, and the end comes when all are stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer, IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from pyconchat.client.lines import LineFormatter, plain
from pyconchat.client.net.connection import IN_DOUBT, Link, State
from pyconchat.client.net.json_protocol import Object
from pyconchat.client.net.login import ClientLogin
from pyconchat.domain.text import safe_text
from pyconchat.net.connection import IConnection, Lifecycle
from pyconchat.net.lines import BoundedLineReceiver

__all__ = ["Pipe"]

MAX_UNDER_WAY = 256
"""Maximum messages without the server's answer; then no more lines are sent or read."""

PATIENCE = 60.0
"""Seconds without a server, or without an answer, after which the client gives up."""

MAX_CHARACTER_BYTES = 4
"""Bytes of a character in UTF-8 (RFC 3629, section 3)."""


class Pipe(BoundedLineReceiver):
    """Sends the lines of standard input to *group*; without one, runs them at the front desk.

    The answers go to standard output; *finished* gets at the end why it failed, or "".
    *wall_clock* returns the time in seconds since the epoch, as `time.time` does.
    """

    MAX_LENGTH = 1_048_576  # bytes; a line is split into messages

    def __init__(
        self,
        reactor: IReactorTime,
        endpoint: IStreamClientEndpoint,
        login: ClientLogin,
        group: str,
        finished: Callable[[str], None],
        wall_clock: Callable[[], float],
    ) -> None:
        super().__init__()
        self.clock = reactor
        self._group = group
        self._finished = finished
        self._lifecycle = Lifecycle.OPEN
        self._joined = not group
        self._current_group = ""  # to which a command at the front desk has led
        self._line_bytes = 4096
        self._failed: list[str] = []
        self._formatter = LineFormatter(wall_clock)
        self._output = _Output(self.deliverLines)
        self._timeout = reactor.callLater(PATIENCE, self._timed_out)
        self.link = Link(reactor, endpoint, login, self)

    def written(self) -> Deferred[None]:
        """Close standard output; fire when all answers are written, or cannot be."""
        return self._output.close()

    # Standard input and output.

    def connectionMade(self) -> None:
        self._output.open(cast(IConnection, self.transport))

    def readyForLine(self) -> bool:
        if self._lifecycle is Lifecycle.CLOSING or not self._joined or self._output.paused:
            return False
        # At the front desk one at a time: a command may lead to a group.
        return self.link.under_way < (MAX_UNDER_WAY if self._group else 1)

    def lineReceived(self, line: bytes) -> None:
        text = line.decode(errors="replace").removesuffix("\r")
        if not text.strip():
            return
        if not self._group:
            target = {"group": self._current_group} if self._current_group else {}
            self.link.ask(self._answered, line=text, **target)
            return
        for piece in _pieces(text, self._line_bytes):
            shown = safe_text(piece)
            if shown and not shown.isspace():
                self.link.ask(self._answered, group=self._group, text=piece)

    def lineLengthExceeded(self, line: bytes) -> None:
        self._failed.append("a line was longer than a megabyte")

    def deliverLines(self) -> None:
        super().deliverLines()
        self._check_progress()

    def inputEnded(self) -> None:
        if self._lifecycle is Lifecycle.OPEN:
            self._lifecycle = Lifecycle.INPUT_ENDED

    def writeConnectionLost(self) -> None:
        """Nobody reads the answers: discard them, and still send the rest of the input."""
        self._output.lost()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._output.lost()

    # What the link reports.

    def said_hello(self, hello: Object) -> None:
        """Enter the group, if that is needed."""
        self._extend_timeout()
        limit = hello.get("line_bytes")
        if isinstance(limit, int) and limit >= MAX_CHARACTER_BYTES:
            self._line_bytes = limit
        if not self._group:
            self.deliverLines()
            return
        self._joined = False
        self.link.ask_quietly(self._entered, line=f"/join {self._group}")

    def happened(self, event: Object) -> None:
        """Events are not shown."""

    def changed(self, state: State) -> None:
        """The link reconnects by itself."""

    def failed(self, problem: str) -> None:
        """The link tries again; the last problem is reported when the time is up."""

    def in_doubt(self, lines: Sequence[str]) -> None:
        """Count what may not have arrived: a guest cannot send it again safely."""
        self._failed += [f"may not have arrived: {safe_text(line)}" for line in lines]

    def ended(self, why: str) -> None:
        """Fail: the link will not connect again."""
        self._finish(why or "the server ended the session")

    def _entered(self, answer: Object) -> None:
        if answer.get("code") == IN_DOUBT:
            return  # it is asked again
        if answer.get("type") == "entered":
            self._group = str(answer.get("group"))
            self._joined = True
            self.deliverLines()
        else:
            self._finish(str(answer.get("error") or "the group's admin has to approve first"))

    def _answered(self, answer: Object) -> None:
        self._extend_timeout()
        if answer.get("code") == IN_DOUBT:
            pass  # counted by `in_doubt`
        elif answer.get("ok") is not True:
            self._failed.append(str(answer.get("error") or "the server said no"))
        elif not self._group:
            if answer.get("type") in ("entered", "desk"):
                self._current_group = str(answer.get("group") or "")
            for line in self._formatter.answer(answer, None):
                self._output.write(plain(line))
        self.deliverLines()

    # Until all is answered.

    def _check_progress(self) -> None:
        """Finish after the last answer; else see that the server is not awaited for ever."""
        unanswered = self.waitingLines + self.link.under_way
        if self._lifecycle is Lifecycle.INPUT_ENDED and self._joined and not unanswered:
            self._finish("")
        self._set_timeout(waiting=not self._joined or unanswered > 0)

    def _extend_timeout(self) -> None:
        """Give the server the whole time again: it has logged us in, or answered."""
        if self._timeout.active():
            self._timeout.reset(PATIENCE)

    def _set_timeout(self, waiting: bool) -> None:
        """Run the timeout only while the server owes an answer."""
        if waiting and not self._timeout.active() and self._lifecycle is not Lifecycle.CLOSING:
            self._timeout = self.clock.callLater(PATIENCE, self._timed_out)
        elif not waiting and self._timeout.active():
            self._timeout.cancel()

    def _timed_out(self) -> None:
        problem = f": {self.link.problem}" if self.link.problem else ""
        self._finish(f"no answer from the server for {PATIENCE:.0f} s{problem}")

    def _finish(self, why: str) -> None:
        if self._lifecycle is Lifecycle.CLOSING:
            return
        self._lifecycle = Lifecycle.CLOSING
        if self._timeout.active():
            self._timeout.cancel()
        unanswered = self.waitingLines + self.link.under_way
        reasons = list(dict.fromkeys([*([why] if why else []), *self._failed]))
        failed = len(self._failed) + (unanswered if why else 0)
        self._finished(f"{failed} not sent: {'; '.join(reasons[:5])}" if reasons else "")


@implementer(IPushProducer)
class _Output:
    """Standard output. *resumed* is called when its reader has caught up, or no longer exists."""

    def __init__(self, resumed: Callable[[], None]) -> None:
        self.paused = False
        self._resumed = resumed
        self._transport: IConnection | None = None
        self._closed: Deferred[None] | None = None

    def open(self, transport: IConnection) -> None:
        self._transport = transport
        transport.registerProducer(self, True)

    def write(self, line: str) -> None:
        """Write *line*; discard it if nobody reads it."""
        if self._transport is not None:
            self._transport.write(f"{line}\n".encode())

    def close(self) -> Deferred[None]:
        """Close after the last byte; fire when that is written, or cannot be."""
        self._closed = Deferred()
        closed = self._closed
        if self._transport is None:
            closed.callback(None)
        else:
            self._transport.unregisterProducer()
            self._transport.loseConnection()
        return closed

    def lost(self) -> None:
        """Nobody reads the output any more."""
        self._transport = None
        if self._closed is not None and not self._closed.called:
            self._closed.callback(None)
        self.resumeProducing()

    # What the transport calls.

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        self.paused = False
        self._resumed()

    def stopProducing(self) -> None:
        """Followed by the end of the connection, which is handled."""


def _pieces(line: str, limit: int) -> list[str]:
    """Return *line* in messages of at most *limit* bytes, cut between characters."""
    pieces: list[str] = []
    rest = line.encode()
    while len(rest) > limit:
        end = limit
        while rest[end] & 0xC0 == 0x80:  # in the middle of a character (RFC 3629, 3)
            end -= 1
        pieces.append(rest[:end].decode())
        rest = rest[end:]
    return [*pieces, rest.decode()]
