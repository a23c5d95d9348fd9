"""History: the lines that were typed in one session."""

from __future__ import annotations

__all__ = ["History"]

MAX_LINES = 500
"""Maximum lines that are kept."""

MAX_CHARACTERS = 32_768
"""Maximum characters of all lines that are kept: many sessions have a history each."""


class History:
    """The lines of one session, the newest last, and the displayed one of them."""

    __slots__ = ("_at", "_draft", "_lines", "_size")

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._size = 0
        self._at = 0  # index of the displayed line; after the last: the draft
        self._draft = ""

    def add(self, line: str) -> None:
        """Add *line*, unless it is empty or a repetition of the last one; display a new line."""
        if line.strip() and (not self._lines or self._lines[-1] != line):
            self._lines.append(line)
            self._size += len(line)
            excess = 0
            while len(self._lines) - excess > MAX_LINES or self._size > MAX_CHARACTERS:
                self._size -= len(self._lines[excess])
                excess += 1
            del self._lines[:excess]
        self.leave()

    def leave(self) -> None:
        """Show a new line."""
        self._at, self._draft = len(self._lines), ""

    def older(self, shown: str) -> str | None:
        """Return the line before the one that is *shown*; None if there is none."""
        if self._at == 0:
            return None
        if self._at == len(self._lines):
            self._draft = shown
        self._at -= 1
        return self._lines[self._at]

    def newer(self) -> str | None:
        """Return the line after the displayed one; None if there is none."""
        if self._at >= len(self._lines):
            return None
        self._at += 1
        return self._draft if self._at == len(self._lines) else self._lines[self._at]

    def find(self, pattern: str, before: int | None = None) -> int | None:
        """Return the index of the newest line with *pattern* in any case; None if none has it.

        *before* is the index of a line; only older ones are searched.
        """
        sought = pattern.lower()
        end = len(self._lines) if before is None else before
        for index in reversed(range(end)):
            if sought in self._lines[index].lower():
                return index
        return None

    def line(self, index: int) -> str:
        """Return the line with that *index*."""
        return self._lines[index]
