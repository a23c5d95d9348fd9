"""Checks a database for defects, by reading all of it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from sqlalchemy import Connection, func, or_, select, text

from pyconchat.domain.events import Damaged, decode
from pyconchat.store import schema
from pyconchat.store.prepared import Prepared
from pyconchat.store.purge import KEPT_DAYS

MAX_PROBLEMS = 20
"""Maximum problems of each kind that are reported. A damaged database may have millions."""


PAGE_ENTRIES = 1000
"""Entries that are read at once."""


def problems(connection: Connection, read_entries: Prepared) -> list[str]:
    """Return the problems, a line each. Takes time in proportion to the number of entries.

    *read_entries* reads by conversation, the numbers after and up to which, and a maximum.
    """
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
    removed = select(schema.groups.c.conversation).where(schema.groups.c.days_closed > KEPT_DAYS)
    wrong = (
        select(conversations.id, conversations.head, count, last)
        .outerjoin(counts, counts.c.conversation == conversations.id)
        .where(or_(conversations.head != last, count != last))
        .where(conversations.id.not_in(removed))
        .limit(MAX_PROBLEMS)
    )
    for id, head, stored, highest in connection.execute(wrong):
        found.append(
            f"conversation {id}: {stored} entries, the highest number is {highest},"
            f" and the next would be {head + 1}"
        )
    damaged = islice(_damaged(connection, read_entries), MAX_PROBLEMS)
    found += [f"conversation {id}: entry {seq} is damaged" for id, seq in damaged]
    return found


def _damaged(connection: Connection, read_entries: Prepared) -> Iterator[tuple[int, int]]:
    """Yield conversation and number of each entry that cannot be read."""
    conversations = schema.conversations.c
    for id, head in connection.execute(select(conversations.id, conversations.head)).all():
        after = 0
        while page := read_entries.rows(connection, [id, after, head, PAGE_ENTRIES]):
            after = page[-1][0]
            yield from ((id, seq) for seq, _, body in page if type(decode(body)) is Damaged)
