"""Downloads: where fetched files go: into one folder, under a name of our own making.

The server says what a file is called, and is not trusted: nothing is written outside of the
folder, over another file, or through a link.
"""

from __future__ import annotations

import fcntl
import os
from itertools import count
from pathlib import Path
from typing import BinaryIO

from pyconchat.domain.text import safe_text

__all__ = ["Downloads", "local_name"]

LONGEST = 200
"""Bytes in a name: what every file system takes, with room for " (1)"."""


class Downloads:
    """The files in *folder*, which is made when the first one comes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def begin(self, number: int, sha256: str) -> tuple[BinaryIO, Path]:
        """Open what is here of a download, or a new file. Raises `OSError`.

        It is hidden, and its name is of digits: the hash tells it from another file's.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        digest = "".join(char for char in sha256[:16] if char in "0123456789abcdef")
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        for other in count():  # one at a time may write to each
            path = self.folder / f".pyconchat-{number:d}-{digest}-{other}.part"
            file = os.fdopen(os.open(path, flags, 0o600), "r+b")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
                continue
            return file, path
        raise AssertionError("the numbers do not end")

    def finish(self, partial: Path, name: str) -> Path:
        """Give the complete file at *partial* its name; return where it is. Raises `OSError`."""
        stem, suffix = os.path.splitext(local_name(name))
        for number in count():
            path = self.folder / (f"{stem} ({number}){suffix}" if number else f"{stem}{suffix}")
            try:
                # What exists, be it a link itself, makes this fail: nothing is written over.
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            except FileExistsError:
                continue
            partial.replace(path)
            return path
        raise AssertionError("the numbers do not end")


def local_name(name: str) -> str:
    """Return what a file that the server calls *name* is called here."""
    base = safe_text(name).replace("\\", "/").rpartition("/")[2].strip().lstrip(".")
    while len(base.encode()) > LONGEST:
        base = base[:-1]
    return base.replace("\0", "") or "file"
