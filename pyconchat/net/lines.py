"""Framing: bytes in, lines out, within a bound. Knows nothing of what the lines say."""

from __future__ import annotations

__all__ = ["LineFramer"]


class LineFramer:
    """Splits what arrives at LF, in whatever pieces it comes.

    Each byte is looked at once, however long a line is and however slowly it arrives; a line of
    more than *limit* bytes is reported once and the rest of it thrown away. Only LF ends a
    line: `bytes.splitlines` would split at characters that people type.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._pieces: list[bytes] = []
        self._length = 0
        self._skipping = False

    def feed(self, data: bytes) -> list[bytes | None]:
        """Return the lines that *data* completes, without their LF; None for one too long."""
        *complete, rest = data.split(b"\n")
        lines: list[bytes | None] = []
        for line in complete:
            if self._skipping:  # the end of one that was reported already
                self._skipping = False
                continue
            whole = self._join(line) if self._pieces else line
            lines.append(whole if len(whole) <= self.limit + whole.endswith(b"\r") else None)
        if rest and not self._skipping:
            self._pieces.append(rest)
            self._length += len(rest)
            if self._length > self.limit + 1:  # one more, for the CR of a CRLF to come
                lines.append(None)
                self._forget()
                self._skipping = True
        return lines

    def end(self) -> list[bytes | None]:
        """Return the line, if any, that the end of the input ends."""
        return [self._join(b"")] if self._pieces else []

    def _join(self, end: bytes) -> bytes:
        whole = b"".join((*self._pieces, end))
        self._forget()
        return whole

    def _forget(self) -> None:
        self._pieces.clear()
        self._length = 0
