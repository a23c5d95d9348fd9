"""Pipe: sends each line of standard input as a message, and ends when all are stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer, IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from pyconchat.client.interfaces import UNCONFIRMED, ConnectionState
from pyconchat.client.lines import LineFormatter, plain_text
from pyconchat.client.net.connection import ServerConnection
from pyconchat.client.net.json_protocol import Object
from pyconchat.client.net.login import ClientLogin
from pyconchat.client.ui.group_entry import GroupEntry
from pyconchat.client.ui.unattended import ServerTimeout
from pyconchat.domain.text import safe_text
from pyconchat.net.connection import IConnection, Lifecycle
from pyconchat.net.lines import BoundedLineReceiver

__all__ = ["Pipe"]

MAX_UNANSWERED = 256
"""Maximum messages without the server's answer; then no more lines are sent or read."""

MAX_CHARACTER_BYTES = 4
"""Bytes of a character in UTF-8 (RFC 3629, section 3)."""


class Pipe(BoundedLineReceiver):
    """Sends the lines of standard input to *group*; without one, as commands at the front desk.

    A group that does not exist is created only with *create*. The answers to commands go to
    standard output. If a command asks a question, the next line is the answer, as at the other
    doors: it may be a password, which must not be said in a group.

    *finished* is called at the end with the reason of a failure, or "". *wall_clock* returns the
    time in seconds since the epoch, as `time.time` does.
    """

    MAX_LENGTH = 1_048_576  # bytes; a line is split into messages

    def __init__(
        self,
        reactor: IReactorTime,
        endpoint: IStreamClientEndpoint,
        login: ClientLogin,
        group: str,
        create: bool,
        finished: Callable[[str], None],
        wall_clock: Callable[[], float],
    ) -> None:
        super().__init__()
        self.clock = reactor
        self._group = group
        self._finished = finished
        self._joined = False  # logged in, and in the group, if there is one
        self._current_group = ""  # entered by a command at the front desk
        self._asking: Object | None = None  # the command that has asked a question
        self._question = ""
        self._why_temporary = ""  # the group
        self._line_bytes = 4096
        self._failed: list[str] = []
        self._formatter = LineFormatter(wall_clock)
        self._output = _Output(self.deliverLines)
        self.connection = ServerConnection(reactor, endpoint, login, self)
        self._entry = GroupEntry(self.connection, group, create, self._entered, self._finish)
        self._timeout = ServerTimeout(reactor, self.connection, self._finish)
        self._timeout.start()

    def written(self) -> Deferred[None]:
        """Close standard output; fire when all answers are written, or cannot be."""
        return self._output.close()

    # Standard input and output.

    def connectionMade(self) -> None:
        self._output.open(cast(IConnection, self.transport))

    def readyForLine(self) -> bool:
        if not self._joined or self._output.paused:
            return False
        # At the front desk one at a time: a command may enter a group.
        return self.connection.unanswered < (MAX_UNANSWERED if self._group else 1)

    def lineReceived(self, line: bytes) -> None:
        text = line.decode(errors="replace").removesuffix("\r")
        if self._asking is not None:
            command, self._asking = self._asking, None
            self._send_command({**command, "answers": [*command.get("answers", []), text]})
            return
        if not text.strip():
            return
        if not self._group:
            target = {"group": self._current_group} if self._current_group else {}
            self._send_command({"line": text, **target})
            return
        # First safe, then cut: a piece must not begin within an escape sequence.
        for piece in _pieces(safe_text(text), self._line_bytes):
            if piece.strip():
                self.connection.ask(self._answered, group=self._group, text=piece)

    def lineLengthExceeded(self, line: bytes) -> None:
        self._failed.append("a line was longer than a megabyte")

    def input_failed(self) -> None:
        """Count the rest of the input as failed: standard input is a folder, or is broken."""
        self._failed.append("standard input could not be read to its end")

    def deliverLines(self) -> None:
        super().deliverLines()
        self._check_progress()

    def writeConnectionLost(self) -> None:
        """The reader of the answers is gone: discard them, and still send the rest of the input."""
        self._output.lost()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._output.lost()

    # Reports of the connection.

    def logged_in(self, hello: Object) -> None:
        """Join the group, if there is one."""
        self._timeout.extend()
        limit = hello.get("line_bytes")
        if isinstance(limit, int) and limit >= MAX_CHARACTER_BYTES:
            self._line_bytes = limit
        self._joined = not self._group
        if self._group:
            self._entry.start()
        else:
            self.deliverLines()

    def event_received(self, event: Object) -> None:
        """Ignore events."""

    def state_changed(self, state: ConnectionState) -> None:
        """Ignore it: the connection reconnects by itself."""

    def connecting_failed(self, problem: str) -> None:
        """Ignore it: the timeout reports the last problem."""

    def unconfirmed(self, lines: Sequence[str]) -> None:
        """Count the lines as failed."""
        self._failed += [f"may not have arrived: {safe_text(line)}" for line in lines]

    def connection_ended(self, reason: str) -> None:
        """Fail, unless the last line was a command that ends the session."""
        left = self.waitingLines + self.connection.unanswered
        self._finish(reason or ("the server ended the session" if left else ""))

    def _entered(self, group: str, why_temporary: str) -> None:
        self._group, self._why_temporary = group, why_temporary
        self._joined = True
        self.deliverLines()

    def _send_command(self, command: Object) -> None:
        self.connection.ask(partial(self._command_answered, command), **command)

    def _command_answered(self, command: Object, answer: Object) -> None:
        question = answer.get("ask")
        if answer.get("code") == "missing-argument" and isinstance(question, str):
            self._asking, self._question = command, question.strip().rstrip(":")
            self._timeout.extend()
            self.deliverLines()
        else:
            self._answered(answer)

    def _answered(self, answer: Object) -> None:
        self._timeout.extend()
        if answer.get("code") == UNCONFIRMED:
            pass  # counted by `unconfirmed`
        elif answer.get("ok") is not True:
            self._failed.append(str(answer.get("error") or "the server refused"))
        elif not self._group:
            if answer.get("type") in ("entered", "desk"):
                self._current_group = str(answer.get("group") or "")
            for line in self._formatter.answer(answer, None):
                self._output.write(plain_text(line))
        self.deliverLines()

    # Until all requests are answered.

    def _check_progress(self) -> None:
        """Finish after the last answer; run the timeout while the server owes one."""
        unanswered = self.waitingLines + self.connection.unanswered
        if self.life is Lifecycle.INPUT_ENDED and self._joined and not unanswered:
            if self._asking is not None:
                self._failed.append(f"no answer to: {self._question}")
            self._finish("")
        if self.ending or (self._joined and not unanswered):
            self._timeout.stop()
        else:
            self._timeout.start()

    def _finish(self, why: str) -> None:
        if self.ending:
            return
        self._timeout.stop()
        unanswered = self.waitingLines + self.connection.unanswered
        self.stopLines(Lifecycle.CLOSING)
        reasons = list(dict.fromkeys([*([why] if why else []), *self._failed]))
        failed = len(self._failed) + (unanswered if why else 0)
        why = "; ".join(reasons[:5])
        sentence = f"{failed} not sent: {why}" if failed else why
        self._finished(sentence if reasons else self._why_temporary)


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

    # Called by the transport.

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
