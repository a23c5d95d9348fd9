"""The layout of a message of several lines, or with tabs, on a terminal."""

from __future__ import annotations

from pyconchat.domain.text import expand_tabs

__all__ = ["INDENT", "lay_out"]

INDENT = "    "
"""Before each later line of a message: no such line can pass for another person's message."""


def lay_out(text: str, before: str, newline: str) -> str:
    """Return *text* after *before*, with later lines indented, and spaces for tabs."""
    if "\n" not in text and "\t" not in text:
        return before + text
    first, *others = text.split("\n")
    lines = [before + expand_tabs(first, before)]
    lines += [INDENT + expand_tabs(line, INDENT) for line in others]
    return newline.join(lines)
