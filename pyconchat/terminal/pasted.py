"""Pasted lines, as messages."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["messages_of"]

MAX_PASTED_LINES = 64
"""Maximum lines in a message."""


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
