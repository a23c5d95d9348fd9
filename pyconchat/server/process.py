"""Settings of the server's own process: state folder, lock, file descriptors, garbage collector."""

from __future__ import annotations

import fcntl
import gc
import os
import pwd
import resource
from pathlib import Path

__all__ = [
    "LOCK",
    "Owner",
    "limit_gc",
    "lock_folder",
    "make_folder",
    "max_connections",
    "raise_descriptor_limit",
    "running_server",
]

LOCK = "lock"
"""File in the state folder that a running server locks; it contains the server's process id."""

Owner = tuple[int | None, int | None]
"""The numeric user and group as which the server will run; None: unchanged."""

GC_THRESHOLDS = (50_000, 10, 20)
"""Arguments of `gc.set_threshold`, far higher than Python's defaults."""

RESERVED_DESCRIPTORS = 64
"""File descriptors that connections never use, in addition to 1/16 of all."""


def limit_gc() -> None:
    """Exclude all existing objects from the cyclic garbage collector, and run it less often.

    With the defaults a full collection under load takes 60 ms, once a second, during which
    nobody is served. It would find little: our objects break their reference cycles when they are
    closed (tests/doors/test_freed.py).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


def make_folder(folder: Path, owner: Owner) -> None:
    """Create the state *folder* with mode 0700 if it does not exist.

    If this process is root, the folder will belong to *owner*. Raises `OSError`.
    """
    if folder.is_dir():
        return
    folder.mkdir(mode=0o700, parents=True)
    uid, gid = owner
    if os.geteuid() == 0 and uid is not None:
        os.chown(folder, uid, pwd.getpwuid(uid).pw_gid if gid is None else gid)


def lock_folder(folder: Path) -> int:
    """Lock *folder* and write this process's id into the lock file.

    Return the file descriptor that holds the lock. Raises `BlockingIOError` if another process has
    locked the folder, and other kinds of `OSError`.
    """
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise
    os.ftruncate(lock, 0)
    os.write(lock, f"{os.getpid()}\n".encode())
    return lock


def running_server(folder: Path) -> int | None:
    """Return the process id of the server that has locked *folder*, or None."""
    try:
        with open(folder / LOCK, "rb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(lock.read())
    except (FileNotFoundError, ValueError):
        pass
    return None


def raise_descriptor_limit() -> None:
    """Raise the soft limit of file descriptors to the hard limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def max_connections() -> int:
    """Return the maximum connections that leave file descriptors for the database and for files."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(descriptors - RESERVED_DESCRIPTORS - descriptors // 16, descriptors // 2)
