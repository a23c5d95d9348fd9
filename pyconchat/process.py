"""Process: what the server asks of the operating system for itself."""

from __future__ import annotations

import fcntl
import os
import pwd
import resource
from pathlib import Path

__all__ = [
    "LOCK",
    "Owner",
    "lock_folder",
    "make_folder",
    "most_connections",
    "raise_descriptors",
    "running_server",
]

LOCK = "lock"
"""The file of the state folder that a server holds, with its process id."""

Owner = tuple[int | None, int | None]
"""The user and the group, by number, as whom the server will run; None: as now."""


def make_folder(folder: Path, owner: Owner) -> None:
    """Make the state *folder*, for its owner alone, and for *owner* if we are still root.

    Raises `OSError`.
    """
    if folder.is_dir():
        return
    folder.mkdir(mode=0o700, parents=True)
    uid, gid = owner
    if os.geteuid() == 0 and uid is not None:
        os.chown(folder, uid, pwd.getpwuid(uid).pw_gid if gid is None else gid)


def lock_folder(folder: Path) -> int:
    """Lock *folder* for this process, whose id the lock says; return what to close at the end.

    Raises `BlockingIOError` if another process has it, and other kinds of `OSError`.
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
    """Return the process id of the server that has locked *folder*; None if there is none."""
    try:
        with open(folder / LOCK, "rb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(lock.read())
    except (FileNotFoundError, ValueError):
        pass
    return None


def raise_descriptors() -> None:
    """Have as many file descriptors as we may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def most_connections() -> int:
    """Return how many connections leave enough descriptors for the database and for files."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(descriptors - 64 - descriptors // 16, descriptors // 2)
