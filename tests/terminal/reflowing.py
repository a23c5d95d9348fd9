"""A terminal for tests: pyte's, which wraps its rows again when its width changes."""

from __future__ import annotations

from collections.abc import Sequence

import pyte
from wcwidth import wcwidth

__all__ = ["ReflowingTerminal"]


class _Screen(pyte.Screen):  # type: ignore[misc]  # pyte has no annotations
    """A screen that knows which rows were wrapped, as those of tmux and VTE do."""

    def __init__(self, columns: int, rows: int) -> None:
        self.wrapped: set[int] = set()  # rows that go on in the next one
        self.padded: set[int] = set()  # of these, those whose last cell has no character
        super().__init__(columns, rows)

    def draw(self, data: str) -> None:
        for char in data:
            row, full = self.cursor.y, self.cursor.x == self.columns
            if wcwidth(char) == 2 and self.cursor.x == self.columns - 1:
                # Real terminals wrap a wide character that does not fit; pyte cuts it in two.
                self.cursor.x, full = self.columns, True
                self.padded.add(row)
            super().draw(char)
            if full and self.cursor.y == row + 1:
                self.wrapped.add(row)

    def erase_in_display(self, how: int = 0, *args: object, **kwargs: object) -> None:
        super().erase_in_display(how, *args, **kwargs)
        if how == 0:  # leave no spaces: only cells that were written are wrapped again
            for row in [row for row in self.buffer if row > self.cursor.y]:
                del self.buffer[row]
            self._unwrite()
            self.wrapped = {row for row in self.wrapped if row < self.cursor.y}
            self.padded &= self.wrapped

    def erase_in_line(self, how: int = 0, *args: object, **kwargs: object) -> None:
        super().erase_in_line(how, *args, **kwargs)
        if how == 0:
            self.wrapped.discard(self.cursor.y)
            self._unwrite()

    def _unwrite(self) -> None:
        line = self.buffer[self.cursor.y]
        for column in [column for column in line if column >= self.cursor.x]:
            del line[column]


class ReflowingTerminal:
    """A terminal with so many *rows* that nothing leaves it at the top."""

    def __init__(self, columns: int, rows: int = 200) -> None:
        self._rows = rows
        self._start(columns)

    def _start(self, columns: int) -> None:
        self._screen = _Screen(columns, self._rows)
        self._stream = pyte.ByteStream(self._screen)

    def write(self, data: bytes) -> None:
        """Show *data*."""
        assert not self._lost_rows(), "the test needs more rows"
        self._stream.feed(data)

    def resize(self, columns: int) -> None:
        """Change the width: wrap all lines again, and keep the cursor at its character."""
        lines, cursor = self._lines()
        self._start(columns)
        at = None
        for number, line in enumerate(lines):
            for index, char in enumerate(line):
                if (number, index) == cursor:
                    at = self.cursor()
                for code_point in char:  # a letter and its marks
                    self._screen.draw(code_point)
            if (number, len(line)) == cursor:
                at = self.cursor()
            if number < len(lines) - 1:
                self._stream.feed(b"\r\n")
        assert at is not None
        self._screen.cursor.y, self._screen.cursor.x = at
        self.write(b"")

    def rows(self) -> list[str]:
        """Return the rows of the screen, without the spaces at their ends."""
        used = max(self._screen.buffer, default=-1) + 1
        rows = [self._row(number).rstrip() for number in range(used)]
        while rows and not rows[-1]:
            rows.pop()
        return rows

    def cursor(self) -> tuple[int, int]:
        """Return row and column of the cell in which the next narrow character will be."""
        cursor = self._screen.cursor
        if cursor.x == self._screen.columns:
            return cursor.y + 1, 0
        return cursor.y, cursor.x

    def _row(self, number: int) -> str:
        row = self._screen.buffer.get(number, {})  # only cells that were written
        cells = [" "] * (max(row, default=-1) + 1)
        for column, cell in row.items():
            cells[column] = cell.data
        return "".join(cells)

    def _lines(self) -> tuple[list[list[str]], tuple[int, int]]:
        """Return the characters of each line, and the line and the character of the cursor."""
        lines: list[list[str]] = [[]]
        cursor = 0, 0
        y, x = self._screen.cursor.y, self._screen.cursor.x
        for number in range(max(y, *self._used()) + 1):
            row = self._screen.buffer[number]
            wraps = number in self._screen.wrapped
            padded = wraps and number in self._screen.padded
            cells = [row[column].data for column in range(self._screen.columns - padded)]
            if not wraps:
                cells = cells[: max(row, default=-1) + 1]
            for column, data in enumerate(cells):
                if (number, column) == (y, x):
                    cursor = len(lines) - 1, len(lines[-1])
                if data:
                    lines[-1].append(data)
            if number == y and x >= len(cells):
                cursor = len(lines) - 1, len(lines[-1])
            if not wraps:
                lines.append([])
        return lines, cursor

    def _used(self) -> Sequence[int]:
        return [0, *(number for number in self._screen.buffer if self._row(number).strip())]

    def _lost_rows(self) -> bool:
        return bool(self._screen.cursor.y >= self._screen.lines - 10)
