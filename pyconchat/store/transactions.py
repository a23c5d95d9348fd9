"""Transactions: begun, ended, and what the database says of them in our own words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from pyconchat.domain.errors import NotSaved
from pyconchat.store.engines import is_sqlite

__all__ = ["Writer", "transaction"]


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """Begin a transaction; commit it at the end. Raises `NotSaved` for what the database says."""
    with _in_our_words(engine), engine.begin() as connection:
        yield connection


class Writer:
    """The transactions of the one thread that writes on *engine*.

    SQLite's connection is kept: to get one from the pool takes longer than to store a message.
    PostgreSQL's is asked for each time, because the server may have ended it meanwhile.
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
        with _in_our_words(self._engine):
            if self._kept is None:
                self._kept = self._engine.connect()
            try:
                with self._kept.begin():
                    yield self._kept
            except BaseException:
                self.close()  # whatever it was, the next one begins anew
                raise

    def close(self) -> None:
        """Let go of the connection."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None


@contextmanager
def _in_our_words(engine: Engine) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise NotSaved(str(error.orig).strip()) from error
    except engine.dialect.loaded_dbapi.Error as error:  # of what was `Prepared`
        raise NotSaved(str(error).strip()) from error
