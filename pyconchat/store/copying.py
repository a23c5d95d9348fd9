"""Copies a database into another one, which may be of another kind."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, Table, delete, func, insert, select

from pyconchat.store import schema
from pyconchat.store.engines import BadStore

__all__ = ["copy_rows"]

ROWS = 5000
"""Maximum rows in memory."""

# The index of words follows the log by itself, and counters the ids that they find.
_OF_NODES = {
    schema.nodes,
    schema.online,
    schema.account_changes,
    schema.counters,
    schema.tickets,
    schema.wrong_passwords,
}


def copy_rows(source: Connection, target: Connection, progress: Callable[[str, int], None]) -> None:
    """Copy all rows of *source* to *target*, which has the same schema and has not been used.

    *progress* is called with the name of each table and the number of its rows. Raises `BadStore`
    if *target* is in use, or has not all rows in the end.
    """
    for used in (schema.accounts, schema.conversations.select().where(_has_entries).subquery()):
        if _count(target, used):
            raise BadStore("there are accounts or messages in that database: it must be a new one")
    for table in schema.metadata.sorted_tables:
        if table in _OF_NODES:
            continue
        target.execute(delete(table))  # what a new database has: settings, the server's log
        rows = source.execution_options(yield_per=ROWS).execute(select(table))
        for part in rows.mappings().partitions(ROWS):
            target.execute(insert(table), [dict(row) for row in part])
        count = _count(source, table)
        if _count(target, table) != count:
            raise BadStore(f"not all rows of the table {table.name} were copied")
        progress(table.name, count)


_has_entries = schema.conversations.c.head > 0


def _count(connection: Connection, table: Table | object) -> int:
    count: int = connection.execute(
        select(func.count()).select_from(table)  # type: ignore[arg-type]
    ).scalar_one()
    return count
