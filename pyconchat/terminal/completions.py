"""The completion of a word, and the list of choices."""

from __future__ import annotations

from collections.abc import Sequence

from wcwidth import width

__all__ = ["choices_in_columns", "extension"]

MAX_CHOICES = 100
"""Maximum choices that are listed."""


def extension(word: str, choices: Sequence[str]) -> str:
    """Return the common prefix of *choices* for *word*, in any case; *word* if it is no longer."""
    common = _common(choices)
    if len(common) > len(word):
        return common
    folded = _common([each.lower() for each in choices])
    return choices[0][: len(folded)] if len(folded) > len(word) else word


def _common(texts: Sequence[str]) -> str:
    first, last = min(texts), max(texts)
    same = next((at for at, char in enumerate(first) if not last.startswith(char, at)), len(first))
    return first[:same]


def choices_in_columns(choices: Sequence[str], columns: int) -> list[str]:
    """Return lines that list *choices*, on a terminal of *columns*."""
    listed = [each.rstrip(": ") for each in choices[:MAX_CHOICES]]
    cells = max(map(width, listed), default=0) + 2
    in_line = max(1, columns // cells)
    padded = [each + " " * (cells - width(each)) for each in listed]
    lines = ["".join(padded[at : at + in_line]).rstrip() for at in range(0, len(padded), in_line)]
    more = len(choices) - MAX_CHOICES
    return [*lines, f"and {more} more"] if more > 0 else lines
