"""Checks a database for defects, by reading all of it."""

from __future__ import annotations

from sqlalchemy import Connection, func, or_, select, text

from pyconchat.store import schema

MAX_PROBLEMS = 20
"""Maximum problems of each kind that are reported. A damaged database may have millions."""


def problems(connection: Connection) -> list[str]:
    """Return the problems, a line each. Takes time in proportion to the number of entries."""
    found: list[str] = []
    if connection.dialect.name == "sqlite":
        checked = connection.execute(text(f"PRAGMA integrity_check({MAX_PROBLEMS})")).scalars()
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
        .limit(MAX_PROBLEMS)
    )
    for id, head, stored, highest in connection.execute(wrong):
        found.append(
            f"conversation {id}: {stored} entries, the highest number is {highest},"
            f" and the next would be {head + 1}"
        )
    return found
