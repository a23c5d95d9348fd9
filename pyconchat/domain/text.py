"""SafeText: the only text of other people that may reach a terminal.

It is made once, where text enters the server. It leaves out characters and sequences that could
move the cursor, change colours, type into the reader's shell, or reorder letters on the screen.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NewType

import regex
from wcwidth import iter_graphemes, width

__all__ = [
    "MAX_LINES",
    "MAX_NOTE",
    "Emoji",
    "SafeText",
    "columns",
    "emoji_in",
    "excerpt",
    "expand_tabs",
    "in_bytes",
    "safe_line",
    "safe_text",
]

SafeText = NewType("SafeText", str)
"""Text in NFC, with something visible in it, or empty.

It has no control characters but line feed and tab, no escape sequences, no bidi overrides, and at
most MAX_COMBINING combining marks and MAX_INVISIBLE invisible characters after one letter. Only
`safe_text` and `safe_line` make one from what a person typed.
"""

Emoji = NewType("Emoji", str)
"""One emoji, from `emoji_in`."""

MAX_LINES = 64
"""Maximum lines in a message."""

MAX_NOTE = 300
"""Maximum characters in a topic, a reason, or the note of a join request."""

MAX_EXCERPT = 40
"""Maximum columns of an excerpt."""

MAX_EMOJI = 16
"""Maximum characters of one emoji; a family of four has 7, the flag of Scotland too."""

MAX_COMBINING = 8
"""Maximum combining marks after one letter.

Tibetan, Burmese and pointed Hebrew need up to this many. Many more would cover the lines around.
"""

MAX_INVISIBLE = 8
"""Maximum joiners, tags and other invisible characters (Unicode's Cf) after one letter.

The flags of England, Scotland and Wales need six. Many could hide a text in another one.
"""

TAB = 8
"""Columns from one tab stop to the next."""

_PRINTABLE = bytes(range(0x20, 0x7F))
# Escape sequences of ECMA-48, 5.4 (CSI), 5.6 (control strings) and ECMA-35, 13 (the others), with
# ESC or as C1 control; also one that its text cuts short. A control string ends at ST or BEL, and
# here at the line's end too.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)
_EMOJI = regex.compile(
    r"(?=\p{Extended_Pictographic}|\p{Regional_Indicator}{2}|[0-9#*]\ufe0f?\u20e3)\X"
)
# VT, FF, NEL, LS and PS are new lines (Unicode, section 5.8).
_NEW_LINES = str.maketrans(dict.fromkeys("\v\f\x85\u2028\u2029", "\n"))
# Explicit directional formatting (Unicode UAX #9, section 2): embeddings, overrides, isolates.
# The implicit marks (LRM, RLM, ALM) and the joiners stay: right-to-left text and emoji need them.
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Format characters that are deprecated, or annotate text (Unicode, sections 23.3 and 23.8).
_UNWANTED = frozenset("\u206a\u206b\u206c\u206d\u206e\u206f\ufff9\ufffa\ufffb") | _BIDI
# Letters and symbols that show nothing: the Hangul fillers, the blank braille pattern.
_BLANK = frozenset("\u115f\u1160\u3164\uffa0\u2800")


def safe_text(raw: str) -> SafeText:
    """Return *raw* as safe text of one or more lines.

    Of a line that a bare carriage return overwrites, as a progress bar does, the last state stays.
    Only combining marks that stack on a letter (Unicode's Mn and Me) are limited. Spacing marks
    (Mc) are letters of many scripts.
    """
    if raw.isascii() and not raw.encode().translate(None, _PRINTABLE):  # quick: most lines
        return SafeText(raw if raw.strip() else "")
    text = _ESCAPES.sub("", raw).translate(_NEW_LINES)
    if "\r" in text:
        text = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    kept: list[str] = []
    marks = invisible = 0
    visible = False
    for char in unicodedata.normalize("NFC", text):
        if char in "\n\t":
            kept.append(char)
            marks = invisible = 0
            continue
        category = unicodedata.category(char)
        if category in ("Cc", "Cs") or char in _UNWANTED:  # Cs: a lone surrogate, not encodable
            continue
        if category in ("Mn", "Me"):
            marks += 1
            if marks > MAX_COMBINING:
                continue
        elif category == "Cf":  # joiners continue the same letter
            invisible += 1
            if invisible > MAX_INVISIBLE:
                continue
        elif category != "Mc":  # spacing marks do so, too
            marks = invisible = 0
            visible = visible or (category[0] != "Z" and char not in _BLANK)
        kept.append(char)
    if not visible:
        return SafeText("")
    # Once more: the removed characters may have separated a letter from its mark.
    return SafeText(unicodedata.normalize("NFC", "".join(kept)).strip("\n"))


def safe_line(raw: str) -> SafeText:
    """Return *raw* as safe text of one line, with spaces for line feeds and tabs."""
    text = safe_text(raw)
    if "\n" in text or "\t" in text:
        return SafeText(text.replace("\n", " ").replace("\t", " "))
    return text


def expand_tabs(line: str, before: str = "") -> str:
    """Return *line* with spaces up to the next tab stop for each tab.

    *before* is the text before it on the screen.
    """
    first, *others = line.split("\t")
    column = columns(before) + columns(first)
    pieces = [first]
    for piece in others:
        spaces = TAB - column % TAB
        pieces += [" " * spaces, piece]
        column += spaces + columns(piece)
    return "".join(pieces)


def columns(text: str) -> int:
    """Return how many columns *text* takes on a terminal."""
    return len(text) if text.isascii() else width(text)


def excerpt(text: SafeText) -> SafeText:
    """Return the start of *text*, in one line, with an ellipsis if it was cut."""
    first, line_end, _ = text.partition("\n")
    line = first.replace("\t", " ").strip()
    if not line_end and columns(line) <= MAX_EXCERPT:
        return SafeText(line)
    kept, used = "", 0
    for grapheme in iter_graphemes(line[: MAX_EXCERPT * MAX_EMOJI]):
        used += columns(grapheme)
        if used >= MAX_EXCERPT:
            break
        kept += grapheme
    return SafeText(f"{kept.rstrip()}…")


def emoji_in(text: SafeText) -> Emoji | None:
    """Return *text* if it is one emoji: one grapheme cluster (UAX #29) with a pictograph.

    Flags are two regional indicators, and keycaps a digit in a box (UTS #51, section 1.4).
    """
    return Emoji(text) if len(text) <= MAX_EMOJI and _EMOJI.fullmatch(text) else None


def in_bytes(count: int) -> SafeText:
    """Return a count of bytes in units of powers of 1000: ``1.2 MB``."""
    if count == 1:
        return SafeText("1 byte")
    size = float(max(0, min(count, 10**30)))
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 999.5:
            digits = 0 if unit == "bytes" or size >= 9.95 else 1
            return SafeText(f"{size:.{digits}f} {unit}")
        size /= 1000
    return SafeText(f"{size:.1f} TB")
