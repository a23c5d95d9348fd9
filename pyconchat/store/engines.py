"""The SQLAlchemy engines of a store."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import QueuePool

READERS = 2
"""The number of threads that read at the same time, in addition to the one that searches."""

READ_SECONDS = 5.0
"""Maximum seconds that one read takes."""

WAL_PAGES = 1000
"""Pages in SQLite's WAL before a checkpoint, for which a commit waits: 1 to 4 ms, and four times as
long with 4,000 (docs/performance.rst)."""

LOCK_TIMEOUT = 2.0
"""Seconds to wait while another process has locked an SQLite database."""

PREPARED = "prepared"
"""Key in the ``info`` of a PostgreSQL connection: the name of the prepared call of a function.

psycopg deallocates all prepared statements at a rollback, also those that it has not prepared.
"""

# Detects an unreachable server within seconds (libpq documentation, "Parameter Key Words").
_POSTGRESQL = {
    "client_encoding": "UTF8",
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,
    "options": "-c lock_timeout=5s",
}


class BadStore(Exception):
    """The store cannot be used; the message is one line that says what to do."""


def sqlite_url(database: Path) -> str:
    """Return the URL of the SQLite file *database*, whatever characters its path has."""
    return URL.create("sqlite", database=str(database)).render_as_string()


def is_sqlite(engine: Engine) -> bool:
    """Return whether *engine* is for SQLite; otherwise it is for PostgreSQL."""
    return engine.dialect.name == "sqlite"


class Engines(NamedTuple):
    """The engines of a store: one connection for *writing*, and `READERS` for *reading*.

    *lookups*, which only PostgreSQL needs, has one more connection for the thread that writes: its
    statements read, are transactions of their own, and end after `READ_SECONDS`.
    """

    writing: Engine
    reading: Engine
    lookups: Engine | None


def engines_for(url: str, durability: str) -> Engines:
    """Return the engines for the database *url*. Raises `BadStore`.

    *durability* is ``full`` (a commit is on disk before it is published) or ``normal`` (a power
    cut, but not a crash of the server, can lose the last commits).
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise BadStore("store.url is not a database URL, such as postgresql://host/name") from None
    match parsed.get_backend_name():
        case "sqlite":
            return _sqlite(url, durability)
        case "postgresql":
            return _postgresql(url, durability)
        case other:
            raise BadStore(f"store.url: {other} is not supported: use sqlite or postgresql")


def create_file(engine: Engine) -> None:
    """Create the file of an SQLite database with mode 0600; SQLite itself would use the umask.

    Raises `BadStore`.
    """
    if not is_sqlite(engine) or engine.url.database is None:
        return
    path = Path(engine.url.database)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    except OSError as error:
        raise BadStore(f"cannot use the database {path}: {error.strerror}") from None


def require_utf8(engine: Engine) -> None:
    """Raise `BadStore` unless the database of *engine* can store every character."""
    if is_sqlite(engine):
        return
    try:
        with engine.connect() as connection:
            encoding = connection.exec_driver_sql("SHOW server_encoding").scalar()
    except DBAPIError as error:
        raise unusable(error) from error
    if encoding != "UTF8":
        raise BadStore(
            f"the database {shown(engine)} has the encoding {encoding}; PyconChat needs UTF8:"
            " CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0"
        )


def shown(engine: Engine) -> str:
    """Return the name of the database of *engine* for a message, without its password."""
    url = engine.url
    if is_sqlite(engine):
        return str(url.database)
    return url.set(
        drivername="postgresql", username=None, password=None, query={}
    ).render_as_string()


def unusable(error: Exception) -> BadStore:
    """Return the error for a database that cannot be used because of *error*."""
    return BadStore(f"the database cannot be used: {reason_of(error)}")


def reason_of(error: Exception) -> str:
    """Return the message of *error*, or of the driver's error behind it, in one line."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return (str(cause).strip() or type(cause).__name__).splitlines()[0]


def _text(stored: bytes) -> str:
    """Return *stored* text; a damaged text must not make other rows unreadable."""
    return stored.decode("utf-8", "surrogateescape")


def _sqlite(url: str, durability: str) -> Engines:
    database = make_url(url).database
    if not database or database == ":memory:":
        raise BadStore("store.url: SQLite needs a file")

    def connected(begin: str, *pragmas: str) -> Engine:
        engine = create_engine(
            url,
            poolclass=QueuePool,
            pool_size=READERS + 1,
            max_overflow=0,
            connect_args={"check_same_thread": False, "timeout": LOCK_TIMEOUT},
        )

        # As in SQLAlchemy's documentation (pysqlite, "Serializable isolation"): the driver must
        # not begin transactions by itself, so that ours can begin IMMEDIATE.
        @event.listens_for(engine, "connect")
        def on_connect(connection: Any, _record: object) -> None:
            connection.isolation_level = None
            connection.text_factory = _text
            for pragma in pragmas:
                connection.execute(f"PRAGMA {pragma}")

        @event.listens_for(engine, "begin")
        def on_begin(connection: Any) -> None:
            connection.connection.driver_connection.execute(begin)

        return engine

    writing = connected(
        "BEGIN IMMEDIATE",
        "journal_mode = WAL",
        f"wal_autocheckpoint = {WAL_PAGES}",
        f"synchronous = {'FULL' if durability == 'full' else 'NORMAL'}",
        "cache_size = -16384",
        "secure_delete = ON",  # removed text is overwritten in the file
    )
    return Engines(writing, connected("BEGIN", "query_only = ON", "cache_size = -4096"), None)


def _postgresql(url: str, durability: str) -> Engines:
    parsed = make_url(url).set(drivername="postgresql+psycopg")

    def connected(settings: str = "", **options: Any) -> Engine:
        try:
            return create_engine(
                parsed,
                max_overflow=0,
                pool_pre_ping=True,
                paramstyle="format",
                connect_args=_POSTGRESQL | ({"options": settings} if settings else {}),
                **options,
            )
        except ModuleNotFoundError:
            raise BadStore(
                "store.url: PostgreSQL needs psycopg: pip install '.[postgres]', in the checkout"
            ) from None

    writing = connected(pool_size=1)

    @event.listens_for(writing, "connect")
    def on_connect(connection: Any, _record: object) -> None:
        wait = "on" if durability == "full" else "off"
        with connection.cursor() as cursor:
            cursor.execute(f"SET synchronous_commit = {wait}")
        connection.commit()

    @event.listens_for(writing, "rollback")
    @event.listens_for(writing, "rollback_savepoint")
    def on_rollback(connection: Any, *_savepoint: object) -> None:
        connection.connection.info.pop(PREPARED, None)

    @event.listens_for(writing, "reset")  # its connection goes back to the pool
    def on_reset(_connection: object, record: Any, _state: object) -> None:
        record.info.pop(PREPARED, None)

    limited = f"-c statement_timeout={READ_SECONDS * 1000:.0f} -c default_transaction_read_only=on"
    return Engines(
        writing,
        connected(pool_size=READERS + 1),
        connected(limited, pool_size=1, isolation_level="AUTOCOMMIT"),
    )
