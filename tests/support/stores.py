"""Stores that begin empty, and without the migrations, which take longer than most tests."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from pyconchat.store import SqlStore
from pyconchat.testing import make_store

__all__ = ["copy_empty", "quick_store"]


@cache
def _empty_database() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        make_store(Path(folder)).close()
        return (Path(folder) / "pyconchat.db").read_bytes()


def copy_empty(folder: Path) -> None:
    """Put a SQLite database in which nothing has happened into *folder*."""
    (folder / "pyconchat.db").write_bytes(_empty_database())


def quick_store(folder: Path) -> SqlStore:
    """As `make_store`, but the empty database is a copy."""
    copy_empty(folder)
    return make_store(folder)
