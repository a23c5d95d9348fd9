"""Paths: the files that a person names, and how their paths are shown."""

from __future__ import annotations

import os
from glob import glob
from os.path import expanduser
from pathlib import Path

from pyconchat.domain.text import SafeText, safe_line

__all__ = ["files_named", "safe_path"]


def files_named(typed: str) -> list[Path]:
    """Return the files that *typed* names: one path, or several with the shell's wildcards."""
    whole = Path(expanduser(typed.strip()))
    if whole.is_file():
        return [whole]
    paths: list[Path] = []
    for word in typed.split():
        found = sorted(glob(expanduser(word)))
        paths += [Path(each) for each in found if Path(each).is_file()]
    return paths


def safe_path(path: Path) -> SafeText:
    """Return *path* as text that can be shown and sent, whatever bytes are in it."""
    return safe_line(os.fsencode(path).decode(errors="replace"))
