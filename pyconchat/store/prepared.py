"""Prepared statements: compiled once, and executed on the driver's own cursor.

SQLAlchemy processes each row of an ``executemany`` in Python. For the three statements of each
message that took a third of the commit's time (docs/performance.rst).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import ClauseElement, Connection, Dialect

__all__ = ["Prepared"]


class Prepared:
    """*statement* for *dialect*. Its parameters and its rows must not need any conversion."""

    def __init__(self, statement: ClauseElement, dialect: Dialect) -> None:
        compiled: Any = statement.compile(dialect=dialect)
        self._text: str = compiled.string
        names: list[str] | None = compiled.positiontup
        assert names is not None, "both drivers take positional parameters"
        self.names: Sequence[str] = names

    def rows(self, connection: Connection, values: Sequence[object]) -> list[Any]:
        """Execute it with *values*, by position; return the rows. Raises the driver's errors."""
        cursor = connection.connection.cursor()
        try:
            cursor.execute(self._text, values)
            rows: list[Any] = list(cursor.fetchall())
            return rows
        finally:
            cursor.close()

    def run(self, connection: Connection, rows: Iterable[dict[str, object]]) -> None:
        """Execute it for each of *rows*, by name. Raises the driver's errors."""
        values = itemgetter(*self.names)
        cursor = connection.connection.cursor()
        try:
            cursor.executemany(self._text, [values(row) for row in rows])
        finally:
            cursor.close()
