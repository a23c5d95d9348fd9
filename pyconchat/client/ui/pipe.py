"""Pipe: every line of standard input becomes a message, and the end comes when all are stored."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    IPushProducer,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from pyconchat.client.lines import LineFormatter, plain
from pyconchat.client.net.connection import IN_DOUBT, Link, State
from pyconchat.client.net.json_protocol import Object
from pyconchat.client.net.login import ClientLogin
from pyconchat.domain.text import safe_text
from pyconchat.net.connection import IConnection
from pyconchat.net.lines import LineFramer

__all__ = ["Pipe"]

MAX_UNDER_WAY = 256
"""Lines that wait for the server's answer before no more are read."""

PATIENCE = 60.0
"""Seconds without a server, or without an answer, after which it is given up."""

LONGEST = 1_048_576
"""Bytes in a line of input, which is split into messages; what is longer is cut there."""

MAX_CHARACTER_BYTES = 4
"""Bytes of a character in UTF-8 (RFC 3629, section 3)."""


@implementer(IHalfCloseableProtocol, IPushProducer)
class Pipe(Protocol):
    """Says what comes in to *group*; without one, does what comes in, at the front desk.

    The answers go to standard output; *finished* gets at the end why it failed, or "".
    *wall_clock* returns the time in seconds since the epoch, as `time.time` does.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        endpoint: IStreamClientEndpoint,
        login: ClientLogin,
        group: str,
        finished: Callable[[str], None],
        wall_clock: Callable[[], float],
    ) -> None:
        self._group = group
        self._finished = finished
        self._framer = LineFramer(LONGEST)
        self._lines: deque[str] = deque()
        self._here = ""  # where a command has led
        self._line_bytes = 4096
        self._joined = not group
        self._ended = False
        self._done = False
        self._failed: list[str] = []
        self._said = 0
        self._paused = False
        self._crowded = False  # the reader of the answers is slow
        self._unread = False  # there is none any more
        self._written: Deferred[None] | None = None
        self._reactor = reactor
        self._formatter = LineFormatter(wall_clock)
        self._late = reactor.callLater(PATIENCE, self._too_late)
        self.link = Link(reactor, endpoint, login, self)

    # What standard input does.

    def dataReceived(self, data: bytes) -> None:
        for raw in self._framer.feed(data):
            if raw is None:
                self._failed.append("a line was longer than a megabyte")
            else:
                self._lines.append(raw.decode(errors="replace").removesuffix("\r"))
        self._go_on()

    def readConnectionLost(self) -> None:
        """The input has ended; what it was is still said."""
        self._lines.extend((raw or b"").decode(errors="replace") for raw in self._framer.end())
        self._ended = True
        self._go_on()

    def connectionMade(self) -> None:
        self._output.registerProducer(self, True)

    def writeConnectionLost(self) -> None:
        """Nobody reads the answers: they are not what this is for."""
        self._unread = True
        if self._written is not None:
            self._written.callback(None)
            self._written = None
        self.resumeProducing()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._written is not None:
            self._written.callback(None)
            self._written = None

    def pauseProducing(self) -> None:
        """The reader of the answers is slow: nothing more is asked."""
        self._crowded = True

    def resumeProducing(self) -> None:
        """The reader of the answers has caught up."""
        self._crowded = False
        self._go_on()

    def stopProducing(self) -> None:
        """The output is gone."""

    def written(self) -> Deferred[None]:
        """Fire when all answers are written, or nobody reads them."""
        written: Deferred[None] = Deferred()
        if self._unread or self.transport is None:
            written.callback(None)
        else:
            self._written = written
            self._output.unregisterProducer()
            self._output.loseConnection()
        return written

    @property
    def _output(self) -> IConnection:
        return cast(IConnection, self.transport)

    def _write(self, line: str) -> None:
        if not self._unread:
            self._output.write(f"{line}\n".encode())

    # What the link tells.

    def said_hello(self, hello: Object) -> None:
        """Enter the group, if that is needed."""
        self._heard()
        limit = hello.get("line_bytes")
        if isinstance(limit, int) and limit >= MAX_CHARACTER_BYTES:
            self._line_bytes = limit
        if not self._group:
            self._go_on()
            return
        self._joined = False
        self.link.ask_quietly(self._entered, line=f"/join {self._group}")

    def happened(self, event: Object) -> None:
        """Nothing that others do is shown here."""

    def changed(self, state: State) -> None:
        """The link comes back by itself."""

    def failed(self, problem: str) -> None:
        """The link tries again; if that is no use, this is told at the end."""

    def in_doubt(self, lines: Sequence[str]) -> None:
        """Count what may not have arrived: a guest cannot say it again safely."""
        self._failed += [f"may not have arrived: {safe_text(line)}" for line in lines]

    def ended(self, why: str) -> None:
        """There is no way to the server."""
        self._finish(why or "the server ended the session")

    def _entered(self, answer: Object) -> None:
        if answer.get("code") == IN_DOUBT:
            return  # it is asked again
        if answer.get("type") == "entered":
            self._group = str(answer.get("group"))
            self._joined = True
            self._go_on()
        else:
            self._finish(str(answer.get("error") or "the group's admin has to approve first"))

    # The lines.

    def _go_on(self) -> None:
        ready = self._joined and not self._crowded
        # At the front desk one at a time: a command may lead elsewhere.
        most = MAX_UNDER_WAY if self._group else 1
        while ready and self._lines and self.link.under_way < most:
            self._say(self._lines.popleft())
        full = len(self._lines) >= MAX_UNDER_WAY
        transport = self.transport
        if transport is not None and full is not self._paused and not self._ended:
            self._paused = full
            connection = cast(IConnection, transport)
            if full:
                connection.pauseProducing()
            else:
                connection.resumeProducing()
        if self._ended and self._joined and not self._lines and not self.link.under_way:
            self._finish("")
        self._expect()

    def _say(self, line: str) -> None:
        if not line.strip():
            return
        if not self._group:
            place = {"group": self._here} if self._here else {}
            self.link.ask(self._answered, line=line, **place)
            return
        for part in _pieces(line, self._line_bytes):
            shown = safe_text(part)
            if shown and not shown.isspace():
                self.link.ask(self._answered, group=self._group, text=part)

    def _answered(self, answer: Object) -> None:
        self._heard()
        if answer.get("code") == IN_DOUBT:
            pass  # it has been counted
        elif answer.get("ok") is not True:
            self._failed.append(str(answer.get("error") or "the server said no"))
        elif not self._group:
            if answer.get("type") in ("entered", "desk"):
                self._here = str(answer.get("group") or "")
            for line in self._formatter.answer(answer, None):
                self._write(plain(line))
        self._go_on()

    def _heard(self) -> None:
        """The server has let us in, or answered: it may take as long again."""
        if self._late.active():
            self._late.reset(PATIENCE)

    def _expect(self) -> None:
        """Have patience with the server only while it is its turn."""
        waiting = not self._joined or bool(self._lines) or self.link.under_way > 0
        if waiting and not self._late.active() and not self._done:
            self._late = self._reactor.callLater(PATIENCE, self._too_late)
        elif not waiting and self._late.active():
            self._late.cancel()

    def _too_late(self) -> None:
        problem = f": {self.link.problem}" if self.link.problem else ""
        self._finish(f"no answer from the server for {PATIENCE:.0f} s{problem}")

    def _finish(self, why: str) -> None:
        if self._done:
            return
        self._done = True
        if self._late.active():
            self._late.cancel()
        lost = len(self._lines) + self.link.under_way
        reasons = list(dict.fromkeys([*([why] if why else []), *self._failed]))
        failed = len(self._failed) + (lost if why else 0)
        self._finished(f"{failed} not sent: {'; '.join(reasons[:5])}" if reasons else "")


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
