"""PlainScreen: lines in, lines out. No colours, no cursor movement, nothing drawn twice.

For screen readers, for simple terminals, and where the output is a file. The terminal itself
edits and echoes the typed line; its echo is turned off only for a secret.
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

from pyconchat.client.interfaces import Cancelled, ConnectionState
from pyconchat.client.lines import Line, plain_text
from pyconchat.client.session import ClientSession
from pyconchat.client.ui.joined_lines import JoinedLines
from pyconchat.net.connection import IConnection
from pyconchat.net.lines import BoundedLineReceiver

__all__ = ["PlainScreen"]

MESSAGES = {
    ConnectionState.WAITING: "* Not connected; trying again.",
    ConnectionState.LIVE: "* Connected.",
}


class PlainScreen(BoundedLineReceiver):
    """The screen of *session* on standard input and output.

    Several lines that are pasted in a group, or in a private conversation, are one message.
    *read_again* is called to continue to read an input that has ended.
    """

    MAX_LENGTH = 65_536  # bytes in a typed line

    def __init__(
        self, session: ClientSession, clock: IReactorTime, read_again: Callable[[], None]
    ) -> None:
        super().__init__()
        self.clock = clock
        self.keeps_typed = sys.stdout is not None and sys.stdout.isatty()
        self._session = session
        self._read_again = read_again
        self._messages = JoinedLines(clock, session.typed_at_once)
        self._questions: deque[tuple[str, bool, Deferred[str]]] = deque()
        self._shown_state: ConnectionState | None = None
        self._echoes = True
        self._announced: set[str] = set()  # the groups with new entries

    # Standard input and output.

    def lineReceived(self, line: bytes) -> None:
        typed = line.decode(errors="replace").rstrip("\r")
        if self._questions:
            self._answer(typed)
        elif self._session.is_message(typed):
            self._messages.add(typed)
        else:
            self._messages.flush()
            self._session.typed(typed)

    def lineLengthExceeded(self, line: bytes) -> None:
        self._print("* That line was too long.")

    def inputEnded(self) -> None:
        """Leave, as by Ctrl-D; a terminal can be read again if the session stays."""
        self._messages.flush()
        while self._questions:
            self._answer(None)
        if not self._session.leave():
            self._read_again()

    def writeConnectionLost(self) -> None:
        """Leave: nobody reads the output any more."""
        self._session.leave()

    # Output of the session.

    def show(self, lines: Sequence[Line]) -> None:
        shown = "".join(f"{plain_text(line)}\n" for line in lines)
        if self._questions and shown:  # on its own line, and then asked again
            shown = f"\n{shown}{self._questions[0][0]}"
        self._write(shown)

    def ask(self, question: str, secret: bool) -> Deferred[str]:
        self._messages.flush()
        answer: Deferred[str] = Deferred()
        self._questions.append((question, secret, answer))
        if len(self._questions) == 1:
            self._show_question()
        return answer

    def interrupted(self) -> None:
        """Cancel the question; one of the login only at the second Ctrl-C, which ends."""
        if self._questions and self._session.takes_lines:
            self._answer(None)
        else:
            self._session.interrupted()

    def refresh(self) -> None:
        is_secret = bool(self._questions) and self._questions[0][1]
        if not is_secret and not self._session.hides_input:
            self._set_echo(True)
        self._announce_news()
        state = self._session.connection.state
        if state is self._shown_state:
            return
        first, self._shown_state = self._shown_state is None, state
        if self._questions:
            return  # the line is being typed
        if state in MESSAGES and not (first and state is ConnectionState.LIVE):
            self._print(MESSAGES[state])

    def _announce_news(self) -> None:
        """Print the groups with new entries, since there is no status line."""
        session = self._session
        is_live = session.connection.state is ConnectionState.LIVE
        if self._questions or session.views.mode == "all" or not is_live:
            return
        groups = {each.name: each for each in session.groups.with_news() if not each.muted}
        for name in groups.keys() - self._announced:
            self._print(f"* New in {name}: /go {groups[name].number or name} shows it.")
        self._announced = {*groups}

    def _show_question(self) -> None:
        question, secret, _ = self._questions[0]
        if secret:
            self._set_echo(False)
        self._write(question)

    def _answer(self, line: str | None) -> None:
        """Answer the first question with *line*; None cancels it."""
        _, secret, answer = self._questions.popleft()
        if secret:
            self._set_echo(not self._session.hides_input)
            self._print("")
        if self._questions:  # before the answer is used, which may lead to another question
            self._show_question()
        if line is None:
            answer.errback(Cancelled())
        else:
            answer.callback(line)

    def _set_echo(self, on: bool) -> None:
        if self._echoes is not on:
            self._echoes = on
            set_echo(on)

    def _print(self, text: str) -> None:
        self._write(f"{text}\n")

    def _write(self, text: str) -> None:
        if self.transport is not None:
            cast(IConnection, self.transport).write(text.encode())


def set_echo(on: bool) -> None:
    """Turn the echo of the terminal of standard input on or off."""
    with suppress(termios.error, OSError, ValueError):
        descriptor = sys.stdin.fileno()
        attributes = termios.tcgetattr(descriptor)
        attributes[3] = attributes[3] | termios.ECHO if on else attributes[3] & ~termios.ECHO
        termios.tcsetattr(descriptor, termios.TCSADRAIN, attributes)
