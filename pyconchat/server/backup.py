"""Backups: copies of a server's state folder, also while the server runs.

Nothing here follows a symbolic link in the state folder: the backup may run as root, and the folder
belongs to the server's user.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pyconchat.config import HOST_KEY_FILE
from pyconchat.disk import sync
from pyconchat.net.selfsigned import CERTIFICATE_FILE, KEY_FILE
from pyconchat.store import SqlStore, sqlite_url

__all__ = ["DATABASE", "FILES", "back_up", "require_opened", "require_regular"]

FILES = "files"
DATABASE = "pyconchat.db"

MAX_ATTEMPTS = 10
"""Maximum snapshots in one backup: each time, files may be removed before they are copied."""

MAX_PIECE = 1024 * 1024
"""Maximum bytes that are copied at once."""


def back_up(store: SqlStore, state: Path, target: Path) -> None:
    """Copy the database of *store* and the rest of the state folder *state* to *target*.

    The new folder *target* is complete: a server can be started on it. Until then the copy has the
    name of *target* and ``.unfinished``; if the copy fails, it is removed again. Raises `OSError`,
    `BadStore` or `NotSaved`.
    """
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    unfinished = target.with_name(f"{target.name}.unfinished")
    unfinished.mkdir(mode=0o700, parents=True)
    try:
        store.snapshot(unfinished / DATABASE)
        with _folder(state) as source:
            for name in (KEY_FILE, CERTIFICATE_FILE, HOST_KEY_FILE):
                _copy(source, name, unfinished / name)
        _copy_files(store, state, unfinished)
        unfinished.rename(target)
        sync(target.parent)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def require_regular(database: Path) -> None:
    """Raise `OSError` if one of the files of the SQLite *database* is a link, or no file.

    SQLite follows links, and would also create files beside their targets.
    """
    for rest in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            path = database.with_name(database.name + rest)
            if not stat.S_ISREG(path.lstat().st_mode):
                raise OSError(errno.EINVAL, "not a regular file", str(path))


def require_opened(database: Path) -> None:
    """Raise `OSError` unless this process has *database* itself open.

    The file may have been a link when it was opened, although it was none before and is none now.
    """
    expected = database.lstat()
    for name in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else ():
        with suppress(OSError):
            if os.path.samestat(os.stat(f"/proc/self/fd/{name}"), expected):
                return
    raise OSError(errno.EINVAL, "the file was replaced while it was opened", str(database))


def _copy_files(store: SqlStore, state: Path, target: Path) -> None:
    """Copy the shared files of the snapshot in *target*.

    If the running server has removed some of them, a new snapshot is taken. The files shared before
    it are then copied already, so that few can still be removed before they are copied. A file that
    is missing from the state folder itself is missing in both snapshots.
    """
    if not (state / FILES).exists():
        return
    missing: set[str] | None = None
    for _ in range(MAX_ATTEMPTS):
        _copy_new(state, target)
        shared = _shared(target)
        copied = {path.name: path for path in (target / FILES).glob("??/*")}
        missing_before, missing = missing, shared - copied.keys()
        if not missing or (missing_before is not None and missing <= missing_before):
            for id in copied.keys() - shared:
                copied[id].unlink()
            return
        _copy_new(state, target)
        (target / DATABASE).unlink()
        store.snapshot(target / DATABASE)
    raise OSError("files are removed while they are copied: try again")


def _shared(target: Path) -> set[str]:
    """Return the ids of the files that the snapshot in *target* refers to."""
    snapshot = SqlStore(sqlite_url(target / DATABASE))
    try:
        loaded = snapshot.load()
    finally:
        snapshot.close()
    files = [*loaded.closed_files.values(), *(g.state.files for g in loaded.groups.values())]
    files += [direct.files for direct in loaded.direct_files.values()]
    return {file.id for each in files for file in each}


def _copy_new(state: Path, target: Path) -> None:
    """Copy the shared files that are not in *target* yet. Unfinished uploads are left out."""
    files = target / FILES
    files.mkdir(mode=0o700, exist_ok=True)
    with _folder(state) as folder, _folder(FILES, folder, follow=os.geteuid() != 0) as source:
        for name in os.listdir(source):
            if len(name) == 2:  # the first characters of the ids in it
                (files / name).mkdir(mode=0o700, exist_ok=True)
                with _folder(name, source) as ids:
                    for id in os.listdir(ids):
                        if not (files / name / id).exists():
                            _copy(ids, id, files / name / id)


@contextmanager
def _folder(path: Path | str, parent: int | None = None, follow: bool = False) -> Iterator[int]:
    """Open the folder *path*, of the folder *parent* if given.

    Raises `OSError` for a link in *parent*, unless it may *follow* links.
    """
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    if parent is not None and not follow:
        flags |= os.O_NOFOLLOW
    descriptor = os.open(path, flags, dir_fd=parent)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _copy(folder: int, name: str, target: Path) -> None:
    """Copy the regular file *name* of *folder*, if it exists, with its time of modification."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with suppress(FileNotFoundError):
        source = os.open(name, flags, dir_fd=folder)
        try:
            found = os.fstat(source)
            if not stat.S_ISREG(found.st_mode):
                raise OSError(errno.EINVAL, "not a regular file", name)
            made = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with open(source, "rb", closefd=False) as reading, open(made, "wb") as writing:
                shutil.copyfileobj(reading, writing, MAX_PIECE)
                writing.flush()
                os.utime(made, ns=(found.st_atime_ns, found.st_mtime_ns))
        finally:
            os.close(source)
