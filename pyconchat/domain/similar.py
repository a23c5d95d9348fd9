"""Similar names: whether one may be a mistyped other."""

from __future__ import annotations

from collections.abc import Collection, Container

__all__ = ["close_names", "is_close"]

MIN_LENGTH = 3
"""Minimum characters of the longer name: all names of one letter are one change apart."""


def is_close(one: str, other: str) -> bool:
    """Return whether *one* becomes *other* by one change.

    A change is one character inserted, left out or replaced, or two neighbours exchanged: a
    Damerau-Levenshtein distance of 1. Equal names are not close.
    """
    if abs(len(one) - len(other)) > 1 or one == other or max(len(one), len(other)) < MIN_LENGTH:
        return False
    if len(one) > len(other):
        one, other = other, one
    at = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))
    if len(one) < len(other):
        return one[at:] == other[at + 1 :]
    exchanged = one[at + 1 : at + 2] + one[at] + one[at + 2 :]
    return one[at + 1 :] == other[at + 1 :] or exchanged == other[at:]


def close_names(name: str, known: Container[str], letters: Collection[str]) -> list[str]:
    """Return the names in *known* that are close to *name*, where all letters are in *letters*.

    The time grows with the number of letters, not of names.
    """
    cuts = [(name[:at], name[at:]) for at in range(len(name) + 1)]
    found = [
        *(one + two[1:] for one, two in cuts if one + two[1:] in known),
        *(new for one, two in cuts if (new := one + two[1:2] + two[:1] + two[2:]) in known),
        *(new for one, two in cuts for x in letters if (new := one + x + two[1:]) in known),
        *(new for one, two in cuts for x in letters if (new := one + x + two) in known),
    ]
    return [each for each in dict.fromkeys(found) if is_close(each, name)]
