"""Copies a database into another one, which may be of another kind."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, FromClause, delete, func, insert, select

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
    conversations = select(schema.conversations).where(schema.conversations.c.head > 0)
    for used in (schema.accounts, conversations.subquery()):
        if _count(target, used):
            raise BadStore("there are accounts or messages in that database: it must be a new one")
    for table in schema.metadata.sorted_tables:
        if table in _OF_NODES:
            continue
        target.execute(delete(table))  # rows that a new database has: settings, the server's log
        rows = source.execute(select(table).execution_options(yield_per=ROWS))
        for part in rows.mappings().partitions(ROWS):
            target.execute(insert(table), [dict(row) for row in part])
        count = _count(source, table)
        if _count(target, table) != count:
            raise BadStore(f"not all rows of the table {table.name} were copied")
        progress(table.name, count)


def _count(connection: Connection, rows: FromClause) -> int:
    count: int = connection.execute(select(func.count()).select_from(rows)).scalar_one()
    return count
