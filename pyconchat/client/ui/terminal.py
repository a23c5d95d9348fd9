"""Terminal: a line to type at, with all that belongs to it, below a text that scrolls by.

It draws only its own two lines at the bottom (the input, and how things stand) by prompt_toolkit;
what is said goes above them as in a shell, so the terminal's own scrollback has it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path

from prompt_toolkit.application import Application
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import CompleteEvent, Completion
from prompt_toolkit.completion import Completer as ToolkitCompleter
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import FileHistory, InMemoryHistory
from prompt_toolkit.input.base import Input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.key_binding.bindings.completion import display_completions_like_readline
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout import ConditionalContainer, HSplit, Layout, Window
from prompt_toolkit.layout.controls import BufferControl, FormattedTextControl
from prompt_toolkit.layout.processors import (
    BeforeInput,
    ConditionalProcessor,
    HighlightIncrementalSearchProcessor,
    Processor,
    Transformation,
    TransformationInput,
)
from prompt_toolkit.output.base import Output
from prompt_toolkit.widgets import SearchToolbar
from twisted.internet.defer import Deferred

from pyconchat.client.completer import Completer
from pyconchat.client.files.transfers import progress
from pyconchat.client.lines import Line
from pyconchat.client.net.connection import State
from pyconchat.client.session import Cancelled, ClientSession
from pyconchat.client.ui.colours import BELL, coloured

__all__ = ["Terminal"]

AT_ONCE = 200
"""Lines that are written between two looks at the keyboard."""

GATHER = 0.02
"""Seconds for which lines are gathered: a burst is drawn once, not line by line."""


class _Completer(ToolkitCompleter):
    def __init__(self, words: Completer) -> None:
        self._words = words

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterable[Completion]:
        word, found = self._words.completions(document.text_before_cursor)
        for each in found:
            yield Completion(each, start_position=-len(word), display=each.rstrip(": "))


class _History(FileHistory):
    """Keeps what was typed, but for lines with a password in them."""

    def __init__(self, path: Path, words: Completer) -> None:
        super().__init__(str(path))
        self._words = words

    def store_string(self, string: str) -> None:
        if not self._words.secret(string):
            super().store_string(string)


class _Hidden(Processor):
    """Shows nothing of what is typed, not even how much."""

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        return Transformation([], lambda _source: 0, lambda _display: 0)


class Terminal:
    """The screen of *session* on a terminal, with the history in *history*, if it is kept."""

    keeps_typed = False  # the line goes when it is sent, and comes back with its time

    def __init__(
        self,
        session: ClientSession,
        history: Path | None,
        input: Input | None = None,
        output: Output | None = None,
    ) -> None:
        self._session = session
        self._waiting: deque[str] = deque()
        self._flushing: asyncio.TimerHandle | None = None
        self._question: tuple[str, bool, Deferred[str]] | None = None
        self._draft = ""  # what was being typed when a question came
        search = SearchToolbar(ignore_case=True)
        self._buffer = Buffer(
            completer=_Completer(session.words),
            history=(InMemoryHistory() if history is None else _History(history, session.words)),
            multiline=False,
            accept_handler=self._accepted,
            enable_history_search=Condition(lambda: self._question is None),
        )
        hidden = Condition(lambda: self._question is not None and self._question[1])
        line = Window(
            BufferControl(
                self._buffer,
                search_buffer_control=search.control,
                preview_search=True,
                input_processors=[
                    HighlightIncrementalSearchProcessor(),
                    ConditionalProcessor(_Hidden(), hidden),
                    BeforeInput(self._prompt),
                ],
            ),
            wrap_lines=True,
            dont_extend_height=True,
        )
        status = Window(FormattedTextControl(self._status), height=1, style="reverse")
        self._app: Application[None] = Application(
            Layout(HSplit([line, search, ConditionalContainer(status, ~hidden)]), line),
            key_bindings=self._keys(),
            erase_when_done=True,
            enable_page_navigation_bindings=False,
            input=input,
            output=output,
        )

    async def run(self) -> None:
        """Show the line to type at, until `close`."""
        await self._app.run_async(handle_sigint=False, set_exception_handler=False)
        self._flush(everything=True)

    def close(self) -> None:
        """Take the line to type at away, and leave the terminal as it was found."""
        if self._app.is_running and not self._app.is_done:
            self._flush(everything=True)
            self._app.exit()

    # What the session shows.

    def show(self, lines: Sequence[Line]) -> None:
        for line in lines:
            self._waiting.append(coloured(line) + (BELL if line.calls else ""))
        if self._waiting and self._flushing is None:
            self._flushing = asyncio.get_running_loop().call_later(GATHER, self._flush)

    def ask(self, question: str, secret: bool) -> Deferred[str]:
        if self._question is not None:  # one after the other
            answer: Deferred[str] = Deferred()
            self._question[2].addBoth(
                lambda result: (self.ask(question, secret).chainDeferred(answer), result)[1]
            )
            return answer
        self._question = question, secret, Deferred()
        self._draft = self._buffer.text
        self._buffer.set_document(Document())
        self.refresh()
        return self._question[2]

    def refresh(self) -> None:
        self._app.invalidate()

    # What is drawn.

    def _flush(self, everything: bool = False) -> None:
        """Write what waits above the input; a part of it, if that is much."""
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        if not self._waiting:
            return
        count = len(self._waiting) if everything else min(len(self._waiting), AT_ONCE)
        text = "".join(f"{self._waiting.popleft()}\r\n" for _ in range(count))
        app = self._app
        drawn = app.is_running and not app.is_done
        if drawn:
            app.renderer.erase()
        app.output.write_raw(text)
        app.output.flush()
        if drawn:
            app._redraw()
        if self._waiting:
            self._flushing = asyncio.get_running_loop().call_later(0, self._flush)

    def _prompt(self) -> StyleAndTextTuples:
        if self._question is not None:
            return [("", self._question[0])]
        room = self._session.rooms.current
        return [("", f"[{room.name}] " if room is not None else "> ")]

    def _status(self) -> StyleAndTextTuples:
        session, rooms = self._session, self._session.rooms
        parts = [f" {rooms.me + '@' if rooms.me else ''}{session.address}"]
        if session.link.state is not State.LIVE:
            parts.append(session.link.state.value)
        if rooms.current is not None:
            parts.append(f"{rooms.current.name}: {rooms.current.online} online")
        unread = [
            f"{number}:{room.name} {room.unread}"
            for number, room in enumerate(rooms.all(), 1)
            if room.unread
        ]
        if unread:
            parts.append(f"unread {', '.join(unread)}")
        parts += [progress(each) for each in session.transfers.under_way]
        if session.under_way:
            parts.append(f"{session.under_way} on the way")
        return [("", " | ".join(parts))]

    # What is typed.

    def _accepted(self, buffer: Buffer) -> bool:
        text = buffer.text
        if self._question is not None:
            self._answered(text)
            return True  # the buffer is as the question left it
        self._session.typed(text)
        return False

    def _answered(self, text: str | None) -> None:
        """Take the answer to the question, None for a refusal to answer."""
        assert self._question is not None
        (prompt, secret, answer), self._question = self._question, None
        self._buffer.set_document(Document(self._draft))
        self._waiting.append(prompt + ("" if secret or text is None else text))
        self._flush()
        if text is None:
            answer.errback(Cancelled())
        else:
            answer.callback(text)

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()
        asked = Condition(lambda: self._question is not None)

        @keys.add("enter", filter=asked)
        def _(event: KeyPressEvent) -> None:
            self._answered(self._buffer.text)  # which goes into no history

        @keys.add("tab", filter=~asked)
        def _(event: KeyPressEvent) -> None:
            display_completions_like_readline(event)

        @keys.add("c-c")
        def _(event: KeyPressEvent) -> None:
            if self._question is not None:
                self._answered(None)
            elif self._buffer.text:
                self._buffer.reset()
            else:
                self._session.leave()

        @keys.add("c-d", filter=Condition(lambda: not self._buffer.text))
        def _(event: KeyPressEvent) -> None:
            if self._question is not None:
                self._answered(None)
            else:
                self._session.leave()

        @keys.add("c-z")
        def _(event: KeyPressEvent) -> None:
            event.app.suspend_to_background()

        @keys.add(Keys.BracketedPaste)
        def _(event: KeyPressEvent) -> None:
            self._pasted(event.data)

        for number in range(1, 10):

            @keys.add("escape", str(number), filter=~asked)
            def _(event: KeyPressEvent, number: int = number) -> None:
                self._session.go_to(number - 1)

        return keys

    def _pasted(self, data: str) -> None:
        lines = data.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n").split("\n")
        if len(lines) == 1 or self._question is not None:
            self._buffer.insert_text(lines[0])
            return
        room = self._session.rooms.current
        if room is None:
            self._buffer.insert_text(" ".join(lines))
            return
        lines[0] = self._buffer.text + lines[0]
        question = self.ask(f"Send {len(lines)} lines to {room.name}? [y/N] ", False)

        def answered(answer: str) -> None:
            if answer.strip().lower() in ("y", "yes"):
                self._buffer.reset()  # what stood there goes with the first line
                self._session.pasted(lines)

        question.addCallbacks(answered, lambda failure: failure.trap(Cancelled) and None)
