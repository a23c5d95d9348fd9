"""Empty stores, without running the migrations, which take longer than most tests."""

from __future__ import annotations

import tempfile
from collections.abc import MutableMapping
from functools import cache
from pathlib import Path
from typing import Any

from pyconchat.store import SqlStore
from pyconchat.testing import make_store

__all__ = ["copy_empty", "quick_store", "share_statements"]


class _Compiled(dict[Any, Any]):
    """Compiled statements, by keys that begin with the dialect object of an engine."""

    def get(self, key: tuple[Any, ...], default: Any = None) -> Any:
        return super().get(key[1:], default)

    def __setitem__(self, key: tuple[Any, ...], compiled: Any) -> None:
        super().__setitem__(key[1:], compiled)


_compiled: dict[str, MutableMapping[Any, Any]] = {}


def share_statements(store: SqlStore) -> SqlStore:
    """Have *store* use the statements that were compiled for other stores, and return it.

    Compiling each statement anew for each store takes longer than most tests.
    """
    for engine in filter(None, store._engines):
        compiled = _compiled.setdefault(engine.dialect.name, _Compiled())
        engine.update_execution_options(compiled_cache=compiled)
    return store


@cache
def _empty_database() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        make_store(Path(folder)).close()
        return (Path(folder) / "pyconchat.db").read_bytes()


def copy_empty(folder: Path) -> None:
    """Copy an empty SQLite database to *folder*."""
    _write(folder, _empty_database())


def _write(folder: Path, data: bytes) -> None:
    database = folder / "pyconchat.db"
    database.touch(mode=0o600)
    database.write_bytes(data)


def quick_store(folder: Path, data: bytes | None = None) -> SqlStore:
    """Return an open SQLite store in *folder*, as `make_store` does, on a copy of an empty one.

    *data* is the file of another database to copy.
    """
    _write(folder, _empty_database() if data is None else data)
    store = share_statements(SqlStore(f"sqlite:///{folder / 'pyconchat.db'}"))
    store.open()
    return store
