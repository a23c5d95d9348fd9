"""Writing files so that a crash or a power cut leaves the old version or the new one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["sync", "temporary_file"]


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
