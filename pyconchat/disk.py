"""Writing files so that a crash or a power cut leaves the old version or the new one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["create_private_file", "sync", "temporary_file"]


def sync(path: Path) -> None:
    """Flush *path* to the disk: a file's bytes, or the names in a folder. Raises `OSError`."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def temporary_file(path: Path, data: bytes, owner: tuple[int, int] | None = None) -> Iterator[Path]:
    """Write *data* to a new file in the folder of *path*, flush it, and yield its path.

    It belongs to the user and group *owner*, if given, which only root may do.
    The caller renames or links it to *path*. Nobody but the owner can read it, and it is removed
    at the end if it still exists. Raises `OSError`.
    """
    descriptor, name = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)  # mode 0600
    temporary = Path(name)
    try:
        with open(descriptor, "wb") as file:
            if owner is not None:
                os.fchown(descriptor, *owner)
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def create_private_file(path: Path, data: bytes) -> None:
    """Create the file *path* with *data* atomically, readable only by its owner.

    The folder's owner gets it. An existing file is not replaced: another server that is starting
    may have just created it. Raises `OSError`.
    """
    owner: tuple[int, int] | None = None
    if os.geteuid() == 0:  # twistd --uid: the server will run as the folder's owner
        found = path.parent.stat()
        owner = found.st_uid, found.st_gid
    with temporary_file(path, data, owner) as new, suppress(FileExistsError):
        os.link(new, path)  # unlike rename(2), link(2) never replaces a file
