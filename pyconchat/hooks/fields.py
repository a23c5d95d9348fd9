"""Fields of an untrusted JSON object: reading never fails, whatever its shape."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pyconchat.domain.text import SafeText, safe_line

__all__ = ["Fields", "cut", "items", "link", "number", "section", "word"]

Fields = Mapping[str, object]

MAX_WORD = 200
"""Maximum characters of a field in a sentence."""

MAX_LINK = 500
"""Maximum characters of a link; a longer one is left out, because a part of it leads nowhere."""

_LINK = re.compile(r"https?://[!-~]+")


def section(fields: Fields, *path: str) -> Fields:
    """Return the object at *path*; an empty one if there is none."""
    found: object = fields
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def items(fields: Fields, name: str) -> Sequence[Fields]:
    """Return the objects in the list *name*; none if there is no list."""
    found = fields.get(name)
    if not isinstance(found, list):
        return ()
    return [each for each in found if isinstance(each, Mapping)]


def word(fields: Fields, *path: str, most: int = MAX_WORD) -> SafeText:
    """Return the first line of the string at *path*, or the number there; else an empty text."""
    found = section(fields, *path[:-1]).get(path[-1])
    if isinstance(found, bool) or not isinstance(found, str | int):
        return SafeText("")
    if isinstance(found, int) and abs(found) >= 10**18:
        return SafeText("")
    if isinstance(found, str):
        # The rest of a long string is never read.
        found = found.lstrip()[: 4 * most].partition("\n")[0]
    return cut(safe_line(str(found)).strip(), most)


def number(fields: Fields, *path: str) -> int:
    """Return the number at *path*; 0 if there is none that fits into 9 digits."""
    found = section(fields, *path[:-1]).get(path[-1])
    if isinstance(found, bool) or not isinstance(found, int):
        return 0
    return found if 0 < found < 10**9 else 0


def link(fields: Fields, *path: str) -> str:
    """Return the link at *path* with a space before it, to end a sentence; "" if there is none."""
    found = section(fields, *path[:-1]).get(path[-1])
    if not isinstance(found, str) or len(found) > MAX_LINK:
        return ""
    return f" {found}" if _LINK.fullmatch(found) else ""


def cut(text: str, most: int) -> SafeText:
    """Return *text*, which is safe, with an ellipsis in place of all after *most* characters."""
    return SafeText(text if len(text) <= most else f"{text[: most - 1].rstrip()}…")
