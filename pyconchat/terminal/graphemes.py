"""Grapheme clusters: visible characters (Unicode UAX #29, section 3)."""

from __future__ import annotations

from wcwidth import grapheme_boundary_before, iter_graphemes

__all__ = ["length_after", "length_before"]

MAX_LENGTH = 64
"""Maximum code points in one step, more than any cluster in real text."""


def length_before(text: str) -> int:
    """Return the number of code points in the last cluster of *text*; 0 if it is empty."""
    end = text[-MAX_LENGTH:]
    return len(end) - grapheme_boundary_before(end, len(end)) if end else 0


def length_after(text: str) -> int:
    """Return the number of code points in the first cluster of *text*; 0 if it is empty."""
    return len(next(iter_graphemes(text[:MAX_LENGTH]), ""))
