r"""LineEditor: a line editor at the end of a terminal's output, as pure logic.

Its owner passes on what the terminal sends, and handles the events that come back::

    editor = LineEditor(transport.write, max_bytes=4096)
    editor.start()
    editor.ask("Username: ")
    for event in editor.received(data): ...
    editor.prompt("[tea] ")            # from now on lines, not answers
    editor.show(b"bob: hello\r\n")     # above the prompt and what is typed

Each method calls *write* at most once, when it has changed the screen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pyconchat.terminal.completions import choices_in_columns, extension
from pyconchat.terminal.events import (
    Completing,
    EditorEvent,
    EndOfInput,
    GoTo,
    Interrupted,
    LineEntered,
    LinesPasted,
)
from pyconchat.terminal.history import History
from pyconchat.terminal.keys import Alt, Input, Key, KeyDecoder, Paste
from pyconchat.terminal.pasted import pasted_lines, printable
from pyconchat.terminal.screen import Screen, Shown
from pyconchat.terminal.search import HistorySearch
from pyconchat.terminal.text_line import TextLine

__all__ = ["LineEditor"]

MAX_HELD = 8192
"""Maximum characters and keys that are kept while there is no prompt."""

STATUS_SECONDS = 1.0
"""Minimum seconds between two changes of the status line."""

BELL = "\a"
PASTE_ON, PASTE_OFF = "\x1b[?2004h", "\x1b[?2004l"


def _all_lines(line: str) -> bool:
    return True


def _no_line(line: str) -> bool:
    return False


class LineEditor:
    """The editor of one terminal, whose output is passed to *write*.

    A line has at most *max_bytes* bytes of UTF-8; more is not inserted, and rings the bell.
    *keeps_line* tells of an entered line whether it stays on the screen, below which the output
    goes on; else it is erased, as it comes back by `show`. Questions and their answers stay.
    *has_secret* tells of an entered line whether it must not be in the history; no answer is.

    While there is no prompt (before the first `ask` or `prompt`, and after each answer until the
    next one) further input is kept, and nothing of it is shown: `holds_input` is true. So an answer
    that was typed ahead cannot show before its question asks to hide it. After `ask` and `prompt`,
    the owner calls ``received(b"")``, which goes on with that input.
    """

    __slots__ = (
        "_asked",
        "_decoder",
        "_draft",
        "_held",
        "_history",
        "_keeps_line",
        "_line",
        "_max_bytes",
        "_out",
        "_paste",
        "_prompt",
        "_question",
        "_ready",
        "_screen",
        "_search",
        "_secret",
        "_status",
        "_status_at",
        "_write",
        "has_secret",
        "sends_pastes",
    )

    def __init__(
        self,
        write: Callable[[bytes], None],
        max_bytes: int,
        keeps_line: Callable[[str], bool] = _all_lines,
        has_secret: Callable[[str], bool] = _no_line,
    ) -> None:
        self._write = write
        self._max_bytes = max_bytes
        self._keeps_line = keeps_line
        self.has_secret = has_secret
        self._decoder = KeyDecoder()
        self._screen = Screen()
        self._line = TextLine(max_bytes)
        self._history = History()
        self._out: list[str] = []
        self._held: list[Input] = []
        self._ready = False  # there is a prompt, or a question
        self._prompt = ""
        self._asked = False
        self._question = ""
        self._secret = False
        self._draft = "", 0  # the text and the cursor before the question
        self._paste: list[str] | None = None  # lines of which the person is asked
        self._search: HistorySearch | None = None
        self._status = ""
        self._status_at = float("-inf")
        self.sends_pastes = True
        """Whether several pasted lines are offered to be sent; else they are joined to one."""

    # What the owner calls: the beginning and the end.

    def start(self) -> None:
        """Prepare the terminal."""
        self._write(PASTE_ON.encode())

    def stop(self, last: bytes = b"") -> None:
        """Erase the prompt and the status, show *last*, and restore the terminal.

        `start`, and then `ask` or `prompt`, begin anew.
        """
        self._ready = False
        self._write(self._screen.erase().encode() + last + PASTE_OFF.encode())

    # What the owner calls: input.

    def received(self, data: bytes) -> list[EditorEvent]:
        """Handle input: return what it means for the owner, in order."""
        inputs: list[Input] = [*self._held, *self._decoder.decode(data)]
        self._held = []
        events: list[EditorEvent] = []
        for index, each in enumerate(inputs):
            if not self._ready:
                self._hold(inputs[index:])
                break
            self._handle(each, events)
        self._update()
        return events

    @property
    def holds_input(self) -> bool:
        """Return whether input waits for the next prompt: read no more until then."""
        return bool(self._held)

    @property
    def ready(self) -> bool:
        """Return whether there is a prompt, or a question that waits for its answer."""
        return self._ready

    @property
    def text(self) -> str:
        """Return the text in the line, which was not entered so far."""
        return self._line.text

    @property
    def cursor(self) -> int:
        """Return the index of the cursor in `text`."""
        return self._line.cursor

    def discard(self) -> None:
        """Discard all input that was not entered: held input, and the text in the line."""
        self._held = []
        self._drop_paste()
        self._line.replace("")
        self._update()

    # What the owner calls: output.

    def show(self, block: bytes) -> None:
        """Show *block*, lines that end in CR LF, above the prompt and the text."""
        self._write(self._screen.show_above(block))

    def ask(self, question: str, secret: bool = False, max_bytes: int = 0) -> None:
        """Ask *question*: the next line is the answer. If it is *secret*, nothing of it shows.

        The answer has at most *max_bytes* bytes; 0: as any line. What was being typed is set aside
        until the question is answered.
        """
        self._drop_paste()
        self._search = None
        if not self._asked:
            self._draft = self._line.text, self._line.cursor
            self._line.replace("")
        self._asked, self._question, self._secret = True, question, secret
        self._line.max_bytes = max_bytes or self._max_bytes
        self._ready = True
        self._update()

    def withdraw(self) -> None:
        """Ask no more: the question stays on the screen, and what was typed for it is discarded."""
        if self._asked:
            self._end_question()
            self._update()

    def prompt(self, prompt: str) -> None:
        """Show *prompt* before the line; if a question waits for an answer, after that."""
        self._prompt = prompt
        self._ready = True
        self._update()

    def status(self, text: str, now: float) -> float:
        """Show *text* in the status line; an empty one removes it. *now* is in seconds.

        Return 0, or, if it was changed less than a second ago, the seconds after which the owner
        has to call again, with the text as it is then.
        """
        if text == self._status:
            return 0.0
        wait = self._status_at + STATUS_SECONDS - now
        if wait > 0:
            return wait
        self._status, self._status_at = text, now
        self._update()
        return 0.0

    def resized(self, columns: int, rows: int) -> None:
        """Draw again for a terminal of *columns* and *rows*; 0 means unknown: 80 and 24."""
        self._out.append(self._screen.resize(columns, rows))
        self._update()

    def complete(self, before: str, word: str, choices: Sequence[str]) -> None:
        """Complete *word* at the end of *before*, which `Completing` had, with one of *choices*.

        One that is complete ends with a space. Several are listed. Does nothing if the text
        before the cursor is another one by now.
        """
        if before != self._line.before or self._asked or self._search or self._paste:
            return
        longer = extension(word, choices) if choices else word
        if not choices:
            self._out.append(BELL)
        elif longer != word or len(choices) == 1:
            start = self._line.cursor - len(word)
            self._line.replace(before[:start] + self._line.after, start)
            self._insert(longer)
        else:
            lines = choices_in_columns(choices, self._screen.columns)
            block = "".join(f"{line}\r\n" for line in lines)
            self._out.append(self._screen.show_above(block.encode()).decode())
        self._update()

    # The screen.

    def _update(self) -> None:
        """Write what changes the screen."""
        if self._ready:
            self._out.append(self._screen.show(self._shown()))
        out = "".join(self._out)
        self._out.clear()
        if out:
            self._write(out.encode())

    def _shown(self) -> Shown:
        if self._search is not None:
            found = self._search.line or ""
            prompt = f"(search: {self._search.pattern}) "
            return Shown(prompt + printable(found), "", self._status)
        if self._secret:
            return Shown(self._question, "", self._status)
        prompt = self._question if self._asked else self._prompt
        if self._paste is not None:
            prompt += f"Send {len(self._paste)} lines? [y/N] "
        line = self._line
        return Shown(prompt + printable(line.before), printable(line.after), self._status)

    def _leave_line(self) -> None:
        """Leave prompt and text on the screen, and go on below."""
        self._out.append(self._screen.show(self._shown()))
        self._out.append(self._screen.leave())

    # Input.

    def _hold(self, inputs: list[Input]) -> None:
        size = 0
        for each in inputs:
            size += len(each) if isinstance(each, str) else 1
            if isinstance(each, Paste):
                size += len(each.text)
            if size > MAX_HELD:
                self._out.append(BELL)
                break
            self._held.append(each)

    def _handle(self, each: Input, events: list[EditorEvent]) -> None:
        if self._search is not None and self._searched(each):
            return
        match each:
            case str():
                self._insert(each)
            case Paste():
                self._pasted(each.text)
            case Alt():
                if not self._asked:
                    events.append(GoTo(each.number))
            case Key.ENTER:
                self._enter(events)
            case Key.INTERRUPT:
                self._interrupt(events)
            case Key.DELETE_OR_END if not self._line.text:
                if self._paste is not None:
                    self._drop_paste()
                else:
                    events.append(EndOfInput(self._asked))
            case Key.COMPLETE:
                if not self._asked and self._paste is None:
                    events.append(Completing(self._line.before))
            case Key.SEARCH:
                if not self._asked and self._paste is None:
                    self._search = HistorySearch(self._history)
            case Key.UP | Key.DOWN:
                self._browse(each)
            case Key.REDRAW:
                self._out.append(self._screen.clear())
            case Key.INVALID:
                self._out.append(BELL)
            case _:
                if not self._line.press(each):
                    self._out.append(BELL)

    def _insert(self, text: str) -> None:
        if not self._line.insert(text):
            self._out.append(BELL)

    def _enter(self, events: list[EditorEvent]) -> None:
        text = self._line.text
        if self._paste is not None:
            lines, yes = self._paste, text.strip().lower() in ("y", "yes")
            self._leave_line()
            self._drop_paste()
            if yes:
                self._line.replace("")
                events.append(LinesPasted(lines))
            return
        if self._asked:
            self._end_question()
            events.append(LineEntered(text, True))
            return
        if self._keeps_line(text):
            self._leave_line()
        self._line.replace("")
        self._history.leave()
        if not self.has_secret(text):
            self._history.add(text)
        events.append(LineEntered(text, False))

    def _interrupt(self, events: list[EditorEvent]) -> None:
        if self._paste is not None:
            self._drop_paste()
        elif self._line.text:
            self._line.replace("")
            self._history.leave()
        else:
            events.append(Interrupted(self._asked))

    def _end_question(self) -> None:
        self._leave_line()
        self._line.forget()
        self._line.max_bytes = self._max_bytes
        self._line.replace(*self._draft)
        self._draft = "", 0
        self._asked = self._secret = self._ready = False
        self._question = ""

    def _browse(self, key: Key) -> None:
        if self._asked or self._paste is not None:
            return
        up = key is Key.UP
        found = self._history.older(self._line.text) if up else self._history.newer()
        if found is not None:
            self._line.replace(found)

    def _searched(self, each: Input) -> bool:
        """Use *each* for the search; return whether it was only for that."""
        search = self._search
        assert search is not None
        match each:
            case str():
                search.type(each)
            case Key.BACKSPACE:
                search.erase()
            case Key.SEARCH:
                if not search.older():
                    self._out.append(BELL)
            case Key.CANCEL | Key.INTERRUPT:
                self._search = None
            case _:
                self._search = None
                if search.line is not None:
                    self._line.replace(search.line)
                    self._history.leave()
                return False
        return True

    # Pastes.

    def _pasted(self, text: str) -> None:
        """Insert one line; ask before several are sent."""
        lines = pasted_lines(text)
        if len(lines) == 1 or self._asked or self._paste is not None:
            self._insert(lines[0])
        elif not self.sends_pastes:
            self._insert(" ".join(lines))
        else:
            self._draft = self._line.text, self._line.cursor
            lines[0] = self._line.text + lines[0]
            self._line.replace("")
            self._paste = lines

    def _drop_paste(self) -> None:
        if self._paste is not None:
            self._paste = None
            self._line.replace(*self._draft)
            self._draft = "", 0
