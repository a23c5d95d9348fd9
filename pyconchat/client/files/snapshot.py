"""Snapshot: the size and the hash of a file's content at the start."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import NamedTuple

__all__ = ["NotAFile", "Snapshot", "snapshot_of"]

BLOCK_BYTES = 256 * 1024
"""Bytes that are read at once."""

MAX_UNKNOWN = 1024 * 1024
"""Maximum bytes of a file whose reported size is 0, as those of /proc."""


class NotAFile(OSError):
    """The path is not a file of known size."""

    def __init__(self, why: str) -> None:
        super().__init__(0, why)


class Snapshot(NamedTuple):
    """The first *size* bytes of a file, and their SHA-256 in hexadecimal."""

    size: int
    sha256: str


def snapshot_of(path: Path, size: int | None = None) -> Snapshot:
    """Return the snapshot of the first *size* bytes of the file at *path*. Blocks.

    Without *size*, of its current size: a log may grow while it is read. Raises `OSError`.
    """
    if not stat.S_ISREG(path.stat().st_mode):  # opening a FIFO would block
        raise NotAFile("not a file")
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        most = status.st_size if size is None else size
        is_unknown = size is None and not most
        left = MAX_UNKNOWN + 1 if is_unknown else most
        digest, count = hashlib.sha256(), 0
        while left and (data := file.read(min(left, BLOCK_BYTES))):
            digest.update(data)
            count += len(data)
            left -= len(data)
    if is_unknown and count > MAX_UNKNOWN:
        raise NotAFile("the system does not know its size")
    return Snapshot(count, digest.hexdigest())
