"""Checks for text that must not reach a terminal."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from itertools import dropwhile

__all__ = ["BIDI", "GO_AHEAD", "OPTIONS", "problems", "unsafe"]

BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
MAX_COMBINING = 8
"""Maximum combining marks after one letter."""

GO_AHEAD = b"\xff\xf9"
"""IAC GA, which follows a prompt at telnet (RFC 854)."""

OPTIONS = re.compile(rb"\xff[\xfb-\xfe].", re.DOTALL)
"""Telnet's option negotiation (RFC 854)."""


def unsafe(text: str, allowed: str = "\n") -> list[str]:
    """Return the unsafe parts of *text*. The control characters *allowed* are safe."""
    found = [
        f"U+{ord(char):04X}"
        for char in text
        if char not in allowed and (unicodedata.category(char) in ("Cc", "Cs") or char in BIDI)
    ]
    marks = 0
    for char in text:
        kind = unicodedata.category(char)
        if kind in ("Mn", "Me"):
            marks += 1
            if marks == MAX_COMBINING + 1:
                found.append(f"more than {MAX_COMBINING} combining marks")
        elif kind not in ("Mc", "Cf"):
            marks = 0
    return found


def strings(value: object) -> Iterator[str]:
    """Yield all strings in *value*, decoded JSON."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from strings(each)


def problems(received: bytes, kind: str) -> list[str]:
    """Return the unsafe text that a user of that *kind* has received."""
    if kind == "telnet":  # the server itself sends options and erases prompts
        received = (
            OPTIONS.sub(b"", received.replace(GO_AHEAD, b""))
            .replace(b"\r\x1b[K", b"")
            .replace(b"\r\n", b"\n")
        )
    found = unsafe(received.decode())
    if kind == "json":
        lines = received.splitlines()
        # On a busy machine the hello may be late: then the server has sent the greeting for people.
        for line in dropwhile(lambda each: not each.startswith(b"{"), lines):
            for text in strings(json.loads(line)):
                found += unsafe(text, "\n\t")  # programs lay out messages by themselves
    return found
