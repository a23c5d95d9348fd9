"""Storage: the bytes of shared files, in a folder. Every method blocks; nothing here knows Twisted.

A file comes in under ``partial/`` and is moved to its place, under its own id, when all of it is
on disk: nobody ever sees half a file. What people call a file is never a name here.
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

BLOCK = 1024 * 1024
"""Bytes read at once where a file is read as a whole."""


class Disk(NamedTuple):
    """How much room there is, in bytes."""

    free: int
    total: int


class Partial:
    """A file that is coming in, of which *size* bytes are here; not shared with other threads."""

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
                rest = rest[self._file.write(rest) :]  # the disk may take a part
            self._sha256.update(piece)
            self.size += len(piece)

    def digest(self) -> str:
        """Return the SHA-256 of all that is here, in hex."""
        return self._sha256.hexdigest()

    def close(self) -> None:
        """Keep what is here, to go on with it later."""
        self._file.close()

    def discard(self) -> None:
        """Throw away what is here."""
        self._file.close()
        self.path.unlink(missing_ok=True)

    def move_to(self, place: Path) -> None:
        """Have all of it on disk, then in its *place*. Raises `OSError`."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        place.parent.mkdir(mode=0o700, exist_ok=True)
        self.path.rename(place)
        for folder in (place.parent, place.parent.parent):  # the second: the first may be new
            sync(folder)


class Storage:
    """The files in *folder*, of which nobody else can read anything."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._partials = folder / "partial"

    def open(self) -> None:
        """Make the folders. Raises `OSError`."""
        for folder in (self._folder, self._partials):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def disk(self) -> Disk:
        """Return how much room there is for us. Raises `OSError`."""
        found = os.statvfs(self._folder)
        return Disk(found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize)

    def partial_size(self, owner: str, key: str) -> int:
        """Return how much is here of *owner*'s unfinished upload *key*, in bytes."""
        try:
            return self._partial(owner, key).stat().st_size
        except FileNotFoundError:
            return 0

    def unfinished(self, owner: str, but_for: Sequence[str]) -> int:
        """Return how much is here of the unfinished uploads of *owner*, in bytes.

        Those whose keys are in *but_for* do not count.
        """
        others = {self._partial(owner, key) for key in but_for}
        return sum(path.stat().st_size for path in self._of(owner) if path not in others)

    def make_room(self, owner: str, keeping: Sequence[str]) -> None:
        """Remove the unfinished uploads of *owner* but for those whose keys are in *keeping*."""
        kept = {self._partial(owner, key) for key in keeping}
        for path in self._of(owner):
            if path not in kept:
                path.unlink(missing_ok=True)

    def begin(self, owner: str, key: str, offset: int) -> Partial:
        """Begin the upload *key*, or go on with it after *offset* bytes. Raises `OSError`."""
        path = self._partial(owner, key)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        file = os.fdopen(descriptor, "r+b", buffering=0)
        sha256 = hashlib.sha256()
        left = offset
        while left and (data := file.read(min(left, BLOCK))):
            sha256.update(data)
            left -= len(data)
        file.truncate(offset - left)
        return Partial(path, file, offset - left, sha256)

    def place(self, id: str) -> Path:
        """Return where the file *id* is, or will be."""
        return self._folder / id[:2] / id

    def remove(self, ids: Sequence[str]) -> None:
        """Remove files. Those that are not there are gone already."""
        for id in ids:
            self.place(id).unlink(missing_ok=True)

    def clean(self, known: Container[str], now: float, oldest: float) -> int:
        """Remove what nobody will ask for; return how many files that was.

        That is a file that is none of *known* (the server was killed before its entry was
        stored), and an upload that was not gone on with for *oldest* seconds. Either has to be
        so old, for the newest may be about to become known.
        """
        unknown = [path for path in self._folder.glob("??/*") if path.name not in known]
        removed = 0
        for path in (*unknown, *self._partials.iterdir()):
            with suppress(FileNotFoundError):  # it was moved, or removed, meanwhile
                if now - path.stat().st_mtime > oldest:
                    path.unlink()
                    removed += 1
        return removed

    def _partial(self, owner: str, key: str) -> Path:
        return self._partials / f"{_digest(owner)}-{_digest(key)}"

    def _of(self, owner: str) -> list[Path]:
        return list(self._partials.glob(f"{_digest(owner)}-*"))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:40]
