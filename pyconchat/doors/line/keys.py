"""What a terminal's keys send besides text: line ends, and keys that erase.

A client in line mode edits lines itself. Others send every key as it is typed: for these the
erasing keys are applied when the line is complete.
"""

from __future__ import annotations

from wcwidth import iter_graphemes_reverse

__all__ = ["ERASE_CHARACTER", "ERASE_LINE", "LineEnds", "apply_erasures"]

ERASE_CHARACTER = "\x7f"
"""DEL, for IAC EC of telnet as well (RFC 854)."""

ERASE_LINE = "\x15"
"""Ctrl-U, as of a terminal's line discipline (termios(3), VKILL); for IAC EL of telnet as well."""

_ERASING = (ERASE_CHARACTER, ERASE_LINE, "\b")


class LineEnds:
    """Turns every line end into LF: LF, CR LF, CR NUL (RFC 854), and CR alone."""

    def __init__(self) -> None:
        self._after_cr = False

    def convert(self, data: bytes) -> bytes:
        """Return *data* with LF for each line end, also where a CR LF is cut in two."""
        if not data:
            return data
        if self._after_cr and data[:1] in (b"\n", b"\0"):
            data = data[1:]
            self._after_cr = False
            if not data:
                return data
        self._after_cr = data.endswith(b"\r")
        if b"\r" not in data:
            return data
        return data.replace(b"\r\n", b"\n").replace(b"\r\0", b"\n").replace(b"\r", b"\n")


def apply_erasures(line: str) -> str:
    """Return *line* after its erasing keys: they take back the last character, or all of it.

    A character is a grapheme cluster (UAX #29): a letter with its marks, or a whole emoji.
    """
    if not any(key in line for key in _ERASING):
        return line
    kept = ""
    for char in line:
        if char == ERASE_LINE:
            kept = ""
        elif char in _ERASING:
            last = next(iter_graphemes_reverse(kept), "")
            kept = kept[: len(kept) - len(last)]
        else:
            kept += char
    return kept
