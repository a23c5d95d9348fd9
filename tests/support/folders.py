"""Temporary folders in memory: on a disk, each commit of each store waits for it."""

from __future__ import annotations

import os
import shutil
import tempfile

__all__ = ["in_memory", "use_memory"]


def in_memory() -> str | None:
    """Return a folder in memory, or None if this machine has none with a gigabyte to spare."""
    shared = "/dev/shm"
    has_space = os.path.isdir(shared) and shutil.disk_usage(shared).free > 2**30
    return shared if has_space else None


def use_memory() -> None:
    """Have this process, and those that it starts, create temporary folders in memory.

    The environment variable TMPDIR names another folder.
    """
    folder = in_memory()
    if folder is not None and "TMPDIR" not in os.environ:
        os.environ["TMPDIR"] = folder
        tempfile.tempdir = None  # read the variable again
