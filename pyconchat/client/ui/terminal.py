"""TerminalScreen: a line to type in and a status line, below text that scrolls as in a shell.

prompt_toolkit draws only these two lines at the bottom. Everything else is written above them, so
it is in the terminal's own scrollback.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from prompt_toolkit.application import Application
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.input.base import Input
from prompt_toolkit.layout import ConditionalContainer, HSplit, Layout, Window
from prompt_toolkit.layout.controls import FormattedTextControl
from prompt_toolkit.output.base import Output
from twisted.internet.defer import Deferred

from pyconchat.client.files.transfers import progress
from pyconchat.client.interfaces import Cancelled, ConnectionState
from pyconchat.client.joined_group import JoinedGroup, news_in
from pyconchat.client.lines import Line, plain_text
from pyconchat.client.session import ClientSession
from pyconchat.client.ui.colours import BELL, coloured
from pyconchat.client.ui.input_line import InputLine
from pyconchat.client.ui.key_bindings import key_bindings

__all__ = ["TerminalScreen"]

MAX_LINES_AT_ONCE = 200
"""Maximum lines that are written before the keyboard is read again."""

WRITE_DELAY = 0.02
"""Seconds to wait for further lines, so that many are drawn at once."""


class Question(NamedTuple):
    """A question that the person is being asked; *draft* is what they were typing before it."""

    prompt: str
    secret: bool
    answer: Deferred[str]
    draft: str


class TerminalScreen:
    """The screen of *session* on a terminal; typed lines are kept in the file *history*, if any.

    *colours* is False if the person wants none.
    """

    keeps_typed = False  # the line disappears when it is sent; its message is displayed

    def __init__(
        self,
        session: ClientSession,
        history: Path | None,
        colours: bool = True,
        input: Input | None = None,
        output: Output | None = None,
    ) -> None:
        self._session = session
        self._as_text = coloured if colours else plain_text
        self._unwritten: deque[str] = deque()
        self._writing: asyncio.TimerHandle | None = None
        self._question: Question | None = None
        asked = Condition(lambda: self._question is not None)
        hidden = Condition(self._is_hidden)
        line = InputLine(
            session.completer,
            history,
            session.may_have_secret,
            self._prompt,
            self._accepted,
            asked,
            hidden,
        )
        self._buffer = line.buffer
        status = Window(FormattedTextControl(self._status), height=1, style="reverse")
        rows = HSplit([line.window, line.search, ConditionalContainer(status, ~hidden)])
        self._app: Application[None] = Application(
            Layout(rows, line.window),
            key_bindings=key_bindings(
                self._buffer,
                asked,
                hidden,
                self._answer,
                self._interrupt,
                session.leave,
                self._paste,
                session.go_to,
            ),
            erase_when_done=True,
            enable_page_navigation_bindings=False,
            input=input,
            output=output,
        )

    async def run(self) -> None:
        """Show the line to type in until `close`."""
        await self._app.run_async(handle_sigint=False, set_exception_handler=False)
        self._write_lines(everything=True)

    def close(self) -> None:
        """Remove the line to type in, and restore the terminal."""
        if self._app.is_running and not self._app.is_done:
            self._write_lines(everything=True)
            self._app.exit()

    # Output of the session.

    def show(self, lines: Sequence[Line]) -> None:
        for line in lines:
            self._unwritten.append(self._as_text(line) + (BELL if line.rings else ""))
        if self._unwritten and self._writing is None:
            loop = asyncio.get_running_loop()
            self._writing = loop.call_later(WRITE_DELAY, self._write_lines)

    def ask(self, question: str, secret: bool) -> Deferred[str]:
        if self._question is not None:  # ask when the current question is answered
            answer: Deferred[str] = Deferred()
            self._question.answer.addBoth(
                lambda result: (self.ask(question, secret).chainDeferred(answer), result)[1]
            )
            return answer
        # Hidden input is the beginning of the answer.
        draft = "" if self._is_hidden() else self._buffer.text
        self._question = Question(question, secret, Deferred(), draft)
        if draft:
            self._buffer.set_document(Document())
        self.refresh()
        return self._question.answer

    def refresh(self) -> None:
        self._app.invalidate()

    # Drawing.

    def _write_lines(self, everything: bool = False) -> None:
        """Write lines above the line to type in; the rest in the next turn, if there are many."""
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None
        if not self._unwritten:
            return
        count = len(self._unwritten)
        if not everything:
            count = min(count, MAX_LINES_AT_ONCE)
        text = "".join(f"{self._unwritten.popleft()}\r\n" for _ in range(count))
        app = self._app
        is_drawn = app.is_running and not app.is_done
        if is_drawn:
            app.renderer.erase()
        app.output.write_raw(text)
        app.output.flush()
        if is_drawn:
            app._redraw()
        if self._unwritten:
            self._writing = asyncio.get_running_loop().call_later(0, self._write_lines)

    def _is_hidden(self) -> bool:
        """Return whether input may be a password: also between two questions for it."""
        if self._question is not None:
            return self._question.secret
        return self._session.hides_input

    def _prompt(self) -> StyleAndTextTuples:
        if self._question is not None:
            return [("", self._question.prompt)]
        if self._session.hides_input:
            return [("", "(hidden until you are logged in) ")]
        place = self._session.groups.place_name
        return [("", f"[{place}] " if place else "> ")]

    def _status(self) -> StyleAndTextTuples:
        session, groups = self._session, self._session.groups
        parts: list[tuple[str, str]] = []

        def add(text: str, style: str = "") -> None:
            parts.append((style, f"{' | ' if parts else ' '}{text}"))

        add(f"{groups.me + '@' if groups.me else ''}{session.address}")
        if session.connection.state is not ConnectionState.LIVE:
            add(session.connection.state.value)
        if groups.current is not None:
            add(f"{groups.current.name}: {groups.current.online} online")
        elif groups.partner:
            add(groups.place_name)
        if session.unanswered:
            add(f"{session.unanswered} pending")
        for transfer in session.transfers.active:
            add(progress(transfer))
        for group in groups.with_news():
            add(f"{group.number}:{group.name} {news_in(group)}", style_of(group))
        return [*parts]

    # Input.

    def _accepted(self, buffer: Buffer) -> bool:
        text = buffer.text
        if self._question is not None:
            self._answer(text)
            return True  # keep the draft, which is in the buffer again
        self._session.typed(text)
        return False

    def _answer(self, text: str | None) -> None:
        """Answer the question with *text*; None cancels it."""
        if self._question is None:  # between two questions for a password
            self._buffer.reset()
            self._session.typed(text or "")
            return
        question, self._question = self._question, None
        self._buffer.set_document(Document(question.draft))
        shown = "" if question.secret or text is None else text
        self._unwritten.append(question.prompt + shown)
        self._write_lines()
        if text is None:
            question.answer.errback(Cancelled())
        else:
            question.answer.callback(text)

    def _interrupt(self) -> None:
        """Cancel the question; one of the login only at the second Ctrl-C, which ends."""
        if self._question is not None and self._session.takes_lines:
            self._answer(None)
        else:
            self._session.interrupted()

    def _paste(self, data: str) -> None:
        """Insert one line; ask before several lines are sent."""
        lines = data.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n").split("\n")
        if len(lines) == 1 or self._question is not None:
            self._buffer.insert_text(lines[0])
            return
        place = self._session.groups.place_name
        if not place or not self._session.takes_lines:
            self._buffer.insert_text(" ".join(lines))
            return
        lines[0] = self._buffer.text + lines[0]
        question = self.ask(f"Send {len(lines)} lines to {place}? [y/N] ", False)

        def answered(answer: str) -> None:
            if answer.strip().lower() in ("y", "yes"):
                self._buffer.reset()  # the draft is sent with the first line
                self._session.pasted(lines)

        question.addCallbacks(answered, lambda failure: failure.trap(Cancelled) and None)


def style_of(group: JoinedGroup) -> str:
    """Return the style of *group* in the status line."""
    if group.mentions:
        return "bold"
    return "dim" if group.muted else ""
