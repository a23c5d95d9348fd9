"""Backups: copies of a server's state folder, also while the server runs."""

from __future__ import annotations

import shutil
from pathlib import Path

from pyconchat.net.selfsigned import CERTIFICATE_FILE, KEY_FILE
from pyconchat.store import SqlStore

__all__ = ["DATABASE", "FILES", "back_up"]

FILES = "files"
DATABASE = "pyconchat.db"


def back_up(store: SqlStore, state: Path, target: Path) -> None:
    """Copy the database of *store* and the rest of the state folder *state* to *target*.

    The new folder *target* is complete: a server can be started on it. If the copy fails, *target*
    is removed again. Raises `OSError`, `BadStore` or `NotSaved`.
    """
    target.mkdir(mode=0o700, parents=True)
    try:
        # The database first: the files of all entries in the copy then exist.
        store.snapshot(target / DATABASE)
        for name in (KEY_FILE, CERTIFICATE_FILE):
            if (state / name).exists():
                shutil.copy2(state / name, target / name)
        if (state / FILES).exists():
            ignore = shutil.ignore_patterns("partial")
            shutil.copytree(state / FILES, target / FILES, ignore=ignore)
    except BaseException:
        shutil.rmtree(target)
        raise
