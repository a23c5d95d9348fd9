"""TextLine: a line of text with a cursor, edited by grapheme clusters."""

from __future__ import annotations

import re

from pyconchat.terminal.graphemes import length_after, length_before
from pyconchat.terminal.keys import Key

__all__ = ["TextLine"]

_WORD_AFTER = re.compile(r"\s*\S*")


class TextLine:
    """A line of at most *max_bytes* bytes of UTF-8; *cursor* is an index of *text*."""

    __slots__ = ("_bytes", "_removed", "cursor", "max_bytes", "text")

    def __init__(self, max_bytes: int) -> None:
        self.text = ""
        self.cursor = 0
        self.max_bytes = max_bytes
        self._bytes = 0
        self._removed = ""  # for `yank`

    @property
    def before(self) -> str:
        """Return the text before the cursor."""
        return self.text[: self.cursor]

    @property
    def after(self) -> str:
        """Return the text after the cursor."""
        return self.text[self.cursor :]

    def replace(self, text: str, cursor: int | None = None) -> None:
        """Make *text* the line, with the cursor at *cursor*, or at the end."""
        self.text = text
        self.cursor = len(text) if cursor is None else cursor
        self._bytes = len(text.encode())

    def insert(self, text: str) -> bool:
        """Insert *text* at the cursor; return whether it fits. The rest is left out."""
        size = len(text.encode())
        fits = self._bytes + size <= self.max_bytes
        if not fits:
            text = text.encode()[: max(0, self.max_bytes - self._bytes)].decode(errors="ignore")
            size = len(text.encode())
        self.text = self.before + text + self.after
        self.cursor += len(text)
        self._bytes += size
        return fits

    def move_left(self) -> None:
        """Move the cursor by a character."""
        self.cursor -= length_before(self.before)

    def move_right(self) -> None:
        """Move the cursor by a character."""
        self.cursor += length_after(self.after)

    def move_word_left(self) -> None:
        """Move the cursor to the start of the word before it."""
        self.cursor = self._word_start()

    def move_word_right(self) -> None:
        """Move the cursor to the end of the word after it."""
        self.cursor = self._word_end()

    def delete_before(self) -> None:
        """Remove the character before the cursor."""
        self._remove(self.cursor - length_before(self.before), self.cursor)

    def delete_after(self) -> None:
        """Remove the character after the cursor."""
        self._remove(self.cursor, self.cursor + length_after(self.after))

    def kill(self, start: int, end: int) -> None:
        """Remove the text from *start* to *end*; `yank` inserts it again."""
        if start < end:
            self._removed = self.text[start:end]
            self._remove(start, end)

    def kill_word(self) -> None:
        """Remove the word before the cursor; `yank` inserts it again."""
        self.kill(self._word_start(), self.cursor)

    def kill_word_after(self) -> None:
        """Remove the word after the cursor; `yank` inserts it again."""
        self.kill(self.cursor, self._word_end())

    def yank(self) -> bool:
        """Insert the last removed text; return whether it fits."""
        return self.insert(self._removed)

    def forget(self) -> None:
        """Empty the line and the text for `yank`: it may be a secret."""
        self.replace("")
        self._removed = ""

    def press(self, key: Key) -> bool:
        """Apply the effect of *key* on a line, if any; return whether the result fits."""
        match key:
            case Key.BACKSPACE:
                self.delete_before()
            case Key.DELETE | Key.DELETE_OR_END:
                self.delete_after()
            case Key.LEFT:
                self.move_left()
            case Key.RIGHT:
                self.move_right()
            case Key.WORD_LEFT:
                self.move_word_left()
            case Key.WORD_RIGHT:
                self.move_word_right()
            case Key.HOME:
                self.cursor = 0
            case Key.END:
                self.cursor = len(self.text)
            case Key.KILL_START:
                self.kill(0, self.cursor)
            case Key.KILL_END:
                self.kill(self.cursor, len(self.text))
            case Key.KILL_WORD:
                self.kill_word()
            case Key.KILL_WORD_AFTER:
                self.kill_word_after()
            case Key.YANK:
                return self.yank()
            case _:
                pass
        return True

    def _word_start(self) -> int:
        start = len(self.before.rstrip())
        while start and not self.text[start - 1].isspace():
            start -= 1
        return start

    def _word_end(self) -> int:
        match = _WORD_AFTER.match(self.text, self.cursor)
        assert match is not None
        return match.end()

    def _remove(self, start: int, end: int) -> None:
        self._bytes -= len(self.text[start:end].encode())
        self.text = self.text[:start] + self.text[end:]
        self.cursor = start
