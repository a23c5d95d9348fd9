"""Screen: the rows at the end of a terminal's output: prompt, typed text, and status.

All moves are relative to the first row of the prompt, which begins at the left. Only sequences
are used that xterm, tmux, the Linux console and PuTTY know.
"""

from __future__ import annotations

from typing import NamedTuple

from pyconchat.terminal.layout import Layout, Position, cut, lay_out

__all__ = ["Screen", "Shown"]

MIN_COLUMNS, DEFAULT_COLUMNS, MAX_COLUMNS = 20, 80, 500
MIN_ROWS, DEFAULT_ROWS, MAX_ROWS = 2, 24, 200
"""Bounds of a terminal's size. A size that it does not know, a terminal reports as 0."""

CLEAR_ROW, CLEAR_BELOW = "\x1b[K", "\x1b[J"
CLEAR_SCREEN = "\x1b[H\x1b[2J"
REVERSE, NORMAL = "\x1b[7m", "\x1b[m"


class Shown(NamedTuple):
    """The content of the rows: text *before* and *after* the cursor, and *status* below."""

    before: str
    after: str
    status: str


class _Drawing(NamedTuple):
    """A `Shown` as drawn: *body* from the first row on, which leaves the cursor at *end*."""

    body: str
    end: Position
    cursor: Position  # the cursor's final cell
    last_row: int  # of the text, without the status

    @property
    def text(self) -> str:
        """Return all that draws it."""
        return self.body + _moves(self.end, self.cursor)


class Screen:
    """The last rows of a terminal. The methods return what must be written to it."""

    __slots__ = ("_around", "_columns", "_cursor", "_drawn", "_one_row", "_rows", "_shown")

    def __init__(self) -> None:
        self._columns, self._rows = DEFAULT_COLUMNS, DEFAULT_ROWS
        self._shown: Shown | None = None  # the current content; None: nothing
        self._drawn: _Drawing | None = None  # the drawn content; None: not computed
        self._cursor = Position(0, 0)
        self._one_row = True  # the content takes one row
        self._around: tuple[bytes, bytes] | None = None  # the bytes around the next block

    @property
    def columns(self) -> int:
        """Return the width of the terminal."""
        return self._columns

    def show(self, shown: Shown) -> str:
        """Replace the current content by *shown*."""
        previous, self._shown = self._shown, shown
        if shown == previous:
            return ""
        self._around = None
        if previous is None:
            return self._redraw()
        typed = self._typed(previous, shown)
        if typed:
            self._drawn = None
            self._cursor = Position(self._cursor.row, self._cursor.column + len(typed))
            return typed
        erasing, before, at = self._erasing(), self._drawn, self._cursor
        drawing = self._redraw()
        if before is not None and before.body == self._drawing().body:
            return _moves(at, self._cursor)
        return erasing + drawing

    def _typed(self, previous: Shown, shown: Shown) -> str:
        """Return the text typed at the end of a row, if nothing else has changed: most keys."""
        if previous.after or shown.after or previous.status != shown.status:
            return ""
        if not shown.before.startswith(previous.before):
            return ""
        typed = shown.before[len(previous.before) :]
        fits = typed.isascii() and self._cursor.column + len(typed) < self._columns
        return typed if fits else ""

    def _redraw(self) -> str:
        """Return the bytes that draw the whole content, and record the cursor's position."""
        self._drawn = None
        drawing = self._drawing()
        self._cursor = drawing.cursor
        self._one_row = not drawing.last_row and not drawing.end.row
        return drawing.text

    def show_above(self, block: bytes) -> bytes:
        """Write *block*, which ends with CR LF, above the current content."""
        if self._shown is None:
            return block
        if self._around is None:
            erasing = self._erasing().encode()
            drawing = self._drawing()
            self._cursor = drawing.cursor
            drawn = drawing.text.encode()
            self._around = self._erasing().encode(), drawn
        else:
            erasing, drawn = self._around
        return b"".join((erasing, block, drawn))

    def leave(self) -> str:
        """Leave the text on the screen, without the status; further output is below it."""
        if self._shown is None:
            return ""
        moves = _moves(self._cursor, Position(self._drawing().last_row, self._cursor.column))
        below = CLEAR_BELOW if self._shown.status else ""
        self._forget()
        return f"{moves}\r\n{below}"

    def erase(self) -> str:
        """Erase what is on the screen."""
        erasing = self._erasing() if self._shown is not None else ""
        self._forget()
        return erasing

    def clear(self) -> str:
        """Erase the whole screen; further output begins at its top."""
        self._forget()
        return CLEAR_SCREEN

    def resize(self, columns: int, rows: int) -> str:
        """Draw again in a terminal that has now *columns* and *rows*; 0 means unknown."""
        columns = max(MIN_COLUMNS, min(columns or DEFAULT_COLUMNS, MAX_COLUMNS))
        rows = max(MIN_ROWS, min(rows or DEFAULT_ROWS, MAX_ROWS))
        if (columns, rows) == (self._columns, self._rows):
            return ""
        shown = self._shown
        if shown is None:
            self._columns, self._rows = columns, rows
            return ""
        self._around = None
        # The terminal has wrapped the rows again: count those before the cursor in the new width.
        layout, first = self._layout(shown)
        before = layout.before_cursor(first)
        self._cursor = lay_out(before, "", columns).cursor
        self._one_row = False
        erasing = self.erase()
        self._columns, self._rows = columns, rows
        return erasing + self.show(shown)

    def _forget(self) -> None:
        self._shown = self._drawn = self._around = None
        self._one_row = True
        self._cursor = Position(0, 0)

    def _erasing(self) -> str:
        if self._one_row:
            return f"\r{CLEAR_ROW}"
        up = f"\x1b[{self._cursor.row}A" if self._cursor.row else ""
        return f"{up}\r{CLEAR_BELOW}"

    def _layout(self, shown: Shown) -> tuple[Layout, int]:
        """Return the layout of *shown*, and the first row of it that fits on the screen."""
        layout = lay_out(shown.before, shown.after, self._columns)
        height = self._height(shown)
        return layout, max(0, min(layout.cursor.row - height + 1, len(layout.rows) - height))

    def _height(self, shown: Shown) -> int:
        """Return the rows that the text may take: one less than the screen has."""
        return max(1, self._rows - 1 - bool(shown.status))

    def _drawing(self) -> _Drawing:
        """Return the drawn form of the current content."""
        assert self._shown is not None
        if self._drawn is None:
            self._drawn = self._draw(self._shown)
        return self._drawn

    def _draw(self, shown: Shown) -> _Drawing:
        layout, first = self._layout(shown)
        rows = layout.rows[first : first + self._height(shown)]
        cursor = Position(layout.cursor.row - first, layout.cursor.column)
        last_row = len(rows) - 1
        text = "".join(rows)
        at = Position(layout.end.row - first, layout.end.column)
        if first + len(rows) < len(layout.rows):  # the last row is full, and another follows it
            text += "\r"
            at = Position(last_row, 0)
        elif at.column == 0 and last_row > 0:  # the terminal has not wrapped yet
            text += " \r"
        if shown.status:
            text += f"\r\n{REVERSE}{cut(shown.status, self._columns - 1)}{NORMAL}\r"
            at = Position(last_row + 1, 0)
        return _Drawing(text, at, cursor, last_row)


def _moves(start: Position, end: Position) -> str:
    """Return the sequences that move the cursor from *start* to *end*."""
    down = end.row - start.row
    moves = f"\x1b[{-down}A" if down < 0 else f"\x1b[{down}B" if down else ""
    if end.column != start.column:
        moves += "\r" + (f"\x1b[{end.column}C" if end.column else "")
    return moves
