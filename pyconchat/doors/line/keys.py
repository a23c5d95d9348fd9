"""What a terminal's keys send besides text: line ends, and keys that erase.

A client in line mode edits lines itself. Others send every key as it is typed: for these the
erasing keys are applied when the line is complete.
"""

from __future__ import annotations

import re

from wcwidth import iter_graphemes

__all__ = [
    "ERASE_CHARACTER",
    "ERASE_LINE",
    "LineEnds",
    "apply_erasures",
    "count_erasures",
    "has_erasures",
]

ERASE_CHARACTER = "\x7f"
"""DEL, for IAC EC of telnet as well (RFC 854)."""

ERASE_LINE = "\x15"
"""Ctrl-U, as of a terminal's line discipline (termios(3), VKILL); for IAC EL of telnet as well."""

_CR_TO_LF = bytes.maketrans(b"\r", b"\n")

MAX_CHARACTER = 32
"""Maximum code points of a character that is joined with the text after an erasing key.

The longest emoji have 10; a character of thousands of marks would be scanned for each key.
"""

_ERASING = re.compile(f"{ERASE_LINE}|[{ERASE_CHARACTER}\b]+")


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
        # `translate`, because `replace` is slow for many matches.
        return data.replace(b"\r\n", b"\n").replace(b"\r\0", b"\n").translate(_CR_TO_LF)


def apply_erasures(line: str) -> str:
    """Return *line* after its erasing keys: they take back the last character, or all of it.

    A character is a grapheme cluster (UAX #29): a letter with its marks, or a whole emoji.
    """
    kept: list[str] = []  # the characters
    at = 0
    for keys in _ERASING.finditer(line):
        _append(kept, line[at : keys.start()])
        at = keys.end()
        if line[keys.start()] == ERASE_LINE:
            kept.clear()
        else:
            del kept[-(at - keys.start()) :]
    return "".join(kept) + line[at:] if at else line


def has_erasures(line: str) -> bool:
    """Return whether *line* has erasing keys."""
    # Quicker than a regular expression or a loop: called for each line.
    return ERASE_CHARACTER in line or "\b" in line or ERASE_LINE in line


def count_erasures(line: str) -> int:
    """Return the number of times that `apply_erasures` scans the text of *line*."""
    return sum(1 for _ in _ERASING.finditer(line))


def _append(kept: list[str], text: str) -> None:
    """Append the characters of *text*, the first of which may belong to the last of *kept*."""
    if text.isascii() and (not kept or kept[-1].isascii()):
        kept.extend(text)
        return
    if kept and len(kept[-1]) <= MAX_CHARACTER:
        text = kept.pop() + text
    kept.extend(iter_graphemes(text))
