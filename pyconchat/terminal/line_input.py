"""LineInput: the effects of keys on the line, on the answer to a question, and on a paste."""

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
from pyconchat.terminal.keys import Alt, Input, Key, Paste
from pyconchat.terminal.pasted import pasted_lines, printable
from pyconchat.terminal.pending_output import PendingOutput
from pyconchat.terminal.screen import Shown
from pyconchat.terminal.search import HistorySearch
from pyconchat.terminal.text_line import TextLine

__all__ = ["LineInput"]


class LineInput:
    """The line of a `LineEditor`, and the questions before it. It has the editor's arguments.

    Output that must be written before the line is shown again is added to *out*.
    """

    __slots__ = (
        "_asked",
        "_draft",
        "_history",
        "_keeps_line",
        "_max_bytes",
        "_out",
        "_paste",
        "_prompt",
        "_question",
        "_search",
        "_secret",
        "has_secret",
        "line",
        "ready",
        "sends_pastes",
        "status",
    )

    def __init__(
        self,
        out: PendingOutput,
        max_bytes: int,
        keeps_line: Callable[[str], bool],
        has_secret: Callable[[str], bool],
    ) -> None:
        self.line = TextLine(max_bytes)
        self.has_secret = has_secret
        self._out = out
        self._max_bytes = max_bytes
        self._keeps_line = keeps_line
        self._history = History()
        self._prompt = ""
        self._asked = False
        self._question = ""
        self._secret = False
        self._draft = "", 0  # the text and the cursor before the question
        self._paste: list[str] | None = None  # pasted lines that the person has to confirm
        self._search: HistorySearch | None = None
        self.ready = False
        """Whether there is a prompt or an unanswered question."""
        self.sends_pastes = True
        """Whether several pasted lines are offered to be sent; else they are joined to one."""
        self.status = ""
        """The status line below the line."""

    # Called by the owner of the editor.

    def ask(self, question: str, secret: bool, max_bytes: int) -> None:
        """Ask *question*, as `LineEditor.ask`."""
        self._drop_paste()
        self._search = None
        if not self._asked:
            self._draft = self.line.text, self.line.cursor
            self.line.replace("")
        self._asked, self._question, self._secret = True, question, secret
        self.line.max_bytes = max_bytes or self._max_bytes
        self.ready = True

    def withdraw(self) -> None:
        """Ask no more."""
        if self._asked:
            self._end_question()

    def prompt(self, prompt: str) -> None:
        """Have *prompt* before the line."""
        self._prompt = prompt
        self.ready = True

    def discard(self) -> None:
        """Discard what was not entered."""
        self._drop_paste()
        self.line.replace("")

    def complete(self, before: str, word: str, choices: Sequence[str]) -> None:
        """Complete *word*, as `LineEditor.complete`."""
        if before != self.line.before or self._asked or self._search or self._paste:
            return
        longer = extension(word, choices) if choices else word
        if not choices:
            self._out.ring()
        elif longer != word or len(choices) == 1:
            start = self.line.cursor - len(word)
            self.line.replace(before[:start] + self.line.after, start)
            self._insert(longer)
        else:
            screen = self._out.screen
            lines = choices_in_columns(choices, screen.columns)
            block = "".join(f"{line}\r\n" for line in lines)
            self._out.add(screen.show_above(block.encode()).decode())

    def shown(self) -> Shown:
        """Return what is to be on the screen."""
        if self._search is not None:
            found = self._search.line or ""
            prompt = f"(search: {self._search.pattern}) "
            return Shown(prompt + printable(found), "", self.status)
        if self._secret:
            return Shown(self._question, "", self.status)
        prompt = self._question if self._asked else self._prompt
        if self._paste is not None:
            prompt += f"Send {len(self._paste)} lines? [y/N] "
        line = self.line
        return Shown(prompt + printable(line.before), printable(line.after), self.status)

    # Keys.

    def press(self, each: Input, events: list[EditorEvent]) -> None:
        """Handle a key or a text; add its events for the owner to *events*."""
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
            case Key.DELETE_OR_END if not self.line.text:
                if self._paste is not None:
                    self._drop_paste()
                else:
                    events.append(EndOfInput(self._asked))
            case Key.COMPLETE:
                if not self._asked and self._paste is None:
                    events.append(Completing(self.line.before))
            case Key.SEARCH:
                if not self._asked and self._paste is None:
                    self._search = HistorySearch(self._history)
            case Key.UP | Key.DOWN:
                self._browse(each)
            case Key.REDRAW:
                self._out.add(self._out.screen.clear())
            case Key.INVALID:
                self._out.ring()
            case _:
                if not self.line.press(each):
                    self._out.ring()

    def _leave_line(self) -> None:
        """Leave prompt and text on the screen, and continue below."""
        self._out.leave(self.shown())

    def _insert(self, text: str) -> None:
        if not self.line.insert(text):
            self._out.ring()

    def _enter(self, events: list[EditorEvent]) -> None:
        text = self.line.text
        if self._paste is not None:
            lines, yes = self._paste, text.strip().lower() in ("y", "yes")
            self._leave_line()
            self._drop_paste()
            if yes:
                self.line.replace("")
                events.append(LinesPasted(lines))
            return
        if self._asked:
            self._end_question()
            events.append(LineEntered(text, True))
            return
        if self._keeps_line(text):
            self._leave_line()
        self.line.replace("")
        self._history.leave()
        if not self.has_secret(text):
            self._history.add(text)
        events.append(LineEntered(text, False))

    def _interrupt(self, events: list[EditorEvent]) -> None:
        if self._paste is not None:
            self._drop_paste()
        elif self.line.text:
            self.line.replace("")
            self._history.leave()
        else:
            events.append(Interrupted(self._asked))

    def _end_question(self) -> None:
        self._leave_line()
        self.line.forget()
        self.line.max_bytes = self._max_bytes
        self.line.replace(*self._draft)
        self._draft = "", 0
        self._asked = self._secret = self.ready = False
        self._question = ""

    def _browse(self, key: Key) -> None:
        if self._asked or self._paste is not None:
            return
        up = key is Key.UP
        found = self._history.older(self.line.text) if up else self._history.newer()
        if found is not None:
            self.line.replace(found)

    def _searched(self, each: Input) -> bool:
        """Use *each* for the search; return whether it has no other effect."""
        search = self._search
        assert search is not None
        match each:
            case str():
                search.type(each)
            case Key.BACKSPACE:
                search.erase()
            case Key.SEARCH:
                if not search.older():
                    self._out.ring()
            case Key.CANCEL | Key.INTERRUPT:
                self._search = None
            case _:
                self._search = None
                if search.line is not None:
                    self.line.replace(search.line)
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
            self._draft = self.line.text, self.line.cursor
            lines[0] = self.line.text + lines[0]
            self.line.replace("")
            self._paste = lines

    def _drop_paste(self) -> None:
        if self._paste is not None:
            self._paste = None
            self.line.replace(*self._draft)
            self._draft = "", 0
