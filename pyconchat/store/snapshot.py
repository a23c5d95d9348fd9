"""Snapshots of an SQLite database: consistent copies, even while another process writes."""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy import Engine

from pyconchat.disk import sync
from pyconchat.store.engines import BadStore, is_sqlite


def take_snapshot(engine: Engine, path: Path) -> None:
    """Copy the database of *engine*, as it is now, to *path*, which must not exist.

    Writers do not wait for it. Raises `BadStore` if the database is not SQLite, `OSError`, and
    the driver's errors.
    """
    if not is_sqlite(engine):
        raise BadStore("only SQLite is copied here: for PostgreSQL use pg_dump, and copy files/")
    # Created here with mode 0600, because SQLite would use the umask. It accepts an empty file.
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        # On the driver's own connection, because VACUUM cannot run inside a transaction.
        connection = engine.raw_connection()
        try:
            connection.cursor().execute("VACUUM INTO ?", (str(path),))
        finally:
            connection.close()
        sync(path)
    except BaseException:
        path.unlink()
        raise


def restore_snapshot(engine: Engine, path: Path) -> None:
    """Replace the database of *engine*, which has no open connection, by the snapshot at *path*."""
    assert engine.url.database is not None, "only a file has snapshots"
    database = Path(engine.url.database)
    for rest in ("-wal", "-shm"):  # these belong to the old database
        database.with_name(database.name + rest).unlink(missing_ok=True)
    os.replace(path, database)
    sync(database.parent)
