"""SQLite's write-ahead log (WAL): emptied after removals, written in advance, flushed.

While the file of the WAL grows, each commit has to bring its new length to the disk too, which
takes as long again as the commit itself. SQLite begins the file anew after each checkpoint without
making it shorter, so only the first commits after a start are slow. It is enough to fill the whole
file with zeros once: a WAL without a valid header is empty (SQLite, "WAL-mode File Format").
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from threading import Event, Thread
from typing import Any, Self

from sqlalchemy import Connection, Engine

from pyconchat.store.engines import LOCK_TIMEOUT, WAL_PAGES, is_sqlite

__all__ = ["WalFlusher", "prewrite_wal", "truncate_wal"]

MAX_WAL = WAL_PAGES * (4096 + 24) + (1 << 20)
"""Bytes that the WAL usually grows to: the frames until a checkpoint, and one large commit."""

PIECE = 1 << 20
"""Bytes that are written at once."""


FLUSH_INTERVAL = 0.05
"""Seconds between two flushes with ``durability = "normal"``: a power cut can lose this much."""


def truncate_wal(connection: Connection) -> bool:
    """Move everything from the WAL of *connection* to the database, and empty its file.

    The WAL has earlier versions of pages, with text that was removed. Returns whether that was
    possible: not while others read.
    """
    driver: Any = connection.connection.driver_connection
    driver.execute("PRAGMA busy_timeout = 0")
    try:
        busy, _pages, _moved = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except connection.dialect.loaded_dbapi.Error:
        return False
    finally:
        driver.execute(f"PRAGMA busy_timeout = {int(LOCK_TIMEOUT * 1000)}")
    return not busy


def prewrite_wal(connection: Connection) -> bool:
    """Fill the empty WAL file of *connection* with zeros.

    Returns whether it was done: not if another process has just written, or the disk is full.
    """
    path = Path(f"{connection.engine.url.database}-wal")
    with connection.begin():  # nobody else writes during this transaction
        try:
            with path.open("r+b", buffering=0) as file:
                if os.fstat(file.fileno()).st_size:
                    return False
                return _fill(file.fileno())
        except OSError:
            return False


def _fill(descriptor: int) -> bool:
    zeros = bytes(PIECE)
    try:
        for at in range(0, MAX_WAL, PIECE):
            os.pwrite(descriptor, zeros[: MAX_WAL - at], at)
        os.fdatasync(descriptor)
    except OSError:
        os.ftruncate(descriptor, 0)  # the rest of a nearly full disk is reserved for messages
        return False
    return True


class WalFlusher:
    """A thread that brings the WAL of *database* to the disk soon after each commit.

    Without it the kernel writes after half a minute, and a checkpoint, for which commits wait,
    has to flush all of it.
    """

    @classmethod
    def of(cls, engine: Engine, durability: str) -> Self | None:
        """Return one for *engine* if it is needed: with ``normal`` no commit waits for the disk."""
        needs_one = is_sqlite(engine) and durability == "normal"
        return cls(str(engine.url.database)) if needs_one else None

    def __init__(self, database: str) -> None:
        self._path = Path(f"{database}-wal")
        self._stored = Event()
        self._stopped = Event()
        self._thread = Thread(target=self._run, name="pyconchat-flusher", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread, if it was started; it first flushes the remaining data."""
        self._stopped.set()
        self._stored.set()
        if self._thread.is_alive():
            self._thread.join()

    def stored(self) -> None:
        """Something was committed."""
        self._stored.set()

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._stored.wait()
            self._stored.clear()
            self._flush()
            self._stopped.wait(FLUSH_INTERVAL)
        self._flush()

    def _flush(self) -> None:
        with contextlib.suppress(OSError):  # SQLite reports it when it needs the file
            descriptor = os.open(self._path, os.O_RDWR)  # the file may be another one now
            try:
                os.fdatasync(descriptor)
            finally:
                os.close(descriptor)
