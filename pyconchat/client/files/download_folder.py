"""DownloadFolder: the folder for fetched files, under names that are safe on this machine.

The server names the files, and is not trusted: nothing is written outside the folder, over an
existing file, or through a link.
"""

from __future__ import annotations

import fcntl
import os
from itertools import count
from pathlib import Path
from typing import BinaryIO

from pyconchat.domain.text import safe_line

__all__ = ["DownloadFolder", "local_name"]

MAX_NAME_BYTES = 200
"""Maximum bytes in a name: every file system allows that, and " (1)" after it."""


class DownloadFolder:
    """The folder *path*, which is created for the first file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, number: int, sha256: str) -> tuple[BinaryIO, Path]:
        """Open the part of a download that has been fetched before, or a new file.

        It is hidden. Its name has the file's number and hash, so that another file is not
        continued by mistake. Raises `OSError`.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        digest = "".join(char for char in sha256[:16] if char in "0123456789abcdef")
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        for other in count():  # two clients may fetch the same file into the same folder
            path = self.path / f".pyconchat-{number:d}-{digest}-{other}.part"
            file = os.fdopen(os.open(path, flags, 0o600), "r+b")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
                continue
            return file, path
        raise AssertionError("the numbers do not end")

    def finish(self, part: Path, name: str) -> Path:
        """Give the complete file at *part* its name; return its path. Raises `OSError`."""
        stem, suffix = os.path.splitext(local_name(name))
        for number in count():
            path = self.path / (f"{stem} ({number}){suffix}" if number else f"{stem}{suffix}")
            try:
                # Fails for whatever exists, links included, so that nothing is overwritten.
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            except FileExistsError:
                continue
            part.replace(path)
            return path
        raise AssertionError("the numbers do not end")


def local_name(name: str) -> str:
    """Return the name on this machine for a file that the server calls *name*."""
    base = safe_line(name).replace("\\", "/").rpartition("/")[2].strip().lstrip(".")
    while len(base.encode()) > MAX_NAME_BYTES:
        base = base[:-1]
    return base.replace("\0", "") or "file"
