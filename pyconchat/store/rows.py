"""Inserts, changes and deletes rows of one table, by the values of columns.

The statements are built once: to build one takes longer than to execute it. `parts` divides a
long list of values among several statements.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Delete,
    Insert,
    Table,
    Update,
    bindparam,
    delete,
    insert,
    update,
)

__all__ = ["MAX_PARAMETERS", "change_rows", "delete_rows", "insert_row", "parts"]

MAX_PARAMETERS = 400
"""Maximum values in the list of one statement: it has a limited number of parameters."""

T = TypeVar("T")


def parts(values: Collection[T]) -> Iterator[Sequence[T]]:
    """Yield *values* in parts of at most `MAX_PARAMETERS`."""
    every = list(values)
    for first in range(0, len(every), MAX_PARAMETERS):
        yield every[first : first + MAX_PARAMETERS]


def insert_row(connection: Connection, table: Table, **values: Any) -> None:
    """Insert a row with *values*."""
    connection.execute(_insert(table), values)


def delete_rows(connection: Connection, table: Table, **where: Any) -> int:
    """Delete the rows whose columns have the values *where*; return how many there were."""
    return connection.execute(_delete(table, *where), _parameters(where)).rowcount


def change_rows(connection: Connection, table: Table, where: dict[str, Any], **values: Any) -> int:
    """Set *values* in the rows whose columns have the values *where*; return how many there are."""
    return connection.execute(_update(table, *where), _parameters(where) | values).rowcount


def _parameters(where: dict[str, Any]) -> dict[str, Any]:
    return {f"of_{name}": value for name, value in where.items()}


def _conditions(table: Table, columns: tuple[str, ...]) -> list[ColumnElement[bool]]:
    return [table.c[name] == bindparam(f"of_{name}") for name in columns]


@cache
def _insert(table: Table) -> Insert:
    return insert(table)


@cache
def _delete(table: Table, *columns: str) -> Delete:
    return delete(table).where(*_conditions(table, columns))


@cache
def _update(table: Table, *columns: str) -> Update:
    return update(table).where(*_conditions(table, columns))
