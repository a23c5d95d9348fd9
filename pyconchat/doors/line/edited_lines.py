"""EditedLines: prompt and typed lines of a client in character mode, on the line editor.

It has the methods of `Prompt`, which it replaces, and turns keys into lines.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pyconchat.chat.interfaces import ISession
from pyconchat.commands.completion import completions, may_have_password
from pyconchat.commands.services import Services
from pyconchat.doors.input_budget import COMPLETION_COST, KEY_COST
from pyconchat.terminal.editor import LineEditor
from pyconchat.terminal.events import (
    Completing,
    EditorEvent,
    EndOfInput,
    GoTo,
    Interrupted,
    LineEntered,
    LinesPasted,
)
from pyconchat.terminal.pasted import messages_of

__all__ = ["CANCEL", "MAX_READ", "EditedLines"]

CANCEL = "/cancel"
"""The line that Ctrl-C enters during a login: it leads from the password back to the name."""

MAX_READ = 512
"""Maximum bytes of keys that are handled in one turn of the reactor."""

MAX_COMPLETIONS = 4
"""Maximum words that are completed in one turn of the reactor."""

CHARACTER_COST = 7e-7
"""Seconds of work for each character that is drawn again, if it may be a wide one."""

_CONTROLS = bytes((*range(0x20), 0x7F))
_ANOTHER_LINE = "\v"
"""A line feed in a message (Unicode, section 5.8), where LF would end the line that has it."""


def _keeps_all(_line: str) -> bool:
    return True


_AT_DESK = partial(may_have_password, at_desk=True)
_IN_PLACE = partial(may_have_password, at_desk=False)


class EditedLines:
    """What is at the end of the screen behind *write*. A line has at most *line_bytes* bytes.

    A typed line stays where it was typed, and later output is below it; but one of which
    *keeps_line* returns False is removed, because it comes back as others see it.
    """

    erasing = True
    matters = True

    def __init__(
        self,
        write: Callable[[bytes], None],
        line_bytes: int,
        services: Services,
        keeps_line: Callable[[str], bool] = _keeps_all,
    ) -> None:
        self.editor = LineEditor(write, line_bytes, keeps_line, has_secret=_AT_DESK)
        self.begun = False
        """True while a line is typed that was begun in another place."""
        self.ended = False
        """True when Ctrl-D has ended the input, before the login."""
        self._line_bytes = line_bytes
        self._services = services
        self._completions = 0  # since the cost was paid

    # Input.

    def cost(self, data: bytes) -> float:
        """Return the cost of the keys in *data*, and of completions before, in seconds of work."""
        keys = len(data) - len(data.translate(None, _CONTROLS)) + data.count(b"\r")
        completing, self._completions = self._completions * COMPLETION_COST, 0
        text = self.editor.text
        drawing = 0.0 if text.isascii() else CHARACTER_COST * len(text)
        return KEY_COST * keys + completing + drawing

    def typed(self, data: bytes, session: ISession | None) -> bytes:
        """Handle keys; return the lines that they enter in *session*, None before the login."""
        return b"".join(
            self._line(event, session)
            for piece in _pieces_to_complete(data)
            for event in self.editor.received(piece)
            if piece.count(b"\t") <= 1 or not isinstance(event, Completing)
        )

    def _line(self, event: EditorEvent, session: ISession | None) -> bytes:
        """Return the line, or the lines, that *event* stands for; b"" if it is none."""
        match event:
            case LineEntered(text=text):
                return f"{text}\n".encode()
            case LinesPasted(lines=lines):
                return self._messages(lines)
            case EndOfInput() if session is None:
                self.ended = True
            case Interrupted(asked=True) if session is None:
                self.editor.withdraw()
                return f"{CANCEL}\n".encode()
            case EndOfInput(asked=True) | Interrupted(asked=True) if session is not None:
                self.editor.withdraw()
                return b"\n"  # an empty answer cancels the question
            case EndOfInput():
                return b"/quit\n"
            case GoTo(number=number) if session is not None:
                group = self._services.groups.get(str(number))
                if group is not None and session.account.key in group.group.members:
                    return b"/join %d\n" % number
            case Completing(before=before) if session is not None:
                self._completions += 1
                self.editor.complete(before, *completions(before, session, self._services))
            case _:
                pass
        return b""

    def _messages(self, lines: list[str]) -> bytes:
        """Return pasted *lines* as lines that post them as messages, whatever they begin with."""
        texts = messages_of(lines, self._line_bytes - 1)  # one for the slash
        escaped = (f"/{text}" if text.startswith("/") else text for text in texts)
        return "".join(text.replace("\n", _ANOTHER_LINE) + "\n" for text in escaped).encode()

    # Output.

    @property
    def shown(self) -> bool:
        """Return whether there is a prompt."""
        return self.editor.ready

    def write(self, block: bytes) -> None:
        """Show *block*, which ends a line, above the prompt."""
        self.editor.show(block)

    def show_place(self, name: str) -> None:
        """Show the prompt of the place with that *name*, empty for the front desk."""
        self.editor.set_place(bool(name), _IN_PLACE if name else _AT_DESK)
        self.editor.prompt(f"[{name}] " if name else "> ")

    def answered(self) -> None:
        """The person has ended the line: the editor has moved below it already."""

    def end_line(self) -> None:
        """End the line at the cursor: the editor has done so."""

    def write_last(self, block: bytes) -> None:
        """Show *block* in the prompt's place, and no prompt after it."""
        self.editor.stop(block)


def _pieces_to_complete(data: bytes) -> list[bytes]:
    """Return *data* in pieces that end in Tab, so that what follows it is typed after completion.

    There are at most MAX_COMPLETIONS of these, as nobody types more at once. The last piece has
    all other tabs: those of a paste are text.
    """
    pieces = data.split(b"\t", MAX_COMPLETIONS)
    return [*(piece + b"\t" for piece in pieces[:-1]), pieces[-1]]
