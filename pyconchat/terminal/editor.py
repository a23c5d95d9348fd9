r"""LineEditor: a line editor at the end of a terminal's output, as pure logic.

Its owner passes the terminal's input to it, and handles the returned events::

    editor = LineEditor(transport.write, max_bytes=4096)
    editor.start()
    editor.ask("Username: ")
    for event in editor.received(data): ...
    editor.prompt("[tea] ")            # from now on lines, not answers
    editor.show(b"bob: hello\r\n")     # above the prompt and the typed text

Each method calls *write* at most once, when it has changed the screen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pyconchat.terminal.events import EditorEvent
from pyconchat.terminal.keys import Input, KeyDecoder, Paste
from pyconchat.terminal.line_input import LineInput
from pyconchat.terminal.pending_output import PendingOutput

__all__ = ["LineEditor"]

MAX_HELD = 8192
"""Maximum characters and keys that are kept while there is no prompt."""

STATUS_SECONDS = 1.0
"""Minimum seconds between two changes of the status line."""

PASTE_ON, PASTE_OFF = "\x1b[?2004h", "\x1b[?2004l"


def _all_lines(line: str) -> bool:
    return True


def _no_line(line: str) -> bool:
    return False


class LineEditor:
    """The editor of one terminal, whose output is passed to *write*.

    A line has at most *max_bytes* bytes of UTF-8; more is not inserted, and rings the bell.
    *keeps_line* returns whether an entered line stays on the screen, above further output; else it
    is erased, because `show` is called for it later. Questions and their answers stay. *has_secret*
    returns whether an entered line must not be in the history; answers never are.

    While there is no prompt (before the first `ask` or `prompt`, and after each answer until the
    next one) further input is held and not displayed: `holds_input` is true. So an answer that was
    typed ahead cannot be displayed before its question asks to hide it. After `ask` and `prompt`,
    the owner calls ``received(b"")``, which continues with that input.
    """

    __slots__ = ("_decoder", "_held", "_input", "_out", "_status_at", "_write")

    def __init__(
        self,
        write: Callable[[bytes], None],
        max_bytes: int,
        keeps_line: Callable[[str], bool] = _all_lines,
        has_secret: Callable[[str], bool] = _no_line,
    ) -> None:
        self._write = write
        self._decoder = KeyDecoder()
        self._out = PendingOutput(write)
        self._input = LineInput(self._out, max_bytes, keeps_line, has_secret)
        self._held: list[Input] = []
        self._status_at = float("-inf")

    # Called by the owner: the beginning and the end.

    def start(self) -> None:
        """Prepare the terminal."""
        self._write(PASTE_ON.encode())

    def stop(self, last: bytes = b"") -> None:
        """Erase the prompt and the status, show *last*, and restore the terminal.

        `start`, and then `ask` or `prompt`, begin anew.
        """
        self._input.ready = False
        self._write(self._out.screen.erase().encode() + last + PASTE_OFF.encode())

    # Called by the owner: input.

    def received(self, data: bytes) -> list[EditorEvent]:
        """Handle input: return its events for the owner, in order."""
        inputs: list[Input] = [*self._held, *self._decoder.decode(data)]
        self._held = []
        events: list[EditorEvent] = []
        for index, each in enumerate(inputs):
            if not self._input.ready:
                self._hold(inputs[index:])
                break
            self._input.press(each, events)
        self._update()
        return events

    @property
    def holds_input(self) -> bool:
        """Return whether input is held for the next prompt: read no more until then."""
        return bool(self._held)

    @property
    def ready(self) -> bool:
        """Return whether there is a prompt, or a question that waits for its answer."""
        return self._input.ready

    @property
    def text(self) -> str:
        """Return the text in the line, which is not entered yet."""
        return self._input.line.text

    @property
    def cursor(self) -> int:
        """Return the index of the cursor in `text`."""
        return self._input.line.cursor

    def discard(self) -> None:
        """Discard all input that was not entered: held input, and the text in the line."""
        self._held = []
        self._input.discard()
        self._update()

    # Called by the owner: output.

    def show(self, block: bytes) -> int:
        """Show *block*, lines that end in CR LF, above the prompt and the text; return its size."""
        self._write(self._out.screen.show_above(block))
        return len(block)

    def show_by(self, write: Callable[[bytes], None]) -> Callable[[bytes], int]:
        """Return `show` with another *write*, in the fewest calls: for many terminals."""
        show_above = self._out.screen.show_above

        def show(block: bytes) -> int:
            write(show_above(block))
            return len(block)

        return show

    def ask(self, question: str, secret: bool = False, max_bytes: int = 0) -> None:
        """Ask *question*: the next line is the answer. If it is *secret*, nothing of it shows.

        The answer has at most *max_bytes* bytes; 0: as any line. What was being typed is set aside
        until the question is answered.
        """
        self._input.ask(question, secret, max_bytes)
        self._update()

    def withdraw(self) -> None:
        """Cancel the question: it stays on the screen, and the text typed for it is discarded."""
        self._input.withdraw()
        self._update()

    def prompt(self, prompt: str) -> None:
        """Show *prompt* before the line; if a question waits for an answer, after that."""
        self._input.prompt(prompt)
        self._update()

    def set_place(self, sends_pastes: bool, has_secret: Callable[[str], bool]) -> None:
        """Set the options that depend on the place: *has_secret*, and *sends_pastes*.

        Several pasted lines are offered to be sent, or else joined to one.
        """
        self._input.sends_pastes, self._input.has_secret = sends_pastes, has_secret

    def status(self, text: str, now: float) -> float:
        """Show *text* in the status line; an empty one removes it. *now* is in seconds.

        Return 0, or, if it was changed less than a second ago, the seconds after which the owner
        has to call again, with the text as it is then.
        """
        if text == self._input.status:
            return 0.0
        wait = self._status_at + STATUS_SECONDS - now
        if wait > 0:
            return wait
        self._input.status, self._status_at = text, now
        self._update()
        return 0.0

    def resized(self, columns: int, rows: int) -> None:
        """Draw again for a terminal of *columns* and *rows*; 0 means unknown: 80 and 24."""
        self._out.add(self._out.screen.resize(columns, rows))
        self._update()

    def complete(self, before: str, word: str, choices: Sequence[str]) -> None:
        """Complete *word* at the end of *before*, which `Completing` had, with one of *choices*.

        A complete word ends with a space. Several choices are listed. Does nothing if the text
        before the cursor has changed.
        """
        self._input.complete(before, word, choices)
        self._update()

    # The screen.

    def _update(self) -> None:
        """Write what changes the screen."""
        self._out.flush(self._input.shown() if self._input.ready else None)

    # Input.

    def _hold(self, inputs: list[Input]) -> None:
        size = 0
        for each in inputs:
            size += len(each) if isinstance(each, str) else 1
            if isinstance(each, Paste):
                size += len(each.text)
            if size > MAX_HELD:
                self._out.ring()
                break
            self._held.append(each)
