"""Plain: lines in, lines out. No colour, no cursor movement, nothing drawn twice.

For screen readers, for terminals that can do nothing else, and where the output is a file. The
terminal itself has the line that is being typed; only for a secret is its echo turned off.
"""

from __future__ import annotations

import sys
import termios
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from pyconchat.client.lines import Line, plain
from pyconchat.client.net.connection import State
from pyconchat.client.session import Cancelled, ClientSession
from pyconchat.net.connection import IConnection
from pyconchat.net.lines import BoundedLineReceiver

__all__ = ["Plain"]


class Plain(BoundedLineReceiver):
    """The screen of *session* on standard input and output.

    *read_again* is called to have more of an input that has ended.
    """

    MAX_LENGTH = 65_536  # bytes in a typed line

    def __init__(
        self, session: ClientSession, clock: IReactorTime, read_again: Callable[[], None]
    ) -> None:
        super().__init__()
        self.clock = clock
        self._session = session
        self._read_again = read_again
        self._questions: deque[tuple[str, bool, Deferred[str]]] = deque()
        self._state: State | None = None
        self.keeps_typed = sys.stdout is not None and sys.stdout.isatty()

    # What the terminal does.

    def lineReceived(self, line: bytes) -> None:
        typed = line.decode(errors="replace").rstrip("\r")
        if self._questions:
            self._answered(typed)
        else:
            self._session.typed(typed)

    def lineLengthExceeded(self, line: bytes) -> None:
        self._print("* That line was too long.")

    def inputEnded(self) -> None:
        """Ctrl-D: the person goes."""
        while self._questions:
            self._answered(None)
        if not self._session.leave():
            self._read_again()  # a terminal goes on after its Ctrl-D

    def writeConnectionLost(self) -> None:
        """The output is gone: there is nothing to do here any more."""
        self._session.leave()

    # What the session shows.

    def show(self, lines: Sequence[Line]) -> None:
        for line in lines:
            self._print(plain(line))

    def ask(self, question: str, secret: bool) -> Deferred[str]:
        answer: Deferred[str] = Deferred()
        self._questions.append((question, secret, answer))
        if len(self._questions) == 1:
            self._put()
        return answer

    def refresh(self) -> None:
        state = self._session.link.state
        if state is not self._state:
            told = {State.WAITING: "The server is away; trying again.", State.LIVE: "Connected."}
            again = self._state is not None
            self._state = state
            if state in told and (again or state is not State.LIVE):
                self._print(f"* {told[state]}")

    def close(self) -> None:
        """Leave the terminal as it was found."""
        echo(True)

    def _put(self) -> None:
        question, secret, _ = self._questions[0]
        if secret:
            echo(False)
        self._write(question)

    def _answered(self, line: str | None) -> None:
        _, secret, answer = self._questions.popleft()
        if secret:
            echo(True)
            self._print("")
        if self._questions:  # which came while this one waited; another may follow below
            self._put()
        if line is None:
            answer.errback(Cancelled())
        else:
            answer.callback(line)

    def _print(self, text: str) -> None:
        self._write(f"{text}\n")

    def _write(self, text: str) -> None:
        if self.transport is not None:
            cast(IConnection, self.transport).write(text.encode())


def echo(on: bool) -> None:
    """Have the terminal of standard input show what is typed, or not."""
    with suppress(termios.error, OSError, ValueError):
        descriptor = sys.stdin.fileno()
        attributes = termios.tcgetattr(descriptor)
        attributes[3] = attributes[3] | termios.ECHO if on else attributes[3] & ~termios.ECHO
        termios.tcsetattr(descriptor, termios.TCSADRAIN, attributes)
