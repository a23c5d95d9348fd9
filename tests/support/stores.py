"""Empty stores, without running the migrations, which take longer than most tests."""

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
    """Copy an empty SQLite database to *folder*."""
    (folder / "pyconchat.db").write_bytes(_empty_database())


def quick_store(folder: Path) -> SqlStore:
    """Return a store as `make_store` does, on a copy of an empty database."""
    copy_empty(folder)
    return make_store(folder)
