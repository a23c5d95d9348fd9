"""Process: what the server asks of the operating system, and of Python, for itself."""

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
    "lock_folder",
    "make_folder",
    "most_connections",
    "raise_descriptors",
    "running_server",
    "spare_the_collector",
]

LOCK = "lock"
"""The file of the state folder that a server holds, with its process id."""

Owner = tuple[int | None, int | None]
"""The user and the group, by number, as whom the server will run; None: as now."""


_COLLECTION = (50_000, 10, 20)
"""What Python's collector counts before it looks at the newest objects, at newer ones, at all."""


def spare_the_collector() -> None:
    """Have Python's collector of cycles leave alone what the start has made, and look less often.

    By default it looks at every object of the process again and again: 60 ms in which nobody is
    served, several times a second under load. Our objects are not in cycles once they are of no use
    (tests/doors/test_freed.py), so there is little to find.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECTION)


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
