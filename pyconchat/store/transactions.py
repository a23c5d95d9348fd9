"""Transactions, with the database's errors as `NotSaved`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from pyconchat.domain.errors import NotSaved
from pyconchat.store.engines import is_sqlite

__all__ = ["Unstorable", "Writer", "transaction"]


class Unstorable(NotSaved):
    """The database refuses what was to be stored; it works for everything else."""


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """Begin a transaction, and commit it at the end. Raises `NotSaved` for database errors."""
    with _errors_as_not_saved(engine), engine.begin() as connection:
        yield connection


class Writer:
    """The transactions of the one thread that writes on *engine*.

    SQLite's connection is kept, because getting one from the pool takes longer than storing a
    message. PostgreSQL's comes from the pool each time, which checks that it still works.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._keeps = is_sqlite(engine)
        self._kept: Connection | None = None

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """As the function `transaction`."""
        if not self._keeps:
            with transaction(self._engine) as connection:
                yield connection
            return
        with _errors_as_not_saved(self._engine):
            if self._kept is None:
                self._kept = self._engine.connect()
            try:
                with self._kept.begin():
                    yield self._kept
            except BaseException:
                self.close()  # after any error, the next transaction gets a new connection
                raise

    def close(self) -> None:
        """Close the connection, if it is kept."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None


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
    refused = isinstance(error, errors.DataError | errors.IntegrityError)
    return (Unstorable if refused else NotSaved)(str(error).strip())
