"""Transactions, with the database's errors as `NotSaved`."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from pyconchat.domain.errors import NotSaved, TimedOut
from pyconchat.store.database_file import DatabaseFile
from pyconchat.store.engines import READ_SECONDS, is_sqlite
from pyconchat.store.kept_connection import KeptConnection, driver_of
from pyconchat.store.wal import prewrite_wal, truncate_wal

__all__ = [
    "CallLost",
    "CommitLost",
    "Contended",
    "Unstorable",
    "Writer",
    "reading",
    "savepoint",
    "snapshot",
    "transaction",
]

OPERATIONS = 1000
"""SQLite's virtual machine instructions between two checks of a deadline: less than 1 ms."""

_CONTENDED = ("40P01", "40001", "55P03")  # deadlock, serialization failure, lock timeout


class Unstorable(NotSaved):
    """The database refuses these values; it can store others."""


class Contended(NotSaved):
    """PostgreSQL has ended a transaction in favour of another one; a repetition may succeed."""


_MARK = text(
    "INSERT INTO writers VALUES (:id, :batch, ARRAY[]::bigint[])"
    " ON CONFLICT (id) DO UPDATE SET batch = excluded.batch RETURNING txid_current()"
)
_MARKED = text("SELECT batch FROM writers WHERE id = :id")
# NULL for a transaction that has not begun, or is too old for its status to be stored.
_STATUS = text("SELECT CASE WHEN :transaction < txid_current() THEN txid_status(:transaction) END")


class CommitLost(NotSaved):
    """The connection to PostgreSQL was lost during COMMIT.

    *transaction* is the number of the transaction, and *batch* that of the commit of its writer.
    """

    def __init__(self, transaction: int, batch: int) -> None:
        super().__init__("the answer to COMMIT was lost")
        self.transaction = transaction
        self.batch = batch


class CallLost(NotSaved):
    """The connection to PostgreSQL was lost during a statement that is a transaction of its own."""


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """Begin a transaction, and commit it at the end. Raises `NotSaved` for database errors."""
    with _errors_as_not_saved(engine), engine.begin() as connection:
        yield connection


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """As `transaction`, for reads that all see the same commits."""
    with transaction(engine) as connection:
        _see_one_state(connection)
        yield connection


def _see_one_state(connection: Connection) -> None:
    """Let all statements of a new transaction see the same commits, as they do in SQLite."""
    if connection.dialect.name != "sqlite":
        isolation = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
        connection.exec_driver_sql(isolation)


@contextmanager
def reading(
    engine: Engine, seconds: float, wanted: Callable[[], bool] = lambda: True
) -> Iterator[Connection]:
    """As `transaction`, for reads that end after *seconds*, or when they are no longer *wanted*.

    Raises `TimedOut` then. PostgreSQL asks *wanted* only at the beginning.
    """
    if not wanted():
        raise TimedOut("nobody waits for it")
    with transaction(engine) as connection, _deadline(connection, seconds, wanted):
        yield connection


@contextmanager
def savepoint(connection: Connection) -> Iterator[None]:
    """Roll back this part of a transaction if it fails. Raises `NotSaved`."""
    with _errors_as_not_saved(connection.engine), connection.begin_nested():
        yield


@contextmanager
def _deadline(connection: Connection, seconds: float, wanted: Callable[[], bool]) -> Iterator[None]:
    """Cancel the statement in the transaction of *connection*, as in `reading`."""
    if not is_sqlite(connection.engine):
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {int(seconds * 1000)}")
        yield
        return
    deadline = time.monotonic() + seconds
    driver: Any = connection.connection.driver_connection
    driver.set_progress_handler(lambda: time.monotonic() > deadline or not wanted(), OPERATIONS)
    try:
        yield
    finally:
        driver.set_progress_handler(None, 0)


class Writer:
    """The transactions of the one thread that writes on *engine*.

    In PostgreSQL, it looks rows up on *lookups*, whose statements are transactions of their own and
    have a deadline.
    """

    def __init__(self, engine: Engine, lookups: Engine | None) -> None:
        self._engine = engine
        self._sqlite = is_sqlite(engine)
        self._kept = KeptConnection(engine)
        self._lookups = None if lookups is None else KeptConnection(lookups)
        self._file: DatabaseFile | None = None
        self._id = secrets.randbits(63)  # of its row in `schema.writers`
        self._batch = 0  # number of the last commit

    def require_this_file(self) -> None:
        """From now on, refuse to commit if SQLite's file is no longer the same. Raises `OSError`.

        PostgreSQL needs no such check.
        """
        if self._sqlite and self._engine.url.database is not None:
            self._file = DatabaseFile(self._engine.url.database)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """As the function `transaction`."""
        with self._connection() as connection, connection.begin():
            yield connection

    @contextmanager
    def reading(self, seconds: float) -> Iterator[Connection]:
        """As `transaction`, for reads that end after *seconds*. Raises `TimedOut` then."""
        with self.transaction() as connection, _deadline(connection, seconds, lambda: True):
            yield connection

    @contextmanager
    def lookup(self) -> Iterator[Connection]:
        """As `reading`, for `READ_SECONDS`, and look-ups of a few rows by their keys.

        In PostgreSQL each statement has the deadline, and is one round trip instead of four.
        """
        if self._lookups is None:
            with self.reading(READ_SECONDS) as connection:
                yield connection
            return
        kept = self._lookups.use()
        with _errors_as_not_saved(self._engine), kept as connection, connection.begin():
            yield connection

    @contextmanager
    def snapshot(self, seconds: float) -> Iterator[Connection]:
        """As `reading`, where all statements see the same commits."""
        with self.transaction() as connection:
            _see_one_state(connection)
            with _deadline(connection, seconds, lambda: True):
                yield connection

    @contextmanager
    def commit(self) -> Iterator[Connection]:
        """As `transaction`, but raises `CommitLost` if PostgreSQL may have committed it."""
        if self._file is not None:
            self._file.require()
        if self._sqlite:
            with self.transaction() as connection:
                yield connection
            return
        with self._connection() as connection:
            begun = connection.begin()
            self._batch += 1
            own = {"id": self._id, "batch": self._batch}
            number: int = connection.execute(_MARK, own).scalar_one()
            yield connection
            try:
                begun.commit()
            except (DBAPIError, self._engine.dialect.loaded_dbapi.Error) as error:
                raise CommitLost(number, own["batch"]) from error

    @contextmanager
    def call(self) -> Iterator[Connection]:
        """Yield a connection outside of transactions; the driver executes a whole one on it.

        Raises `CallLost` if PostgreSQL may have committed it, and `NotSaved`.
        """
        if self._file is not None:
            self._file.require()
        with self._connection() as connection:
            try:
                yield connection
            except self._engine.dialect.loaded_dbapi.Error as error:
                if not self._sqlite and driver_of(connection).closed:
                    raise CallLost("the connection was lost") from error
                raise

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        """Yield the kept connection, which is closed after any error. Raises `NotSaved`."""
        with _errors_as_not_saved(self._engine), self._kept.use() as connection:
            yield connection

    def empty_wal(self) -> bool:
        """Empty SQLite's write-ahead log, which has earlier versions of pages; then prewrite it.

        Returns whether that was possible. PostgreSQL needs neither.
        """
        if not self._sqlite:
            return True
        with self._connection() as connection:
            if not truncate_wal(connection):
                return False
            prewrite_wal(connection)
            return True

    def committed(self, lost: CommitLost) -> bool:
        """Return whether PostgreSQL has committed the transaction of *lost*, the last commit.

        Raises `NotSaved` if PostgreSQL cannot be asked, or the transaction has not ended.
        """
        with self.transaction() as connection:
            status = connection.scalar(_STATUS, {"transaction": lost.transaction})
            if status == "in progress":
                raise NotSaved(f"the transaction {lost.transaction} is in progress")
            # Its status alone does not tell: after a crash of PostgreSQL, another transaction may
            # have the number of one that was lost.
            batch: int | None = connection.scalar(_MARKED, {"id": self._id})
            return batch == lost.batch

    def close(self) -> None:
        """Close the connections, if there are any."""
        self._kept.close()
        if self._lookups is not None:
            self._lookups.close()


@contextmanager
def _errors_as_not_saved(engine: Engine) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise _not_saved(engine, error.orig) from error
    except engine.dialect.loaded_dbapi.Error as error:  # from a `Prepared` statement
        raise _not_saved(engine, error) from error


def _not_saved(engine: Engine, error: BaseException | None) -> NotSaved:
    errors = engine.dialect.loaded_dbapi
    if is_sqlite(engine):
        ended = getattr(error, "sqlite_errorcode", None) == errors.SQLITE_INTERRUPT
    else:
        ended = isinstance(error, errors.errors.QueryCanceled)
    if ended:
        return TimedOut("reading took too long")
    if getattr(error, "sqlstate", None) in _CONTENDED:
        return Contended(str(error).strip())
    refused = isinstance(error, errors.DataError | errors.IntegrityError)
    return (Unstorable if refused else NotSaved)(str(error).strip())
