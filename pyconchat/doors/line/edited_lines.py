"""EditedLines: prompt and typed line of a client in character mode, on the line editor.

It has the methods of `Prompt`, which it replaces.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pyconchat.commands.completion import may_have_password
from pyconchat.doors.input_budget import COMMAND_COST
from pyconchat.terminal.editor import LineEditor
from pyconchat.terminal.pasted import messages_of

__all__ = ["MAX_READ", "EditedLines", "lines_of_paste", "pieces_to_complete", "typing_cost"]

MAX_READ = 1024
"""Maximum bytes of keys that are handled in one turn of the reactor."""

MAX_COMPLETIONS = 4
"""Maximum words that are completed in one turn of the reactor."""

CHARACTER_COST = 7e-7
"""Seconds of work for each character that is drawn again, if it may be a wide one."""

_CONTROLS = bytes((*range(0x20), 0x7F))
_ANOTHER_LINE = "\v"
"""A line feed in a message (Unicode, section 5.8), where LF would end the line that has it."""


def typing_cost(data: bytes) -> float:
    """Return the cost of the keys in *data* that are not text, in seconds of work."""
    return COMMAND_COST * (len(data) - len(data.translate(None, _CONTROLS)))


def pieces_to_complete(data: bytes) -> list[bytes]:
    """Return *data* in pieces that end in Tab, so that what follows it is typed after completion.

    There are at most MAX_COMPLETIONS of these, as nobody types more at once. The last piece has
    all other tabs: those of a paste are text.
    """
    pieces = data.split(b"\t", MAX_COMPLETIONS)
    return [*(piece + b"\t" for piece in pieces[:-1]), pieces[-1]]


def lines_of_paste(lines: list[str], line_bytes: int) -> bytes:
    """Return pasted *lines* as lines that post them as messages, whatever they begin with."""
    texts = messages_of(lines, line_bytes - 1)  # one for the slash
    escaped = (f"/{text}" if text.startswith("/") else text for text in texts)
    return "".join(text.replace("\n", _ANOTHER_LINE) + "\n" for text in escaped).encode()


_AT_DESK = partial(may_have_password, at_desk=True)
_IN_PLACE = partial(may_have_password, at_desk=False)


class EditedLines:
    """What is at the end of the screen behind *write*. A line has at most *line_bytes* bytes.

    A typed line stays where it was typed, and what is shown next stands below it.
    """

    erasing = True

    def __init__(self, write: Callable[[bytes], None], line_bytes: int) -> None:
        self.editor = LineEditor(write, line_bytes, has_secret=_AT_DESK)
        self.begun = False
        """True while a line is typed that was begun in another place."""

    @property
    def shown(self) -> bool:
        """Return whether there is a prompt."""
        return self.editor.ready

    @property
    def redraw_cost(self) -> float:
        """Return the cost of drawing the typed line, in seconds of work."""
        text = self.editor.text
        return 0.0 if text.isascii() else CHARACTER_COST * len(text)

    def write(self, block: bytes) -> None:
        """Show *block*, which ends a line, above the prompt."""
        self.editor.show(block)

    def show_place(self, name: str) -> None:
        """Show the prompt of the place with that *name*, empty for the front desk."""
        self.editor.sends_pastes = bool(name)
        self.editor.has_secret = _IN_PLACE if name else _AT_DESK
        self.editor.prompt(f"[{name}] " if name else "> ")

    def answered(self) -> None:
        """The person has ended the line: the editor has moved below it already."""

    def end_line(self) -> None:
        """End the line at the cursor: the editor has done so."""

    def write_last(self, block: bytes) -> None:
        """Show *block* in the prompt's place, and no prompt after it."""
        self.editor.stop(block)
