"""Words that several replies have in common."""

from __future__ import annotations

from pyconchat.domain.text import SafeText

__all__ = [
    "HOOK",
    "NAMED",
    "age",
    "away_notes",
    "bracketed",
    "counted",
    "more_lines",
    "presence",
    "with_part",
]

HOOK = " (hook)"
"""After the name of a hook. No name has a space in it."""


NAMED = "» "
"""Before a line that mentions the reader. No name begins with it."""


class Hint(str):
    """A line that names commands; only names in it are people's.

    A door may write the commands as its clients type them.
    """

    __slots__ = ()


def counted(count: int, thing: str, things: str = "") -> str:
    """Return *count* things, as in ``1,200 entries``; *things* is the plural if not with an s."""
    return f"{count:,} {thing if count == 1 else things or thing + 's'}"


def age(milliseconds: int) -> str:
    """Return a duration in its largest whole unit, as in ``2 hours``."""
    seconds = max(0, milliseconds // 1000)
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length:
            return counted(seconds // length, unit)
    return counted(seconds, "second")


def bracketed(notes: str) -> str:
    """Return *notes* in brackets after a space; "" if there are none."""
    return f" ({notes})" if notes else ""


def presence(online: bool) -> str:
    """Return the word for whether somebody is online."""
    return "online" if online else "offline"


def away_notes(text: SafeText | None) -> list[str]:
    """Return the note for somebody who is away, saying *text*; none if it is None."""
    if text is None:
        return []
    return [f"away: {text}" if text else "away"]


def with_part(part: SafeText) -> str:
    """Return the words for a list that has only the names containing *part*."""
    return f" with {part} in the name" if part else ""


def more_lines(count: int, next: str) -> list[str]:
    """Return the line about *count* more, which the command *next* lists; none for 0."""
    return [Hint(f"… and {count:,} more: {next}")] if count else []
