"""Pasted text: its lines, and the messages that they become."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["MAX_PASTED_LINES", "messages_of", "pasted_lines", "printable"]

MAX_PASTED_LINES = 64
"""Maximum lines in a message."""


_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufffd]")


def pasted_lines(text: str) -> list[str]:
    """Return the lines of a paste, without characters that a terminal does not display as text."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
    return _UNPRINTABLE.sub("", text).split("\n")


def printable(text: str) -> str:
    """Return the drawn form of *text*: a tab, which only a paste can have, takes one cell."""
    return text.replace("\t", " ")


def messages_of(lines: Sequence[str], line_bytes: int) -> list[str]:
    """Return *lines* in as few messages as possible, each of at most *line_bytes* bytes.

    A line that is longer is a message of its own, which the server refuses.
    """
    messages: list[list[str]] = []
    size = 0
    for line in lines:
        added = len(line.encode()) + 1
        if not messages or len(messages[-1]) == MAX_PASTED_LINES or size + added > line_bytes:
            messages.append([])
            size = 0
        messages[-1].append(line)
        size += added
    return [text for each in messages if (text := "\n".join(each)).strip()]
