"""Storage: the bytes of shared files, in a folder. Every method blocks; nothing here knows Twisted.

An upload is written under ``partial/`` and is renamed to its id when all of it is on disk, so a
shared file is always complete. The names that people give to files are never used here.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Container, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

from pyconchat.disk import sync

__all__ = ["Disk", "Partial", "Storage"]

MAX_BLOCK = 1024 * 1024
"""Maximum bytes that are read at once to hash the beginning of an upload."""


class Disk(NamedTuple):
    """The free space for the server, and the size of the file system, in bytes."""

    free: int
    total: int


class Partial:
    """An upload of which *size* bytes have been written. Only one thread at a time may use it."""

    def __init__(self, path: Path, file: BinaryIO, size: int, sha256: hashlib._Hash) -> None:
        self.path = path
        self.size = size
        self._file = file
        self._sha256 = sha256

    def write(self, pieces: Sequence[bytes]) -> None:
        """Add *pieces*. Raises `OSError`."""
        for piece in pieces:
            rest = memoryview(piece)
            while rest:
                rest = rest[self._file.write(rest) :]  # an unbuffered write may be partial
            self._sha256.update(piece)
            self.size += len(piece)

    def digest(self) -> str:
        """Return the SHA-256 of all bytes so far, in hex."""
        return self._sha256.hexdigest()

    def close(self) -> None:
        """Close the file, and keep it so that the upload can be resumed."""
        self._file.close()

    def discard(self) -> None:
        """Close and delete the file."""
        self._file.close()
        self.path.unlink(missing_ok=True)

    def move_to(self, path: Path) -> None:
        """Flush all of it to the disk, then rename it to *path*. Raises `OSError`."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        path.parent.mkdir(mode=0o700, exist_ok=True)
        self.path.rename(path)
        for folder in (path.parent, path.parent.parent):  # the second, as the first may be new
            sync(folder)


class Storage:
    """The files in *folder*, which only the server's user can read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._partials = folder / "partial"

    def open(self) -> None:
        """Create the folders. Raises `OSError`."""
        for folder in (self._folder, self._partials):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def disk(self) -> Disk:
        """Return how much space there is. Raises `OSError`."""
        found = os.statvfs(self._folder)
        return Disk(found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize)

    def partial_size(self, owner: str, key: str) -> int:
        """Return the size of *owner*'s unfinished upload *key*, in bytes; 0 if there is none."""
        try:
            return self._partial(owner, key).stat().st_size
        except FileNotFoundError:
            return 0

    def interrupted_bytes(self, owner: str, active: Sequence[str]) -> int:
        """Return the size of *owner*'s interrupted uploads: all except those with *active* keys."""
        return sum(path.stat().st_size for path in self._interrupted(owner, active))

    def remove_interrupted(self, owner: str, active: Sequence[str]) -> None:
        """Remove *owner*'s interrupted uploads: all except those with *active* keys."""
        for path in self._interrupted(owner, active):
            path.unlink(missing_ok=True)

    def begin(self, owner: str, key: str, offset: int) -> Partial:
        """Begin the upload *key*, or resume it after *offset* bytes. Raises `OSError`."""
        path = self._partial(owner, key)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        file = os.fdopen(descriptor, "r+b", buffering=0)
        sha256 = hashlib.sha256()
        left = offset
        while left and (data := file.read(min(left, MAX_BLOCK))):
            sha256.update(data)
            left -= len(data)
        file.truncate(offset - left)
        return Partial(path, file, offset - left, sha256)

    def path_of(self, id: str) -> Path:
        """Return the path of the file *id*, whether or not it exists."""
        return self._folder / id[:2] / id

    def remove(self, ids: Sequence[str]) -> None:
        """Remove the files with these *ids*, as far as they exist."""
        for id in ids:
            self.path_of(id).unlink(missing_ok=True)

    def old_ids(self, now: float, max_age: float) -> list[str]:
        """Return the ids of the files to which nothing was written for *max_age* seconds."""
        ids: list[str] = []
        for path in self._folder.glob("??/*"):
            with suppress(FileNotFoundError):  # removed by another thread
                if now - path.stat().st_mtime > max_age:
                    ids.append(path.name)
        return ids

    def clean(self, known: Container[str], now: float, max_age: float) -> int:
        """Remove orphaned files and abandoned uploads; return how many.

        An orphaned file is not in *known*, because the server was killed before its entry was
        stored. An upload is abandoned when nothing was written to it for *max_age* seconds. An
        orphan must have that age too: the entry of a new file may not be stored yet.
        """
        orphaned = [path for path in self._folder.glob("??/*") if path.name not in known]
        removed = 0
        for path in (*orphaned, *self._partials.iterdir()):
            with suppress(FileNotFoundError):  # renamed or removed by another thread
                if now - path.stat().st_mtime > max_age:
                    path.unlink()
                    removed += 1
        return removed

    def _partial(self, owner: str, key: str) -> Path:
        return self._partials / f"{_digest(owner)}-{_digest(key)}"

    def _interrupted(self, owner: str, active: Sequence[str]) -> list[Path]:
        paths = {self._partial(owner, key) for key in active}
        return [path for path in self._partials.glob(f"{_digest(owner)}-*") if path not in paths]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:40]
