"""DatabaseFile: notices that an SQLite file was removed or replaced while a server uses it.

SQLite continues with the file that it has open, which nobody can open again: what is committed
there is lost at the next start.
"""

from __future__ import annotations

import os

from pyconchat.domain.errors import NotSaved

__all__ = ["DatabaseFile"]


class DatabaseFile:
    """The file *path* as it is now. Raises `OSError` if there is none."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._known = self._identity()

    def require(self) -> None:
        """Raise `NotSaved` unless *path* is still the same file."""
        try:
            same = self._identity() == self._known
        except OSError as problem:
            raise NotSaved(f"{self._path}: {problem.strerror}") from None
        if not same:
            raise NotSaved(f"{self._path} was replaced: restart the server")

    def _identity(self) -> tuple[int, int]:
        found = os.stat(self._path)
        return found.st_dev, found.st_ino
