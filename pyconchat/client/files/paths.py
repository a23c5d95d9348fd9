"""Paths: the files that a person names, and how their paths are shown."""

from __future__ import annotations

import os
import shlex
from contextlib import suppress
from glob import glob
from os.path import expanduser, isfile
from pathlib import Path
from unicodedata import normalize
from urllib.parse import unquote, urlsplit

from pyconchat.domain.text import SafeText, safe_line

__all__ = ["files_named", "safe_path"]


def files_named(typed: str) -> list[Path]:
    """Return the files that *typed* names: one path, or several as a shell takes them.

    A path may be quoted, a ``file:`` URL (RFC 8089), as terminals paste a dropped file, or have
    wildcards.
    """
    whole = _file(typed.strip())
    if whole is not None:
        return [whole]
    try:
        words = shlex.split(typed)
    except ValueError:  # a quote without its end
        words = typed.split()
    paths: list[Path] = []
    for word in words:
        one = _file(_without_scheme(word))
        names = sorted(glob(expanduser(word))) if one is None else []
        paths += [one] if one is not None else [Path(each) for each in names if isfile(each)]
    return paths


def _file(text: str) -> Path | None:
    """Return the file with the path *text*, in any Unicode normal form."""
    path = Path(expanduser(text))
    if isfile(path):
        return path
    name = normalize("NFC", path.name)
    with suppress(OSError, ValueError):
        for each in path.parent.iterdir():
            if normalize("NFC", each.name) == name and isfile(each):
                return each
    return None


def _without_scheme(word: str) -> str:
    """Return the path of a ``file:`` URL; any other *word* as it is."""
    if not word.lower().startswith("file:"):
        return word
    with suppress(ValueError):
        url = urlsplit(word)
        if url.netloc in ("", "localhost"):
            return unquote(url.path)
    return word


def safe_path(path: Path) -> SafeText:
    """Return *path* as text that can be shown and sent, whatever bytes are in it."""
    return safe_line(os.fsencode(path).decode(errors="replace"))
