"""Statements on the way of every message: compiled once, run on the driver's own cursor.

SQLAlchemy looks at each row of an ``executemany`` in Python; for the three statements that each
message takes, that was a third of a commit (docs/performance.rst).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import ClauseElement, Connection, Dialect

__all__ = ["Prepared"]


class Prepared:
    """*statement* for *dialect*; neither its parameters nor its rows need a conversion."""

    def __init__(self, statement: ClauseElement, dialect: Dialect) -> None:
        compiled: Any = statement.compile(dialect=dialect)
        self._text: str = compiled.string
        names: list[str] | None = compiled.positiontup
        assert names is not None, "both drivers take parameters by their position"
        self.names: Sequence[str] = names

    def rows(self, connection: Connection, values: Sequence[object]) -> list[Any]:
        """Run it with *values*, in their order; return its rows. Raises what the driver raises."""
        cursor = connection.connection.cursor()
        try:
            cursor.execute(self._text, values)
            rows: list[Any] = list(cursor.fetchall())
            return rows
        finally:
            cursor.close()

    def run(self, connection: Connection, rows: Iterable[dict[str, object]]) -> None:
        """Run it for each of *rows*. Raises what the driver raises."""
        values = itemgetter(*self.names)
        cursor = connection.connection.cursor()
        try:
            cursor.executemany(self._text, [values(row) for row in rows])
        finally:
            cursor.close()
