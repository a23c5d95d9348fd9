"""The lock of a database: only one server uses it, or only nodes.

SQLite: flock(2) on a file beside the database, which ends with the process. PostgreSQL: a
session-level advisory lock of the writer's connection. No other connection can then commit, and a
new connection gets the lock only when the transaction of the old one has ended. Nodes share this
lock. Each also has an exclusive one with a random key, which its new connections wait for.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import DBAPIError

from pyconchat.domain.errors import NotSaved
from pyconchat.store.engines import BadStore, is_sqlite, shown, unusable

__all__ = ["StoreLock"]

ADVISORY_KEY = 0x70796363
"""First key of the advisory lock ("pycc"); the second one is a hash of the schema's name."""

ADVISORY_WAIT = 2000
"""Milliseconds to wait for the lock: PostgreSQL may still have to end a closed connection."""

_LOCK = f"SELECT pg_advisory_lock({ADVISORY_KEY}, hashtext(current_schema()))"
_SHARE = f"SELECT pg_advisory_lock_shared({ADVISORY_KEY}, hashtext(current_schema()))"
_ME = "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()"
_END = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE (pid, backend_start) = (%s, %s)"
)


class StoreLock:
    """The lock of the database of *engine*, by which a server writes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._shared = False
        self._locks: list[str] = []
        self._descriptor: int | None = None
        self._backend: tuple[Any, ...] | None = None  # the process in PostgreSQL that has the lock

    @property
    def held(self) -> bool:
        """Return whether the database has been locked."""
        return self._descriptor is not None or self._backend is not None

    def acquire(self, shared: bool) -> None:
        """Lock the database until `release`, *shared* with other nodes. Raises `BadStore`."""
        self._shared = shared
        node = f"SELECT pg_advisory_lock({secrets.randbits(63)})"  # exclusive to this node
        self._locks = [_SHARE, node] if shared else [_LOCK]
        if is_sqlite(self._engine):
            if self._shared:
                raise BadStore("several nodes need PostgreSQL")
            self._lock_file()
            return
        self._engine.dispose()  # existing connections would not have the lock
        event.listen(self._engine, "connect", self._lock_connection)
        try:
            self._engine.connect().close()
        except NotSaved as problem:
            raise BadStore(str(problem)) from None
        except (DBAPIError, self._engine.dialect.loaded_dbapi.Error) as error:
            raise unusable(error) from error

    def release(self) -> None:
        """Unlock it. PostgreSQL does this when the connection is closed."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _lock_file(self) -> None:
        assert self._engine.url.database is not None, "SQLite has a file"
        database = Path(os.path.realpath(self._engine.url.database))
        path = database.with_name(f"{database.name}.lock")
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            descriptor = os.open(path, flags, 0o600)
        except OSError as error:
            raise BadStore(f"cannot lock the database {database}: {error.strerror}") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if isinstance(error, BlockingIOError):
                raise BadStore(self._in_use()) from None
            raise BadStore(f"cannot lock the database {database}: {error.strerror}") from None
        self._descriptor = descriptor

    def _lock_connection(self, connection: Any, _record: object) -> None:
        """Take the lock on a new *connection* to PostgreSQL. Raises `NotSaved`."""
        errors = self._engine.dialect.loaded_dbapi
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"SET lock_timeout = {ADVISORY_WAIT}")
                connection.commit()
                try:
                    for lock in self._locks:
                        cursor.execute(lock)
                except errors.errors.LockNotAvailable:
                    connection.rollback()
                    # An earlier connection of this server that PostgreSQL believes to be alive.
                    if self._backend is not None:
                        cursor.execute(_END, self._backend)
                        connection.commit()
                    raise NotSaved(self._in_use()) from None
                cursor.execute(_ME)
                self._backend = cursor.fetchone()
                cursor.execute("RESET lock_timeout")
            connection.commit()
        except BaseException:
            connection.close()
            raise

    def _in_use(self) -> str:
        by = "a server that shares it with no other node" if self._shared else "another server"
        return f"the database {shown(self._engine)} is in use by {by}"
