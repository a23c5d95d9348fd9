"""A connection that one thread keeps: getting one from the pool costs PostgreSQL a round trip."""

from __future__ import annotations

import select
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine

from pyconchat.store.engines import is_sqlite

__all__ = ["KeptConnection", "driver_of"]


class KeptConnection:
    """A connection of *engine*, which is opened when it is needed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._sqlite = is_sqlite(engine)
        self._kept: Connection | None = None

    @contextmanager
    def use(self) -> Iterator[Connection]:
        """Yield the connection, which is closed after any error."""
        if self._kept is not None and self._ended(self._kept):
            self.close()
        if self._kept is None:
            self._kept = self._engine.connect()
        try:
            yield self._kept
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._kept is not None:
            kept, self._kept = self._kept, None
            if not self._sqlite and not kept.invalidated and driver_of(kept).closed:
                kept.invalidate()  # the pool would try to roll back
            kept.close()

    def _ended(self, connection: Connection) -> bool:
        """Return whether PostgreSQL has sent unrequested data, as when it ends a *connection*.

        The pool then tests it. A test each time would be a round trip.
        """
        if self._sqlite:
            return False
        driver = driver_of(connection)
        if driver.closed:
            return True
        arrived = select.poll()
        arrived.register(driver.fileno(), select.POLLIN)
        return bool(arrived.poll(0))


def driver_of(connection: Connection) -> Any:
    """Return psycopg's connection behind *connection*."""
    return connection.connection.driver_connection
