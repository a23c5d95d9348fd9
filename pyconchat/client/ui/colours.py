"""Colours: lines as text with the terminal's codes for their styles (ECMA-48, 8.3.117, SGR).

Other people's text has been made safe before; codes are only added around it.
"""

from __future__ import annotations

from pyconchat.client.lines import Line
from pyconchat.client.name_colours import NAME_COLOURS

__all__ = ["BELL", "coloured"]

BELL = "\a"

_RESET = "\x1b[0m"

# Readable on dark and light backgrounds, and different enough from each other.
_NAMES = ("31", "32", "33", "34", "35", "36", "1;31", "1;32", "1;34", "1;35", "1;36", "1;33")
assert len(_NAMES) == NAME_COLOURS

_STYLES = {
    "time": "2",
    "group": "2",
    "server": "36",
    "day": "2",
    "mention": "1;33",
    "error": "31",
    **{f"name:{number}": codes for number, codes in enumerate(_NAMES)},
}


def coloured(line: Line) -> str:
    """Return *line* with its colours, without a line end."""
    return "".join(
        f"\x1b[{_STYLES[style]}m{text}{_RESET}" if style in _STYLES else text
        for style, text in line.pieces
    )
