"""Settings of the server's own process: state folder, lock, file descriptors, garbage collector."""

from __future__ import annotations

import errno
import fcntl
import gc
import os
import pwd
import re
import resource
import stat
from contextlib import suppress
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

MAX_LOCK_BYTES = 32
"""Maximum bytes of the lock file that are read."""

GC_THRESHOLDS = (10_000, 1, 1_000)
"""Arguments of `gc.set_threshold`.

So a collection looks at no more than about 30,000 objects, which takes up to about 30 ms, and at
all of them only after some hundred thousand logins.
"""

RESERVED_DESCRIPTORS = 64
"""File descriptors that connections never use, in addition to 1/16 of all."""


def limit_gc() -> None:
    """Exclude all existing objects from the cyclic garbage collector, and run it in small pieces.

    With the defaults, a full collection under load blocks the server for 60 ms, once a second. It
    would find little: our objects break their reference cycles when they are closed
    (tests/doors/test_freed.py).
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
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700)
    uid, gid = owner
    if os.geteuid() == 0 and uid is not None:
        # By descriptor: the path may be another folder, or a link, by now.
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            found = os.fstat(descriptor)
            if found.st_uid != 0 or os.listdir(descriptor):
                raise PermissionError(errno.EPERM, "the new folder was replaced", str(folder))
            os.fchown(descriptor, uid, pwd.getpwuid(uid).pw_gid if gid is None else gid)
        finally:
            os.close(descriptor)


def lock_folder(folder: Path) -> int:
    """Lock *folder* and write this process's id into the lock file.

    Return the file descriptor that holds the lock. Raises `BlockingIOError` if another process has
    locked the folder, and other kinds of `OSError`.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    lock = os.open(folder / LOCK, flags, 0o600)
    try:
        if not stat.S_ISREG(os.fstat(lock).st_mode):
            raise OSError(errno.EINVAL, "the lock is not a regular file")
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise
    os.ftruncate(lock, 0)
    os.write(lock, f"{os.getpid()}\n".encode())
    return lock


def running_server(folder: Path) -> int | None:
    """Return the process id of the server that has locked *folder*, or None."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        lock = os.open(folder / LOCK, flags)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _process_in(lock)
    finally:
        os.close(lock)
    return None


def _process_in(lock: int) -> int | None:
    """Return the process id in the file *lock*; None if it is not that of a server.

    Signals to 0 and negative numbers reach groups of processes, and 1 is init. A user who can write
    the file could name any process, so the process must have the file open.
    """
    written = os.read(lock, MAX_LOCK_BYTES)
    if not re.fullmatch(rb"[1-9][0-9]{0,9}\n", written):
        return None
    process = int(written)
    if process in (1, os.getpid()) or not _has_open(process, os.fstat(lock)):
        return None
    return process


def _has_open(process: int, file: os.stat_result) -> bool:
    """Return whether *process* has *file* open; True if this process may not read that."""
    folder = Path(f"/proc/{process}/fd")
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return not Path("/proc/self/fd").exists()  # a system without /proc
    except PermissionError:
        return True  # signals to it are not permitted either
    for name in names:
        with suppress(OSError):
            if os.path.samestat(os.stat(folder / name), file):
                return True
    return False


def raise_descriptor_limit() -> None:
    """Raise the soft limit of file descriptors to the hard limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def max_connections() -> int:
    """Return the maximum connections that leave file descriptors for the database and for files."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(descriptors - RESERVED_DESCRIPTORS - descriptors // 16, descriptors // 2)
