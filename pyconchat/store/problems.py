"""What could be wrong with a database: found by reading all of it."""

from __future__ import annotations

from sqlalchemy import Connection, func, or_, select, text

from pyconchat.store import schema

MOST = 20
"""Problems that are told; where there are more, these are enough to know."""


def problems(connection: Connection) -> list[str]:
    """Return what is wrong, a line each; nothing if all is well. Takes time with all entries."""
    found: list[str] = []
    if connection.dialect.name == "sqlite":
        checked = connection.execute(text(f"PRAGMA integrity_check({MOST})")).scalars()
        found += [f"the database's file: {line}" for line in checked if line != "ok"]
    entries, conversations = schema.entries.c, schema.conversations.c
    counts = (
        select(
            entries.conversation,
            func.count().label("count"),
            func.max(entries.seq).label("last"),
        )
        .group_by(entries.conversation)
        .subquery()
    )
    count, last = func.coalesce(counts.c.count, 0), func.coalesce(counts.c.last, 0)
    wrong = (
        select(conversations.id, conversations.head, count, last)
        .outerjoin(counts, counts.c.conversation == conversations.id)
        .where(or_(conversations.head != last, count != last))
        .limit(MOST)
    )
    for id, head, stored, highest in connection.execute(wrong):
        found.append(
            f"conversation {id}: {stored} entries, the highest number is {highest},"
            f" and the next would be {head + 1}"
        )
    return found
