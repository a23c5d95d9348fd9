"""Layout: the rows that a text takes on a screen, and where its cursor is."""

from __future__ import annotations

from typing import NamedTuple

from wcwidth import iter_graphemes, width

__all__ = ["Layout", "Position", "cut", "lay_out"]


class Position(NamedTuple):
    """A cell of the screen, from the first row of the text, and from the left; both from 0."""

    row: int
    column: int


class Layout(NamedTuple):
    """A text on a screen: its *rows* one after the other fill the lines of the screen.

    All rows but the last are full, so that the terminal wraps by itself. If the last one is full
    as well, an empty one follows it, in which the cursor is.
    """

    rows: list[str]
    cursor: Position
    end: Position

    def before_cursor(self, first: int) -> str:
        """Return the characters from row *first* to the cursor, with the spaces at rows' ends."""
        return "".join(self.rows[first : self.cursor.row]) + cut(
            self.rows[self.cursor.row], self.cursor.column
        )


class _Rows:
    """Rows of *columns* cells, to which text is added."""

    __slots__ = ("column", "columns", "rows")

    def __init__(self, columns: int) -> None:
        self.rows = [""]
        self.column = 0
        self.columns = columns

    def add(self, text: str) -> None:
        if text.isascii():
            self._add_narrow(text)
            return
        for character in iter_graphemes(text):
            cells = width(character)
            if self.column + cells > self.columns:
                # Not all terminals wrap a wide character that would be cut in two.
                self.rows[-1] += " " * (self.columns - self.column)
                self._begin_row()
            self.rows[-1] += character
            self.column += cells

    def _add_narrow(self, text: str) -> None:
        at = self.columns - self.column
        self.rows[-1] += text[:at]
        self.column += len(text[:at])
        while at < len(text):
            self._begin_row()
            self.rows[-1] = text[at : at + self.columns]
            self.column = len(self.rows[-1])
            at += self.columns

    def _begin_row(self) -> None:
        self.rows.append("")
        self.column = 0

    @property
    def position(self) -> Position:
        """Return the cell of the next character, if it is narrow."""
        row = len(self.rows) - 1
        return Position(row + 1, 0) if self.column == self.columns else Position(row, self.column)


def lay_out(before: str, after: str, columns: int) -> Layout:
    """Return the layout of *before* and *after*, between which the cursor is.

    They have no control characters, and each begins with a grapheme cluster.
    """
    rows = _Rows(columns)
    rows.add(before)
    cursor = rows.position
    rows.add(after)
    end = rows.position
    if end.row == len(rows.rows):
        rows.rows.append("")
    return Layout(rows.rows, cursor, end)


def cut(text: str, cells: int) -> str:
    """Return the beginning of *text* that takes at most *cells* columns."""
    if text.isascii():
        return text[:cells]
    kept: list[str] = []
    for character in iter_graphemes(text):
        cells -= width(character)
        if cells < 0:
            break
        kept.append(character)
    return "".join(kept)
