"""OpenBatch: a message of several lines that a client is sending (IRCv3 draft multiline)."""

from __future__ import annotations

from pyconchat.domain.text import MAX_LINES, SafeText, safe_text
from pyconchat.doors.irc.message import Message, strip_formatting

__all__ = ["CONCAT", "MAX_BYTES", "Invalid", "OpenBatch"]

MAX_BYTES = 4096
"""Maximum bytes of the lines of a message, with the line feeds between them."""

CONCAT = "draft/multiline-concat"
"""The tag of a line that continues the one before it."""


class Invalid(Exception):
    """The batch is refused: a code of the draft, its context, and a sentence."""

    def __init__(self, code: str, *context: str) -> None:
        super().__init__(code)
        self.code = code
        self.context = context


class OpenBatch:
    """The lines with the tag ``batch=reference``, for *target*; the others are of its BATCH."""

    def __init__(self, reference: str, target: str, label: str, tags: dict[str, str]) -> None:
        self.reference = reference
        self.target = target
        self.label = label
        self.tags = tags
        self.failed = False  # it was refused: its other lines are skipped
        self.command = ""
        self._lines: list[tuple[str, bool]] = []  # with whether each continues the one before
        self._size = 0

    def add(self, message: Message) -> None:
        """Add the line *message*. Raises `Invalid`."""
        target, text, joined = message.param(0), message.param(1), CONCAT in message.tags
        if target.lower() != self.target.lower():
            sentence = "Each line has the target of its batch."
            raise Invalid("MULTILINE_INVALID_TARGET", self.target, target, sentence)
        if len(message.params) < 2 or (joined and not text):
            raise Invalid("MULTILINE_INVALID", "A line that continues another one has a text.")
        if text.startswith("\x01"):
            raise Invalid("MULTILINE_INVALID", "Of CTCP, only an ACTION of one line is passed on.")
        if self.command not in ("", message.command):
            raise Invalid("MULTILINE_INVALID", "The lines of a batch are of one kind.")
        joined = joined and bool(self._lines)
        self._size += len(text.encode()) + (1 if self._lines and not joined else 0)
        if self._size > MAX_BYTES:
            raise Invalid("MULTILINE_MAX_BYTES", str(MAX_BYTES), "The message is too long.")
        if len(self._lines) == MAX_LINES:
            raise Invalid("MULTILINE_MAX_LINES", str(MAX_LINES), "The message has too many lines.")
        self.command = message.command
        self._lines.append((text, joined))

    def text(self) -> tuple[SafeText, tuple[int, ...]]:
        """Return the whole text, and where lines were continued, as `Message` of the log has it.

        Empty lines at its beginning are kept, unlike those at its end. Raises `Invalid` if it has
        no text.
        """
        typed, whole, cuts = "", "", []
        for number, (raw, joined) in enumerate(self._lines):
            line = raw if raw.strip(" ") == "" else safe_text(strip_formatting(raw))
            feed = "" if joined or not number else "\n"
            if joined and line:
                cuts.append(len(whole))
            typed += feed + raw
            whole += feed + line
        shown = strip_formatting(typed)
        safe = safe_text(shown)
        if not safe:
            raise Invalid("MULTILINE_INVALID", "A message needs a text.")
        text = SafeText("\n" * (len(shown) - len(shown.lstrip("\n"))) + safe)
        # Lines that are joined may change each other, for instance by composing a character.
        return text, tuple(cuts) if text == whole.rstrip("\n") else ()
