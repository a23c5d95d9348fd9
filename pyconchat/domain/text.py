"""SafeText: the only text of other people that may reach a terminal.

It is made once, where text enters the server. It leaves out characters that could move the
cursor, change colours, type into the reader's shell, or reorder letters on the screen.
"""

from __future__ import annotations

import unicodedata
from typing import NewType

__all__ = ["SafeText", "in_bytes", "safe_text"]

SafeText = NewType("SafeText", str)
"""Text without control characters or bidi overrides, with at most 4 combining marks in a row.

Only `safe_text` makes one from what a person typed.
"""

MAX_COMBINING = 4
"""Maximum combining marks in a row. Many more on one letter would cover the lines around it."""

# Explicit directional formatting (Unicode UAX #9, section 2): embeddings, overrides, isolates.
# The implicit marks (LRM, RLM, ALM) and the joiners stay: right-to-left text and emoji need them.
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_SPACES = frozenset("\t\u2028\u2029")


def safe_text(raw: str) -> SafeText:
    """Return *raw* without control characters and bidi overrides, with tabs as spaces.

    Only combining marks that stack on a letter (Unicode's Mn and Me) are limited. Spacing marks
    (Mc) are letters of many scripts.
    """
    if raw.isascii() and raw.isprintable():
        return SafeText(raw)
    kept: list[str] = []
    marks = 0
    for char in raw:
        category = unicodedata.category(char)
        if char in _SPACES:
            kept.append(" ")
            marks = 0
            continue
        if category in ("Cc", "Cs") or char in _BIDI:  # Cs: a lone surrogate, not encodable
            continue
        if category in ("Mn", "Me"):
            marks += 1
            if marks > MAX_COMBINING:
                continue
        elif category not in ("Mc", "Cf"):  # spacing marks and joiners continue the same letter
            marks = 0
        kept.append(char)
    return SafeText("".join(kept))


def in_bytes(count: int) -> SafeText:
    """Return a count of bytes in units of powers of 1000: ``1.2 MB``."""
    size = float(max(0, min(count, 10**30)))
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 999.5:
            digits = 0 if unit == "bytes" or size >= 9.95 else 1
            return SafeText(f"{size:.{digits}f} {unit}")
        size /= 1000
    return SafeText(f"{size:.1f} TB")
