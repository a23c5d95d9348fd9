"""Slashes: lines that begin with one and are messages even so, such as comments and paths."""

from __future__ import annotations

import re
from collections.abc import Callable

__all__ = ["cannot_be_command", "unescaped"]

_SYMBOL = re.compile(r"[!-.:-@\[-`{-~]")
"""A visible ASCII character that is no letter, no digit and no slash."""

_FIRST = re.compile(r"\w+")


def unescaped(line: str) -> str:
    """Return the message of *line*, which begins with ``//``: the text after the first slash.

    With a space after the slashes it is a comment in program code, and the message is unchanged.
    """
    return line if line[2:3] in ("", " ", "\t") else line[1:]


def cannot_be_command(line: str, is_command: Callable[[str], bool]) -> bool:
    """Return whether *line*, which begins with one slash, is no command, even a mistyped one.

    Its first word is a path, such as ``/usr/bin``, or has a symbol after the slash. If it begins
    with the name of a command even so, it is treated as that command: it must not become public.
    """
    word = re.split(r"\s", line, maxsplit=1)[0][1:]
    if "/" not in word and not _SYMBOL.match(word):
        return False
    first = _FIRST.search(word)
    return first is None or not is_command(first[0].lower())
