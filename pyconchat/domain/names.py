"""Names of people and groups: which are valid, and when two are equal.

A valid name is ASCII, so it is safe on every terminal and needs no `SafeText`.
"""

from __future__ import annotations

import re
from typing import NewType

from pyconchat.domain.errors import Code, Refused

__all__ = ["COMMAND_WORDS", "Key", "Name", "fold", "group_name", "group_number", "person_name"]

Name = NewType("Name", str)
"""A valid name, in the spelling in which it was first used."""

Key = NewType("Key", str)
"""A name after case folding. Two names are the same if their keys are equal."""

_VALID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")

# Words that work as commands without a slash. A group or a person with such a name could not be
# distinguished from the command.
COMMAND_WORDS = frozenset({"exit", "help", "join", "leave", "message", "qqq", "quit", "who"})

_RULE = "1 to 32 letters, digits, '_', '.' or '-', and begins with a letter or a digit"

MAX_CHOSEN_NUMBER = 999_999_999
"""Maximum number that somebody may choose as a group's name. It has 9 digits."""


def fold(name: str) -> Key:
    """Return the key of *name*: the same for every spelling in upper and lower case."""
    return Key(name.lower())


def person_name(raw: str) -> Name:
    """Check a person's name. Raises `Refused` with `Code.BAD_NAME`."""
    return _checked(raw, "A name")


def group_name(raw: str) -> Name:
    """Check a group's name. Raises `Refused` with `Code.BAD_NAME`."""
    name = _checked(raw, "A group's name")
    if name.isdigit() and (name.startswith("0") or int(name) > MAX_CHOSEN_NUMBER):
        raise Refused(
            Code.BAD_NAME,
            "A group's number is between 1 and {highest}, without leading zeros.",
            highest=MAX_CHOSEN_NUMBER,
        )
    return name


def group_number(name: str) -> int | None:
    """Return the number that *name* stands for; None if it is not a number."""
    return int(name) if name.isascii() and name.isdigit() and len(name) <= 9 else None


def _checked(raw: str, what: str) -> Name:
    if not _VALID.fullmatch(raw):
        raise Refused(Code.BAD_NAME, "{what} has {rule}.", what=what, rule=_RULE)
    if raw.lower() in COMMAND_WORDS:
        raise Refused(
            Code.BAD_NAME, "{word} is a command, not a name: choose another.", word=raw.lower()
        )
    return Name(raw)
