"""Snapshots of an SQLite database: consistent copies, also of one that is being written."""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy import Engine

from pyconchat.disk import sync
from pyconchat.store.engines import BadStore, is_sqlite


def take_snapshot(engine: Engine, path: Path) -> None:
    """Copy the database of *engine* as it is now to *path*, which must not exist.

    Writers need not wait. Raises `BadStore` for what is no SQLite, `OSError`, and what the
    driver raises.
    """
    if not is_sqlite(engine):
        raise BadStore("only SQLite is copied here: for PostgreSQL use pg_dump, and copy files/")
    # Made before SQLite does, so that others can never read it; it takes an empty file.
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        # By the driver's own connection: VACUUM cannot run inside of a transaction.
        connection = engine.raw_connection()
        try:
            connection.cursor().execute("VACUUM INTO ?", (str(path),))
        finally:
            connection.close()
        sync(path)
    except BaseException:
        path.unlink()
        raise


def put_back(engine: Engine, path: Path) -> None:
    """Make the snapshot at *path* the database of *engine*, which has nothing open."""
    assert engine.url.database is not None, "only a file has snapshots"
    database = Path(engine.url.database)
    for rest in ("-wal", "-shm"):  # of what is replaced
        database.with_name(database.name + rest).unlink(missing_ok=True)
    os.replace(path, database)
    sync(database.parent)
